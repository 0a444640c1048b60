"""Uses of a query, also of a refused text: one answer has both the refusals and the missing grants."""

# ruff: noqa: E501 - one case a line reads as a table

import pytest
from query_kit import compiled, drawn

from broker.domain.plans.variable_uses import Usage, VariableUse
from broker.query.analysis.collected_uses import merged_uses

SHORT = {h: h.value[:1] if h is not Usage.RELEASED else "x" for h in Usage}
"""read r, filtered f, grouped g, joined j, ordered o, released x."""


def used(text: str, dialect: str = "tsql") -> dict[str, str]:
    """How each variable is used, letter by letter in the alphabet's order; rows alone under the table's name."""
    return {u.full_name[4:]: "".join(sorted(SHORT[h] for h in u.how)) for u in compiled(text, dialect).uses}


# what is asked | variables, each with how it is used at least; whether it is grouped by is said exactly
HOW = drawn(r"""
SELECT COUNT(*) AS n FROM a                                                                                 | a r
SELECT LA, COUNT(*) AS n FROM a GROUP BY LA                                                                 | a.LA gx
SELECT LA, COUNT(*) AS n FROM a GROUP BY LA ORDER BY LA                                                     | a.LA gox
SELECT d.LA, d.n FROM (SELECT LA, COUNT(*) AS n FROM a GROUP BY LA) d                                       | a.LA gx
SELECT CASE WHEN LA = 1 THEN 'x' END AS k, COUNT(*) AS n FROM a GROUP BY CASE WHEN LA = 1 THEN 'x' END      | a.LA gx
SELECT Sex, COUNT(*) AS n FROM a GROUP BY Sex UNION ALL SELECT Kind, COUNT(*) FROM b GROUP BY Kind          | a.Sex gx, b.Kind gx
SELECT d.k, COUNT(*) AS n FROM (SELECT Sex AS k FROM a UNION ALL SELECT Kind FROM b) d GROUP BY d.k         | a.Sex gx, b.Kind gx
SELECT LA, COUNT(*) AS n FROM a GROUP BY ROLLUP (LA)                                                        | a.LA gx
SELECT * FROM (SELECT Sex, LA, Score FROM a) AS s PIVOT (SUM(Score) FOR Sex IN ([M], [F])) AS p             | a.LA gx, a.Sex r, a.Score r
SELECT LA, COUNT(*) AS n FROM a GROUP BY LA HAVING SUM(Flag) > 30                                           | a.LA gx, a.Flag f
SELECT LA, COUNT(*) AS n FROM a GROUP BY LA ORDER BY SUM(Flag)                                              | a.LA gx, a.Flag o
SELECT LA, RANK() OVER (ORDER BY SUM(Flag)) AS r, COUNT(*) AS n FROM a GROUP BY LA                          | a.LA gx, a.Flag r
SELECT COUNT(*) AS n FROM a JOIN b ON a.Key = b.Key                                                         | a.Key j, b.Key j
SELECT COUNT(*) AS n FROM a, b WHERE a.Key = b.Key                                                          | a.Key j, b.Key j
SELECT COUNT(*) AS n FROM a JOIN b USING (Key)                                                              | a.Key j, b.Key j
SELECT COUNT(*) AS n FROM a JOIN b USING (Key, Y)                                                           | a.Key j, b.Key j, a.Y j, b.Y j
SELECT COUNT(*) AS n FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.Key = a.Key)                              | a.Key j, b.Key j
SELECT COUNT(*) AS n FROM a WHERE Key IN (SELECT Key FROM b)                                                | a.Key j, b.Key r
SELECT COUNT(*) AS n FROM a CROSS APPLY (SELECT Days FROM b WHERE b.Key = a.Key) z                          | a.Key j, b.Key j, b.Days r
SELECT COUNT(*) AS n FROM (SELECT Key, Y FROM a EXCEPT SELECT Key, Y FROM b) d                              | a.Key r, b.Key r, a.Y g, b.Y r
SELECT COUNT(*) AS n FROM (SELECT DISTINCT Key, Born FROM a) d                                              | a.Key r, a.Born g
SELECT COUNT(*) AS n FROM (SELECT Key, Born FROM a UNION SELECT Key, Born FROM a) d                         | a.Key r, a.Born g
SELECT COUNT(*) AS n FROM (SELECT COUNT(*) AS m FROM a GROUP BY Key, Born) d                                | a.Key j, a.Born g
SELECT COUNT(*) AS n FROM (SELECT AVG(1.0 * Score) OVER (PARTITION BY Born) AS m FROM a) d WHERE d.m > 2    | a.Born g, a.Score f
SELECT COUNT(*) AS n FROM (SELECT COUNT(*) OVER (PARTITION BY Key, Born) AS m FROM a) d WHERE d.m > 2       | a.Key r, a.Born g
SELECT COUNT(*) AS n FROM a WHERE Born IN (SELECT c.Born FROM a c)                                          | a.Born fg
SELECT COUNT(*) AS n FROM a WHERE (SELECT COUNT(*) FROM a c WHERE c.Born = a.Born) > 3                      | a.Born fg
SELECT COUNT(*) AS n FROM a JOIN (SELECT Born, COUNT(*) AS m FROM a GROUP BY Born) d ON d.Born = a.Born     | a.Born gj
SELECT COUNT(*) AS n FROM (SELECT ROW_NUMBER() OVER (PARTITION BY Key ORDER BY Score) AS r FROM a) d WHERE d.r = 1 | a.Key r, a.Score r
SELECT COUNT(*) AS n FROM (SELECT UPN FROM a) d                                                             | a.UPN r
SELECT Key, COUNT(*) AS n FROM a GROUP BY Key                                                               | a.Key jx
SELECT DISTINCT Key FROM a                                                                                  | a.Key x
SELECT Key, Score FROM a                                                                                    | a.Key x, a.Score x
SELECT d.S, COUNT(*) AS n FROM a, (SELECT Kind AS S, * FROM b) d WHERE a.Key = d.Key GROUP BY d.S           | a.Key j, b.Kind gx, b.Key j, b.Days r, b.Wave r, b.Y r
SELECT COUNT(*) AS n FROM (SELECT * FROM b WHERE Wave = 1) d WHERE d.Days > 2                               | b.Wave f, b.Days f, b.Key r, b.Kind r, b.Y r
SELECT LA, COUNT(*) AS n FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.Key = a.Key AND b.Days = 3) GROUP BY LA | a.LA gx, a.Key j, b.Days f, b.Key j
SELECT k, COUNT(*) AS n FROM (SELECT CASE WHEN EXISTS (SELECT 1 FROM b WHERE b.Key = a.Key AND b.Days = 3) THEN 1 ELSE 0 END AS k FROM a) t GROUP BY k | a.Key j, b.Days fg, b.Key j
SELECT k, COUNT(*) AS n FROM (SELECT CASE WHEN a.Key IN (SELECT b.Key FROM b WHERE b.Days = 3) THEN 1 ELSE 0 END AS k FROM a) t GROUP BY k | a.Key r, b.Days fg, b.Key r
SELECT k, COUNT(*) AS n FROM (SELECT (SELECT COUNT(*) FROM b WHERE b.Key = a.Key AND b.Days = 3) AS k FROM a) t GROUP BY k | a.Key j, b.Days fg, b.Key j
SELECT k, COUNT(*) AS n FROM (SELECT (SELECT MAX(b.Days) FROM b WHERE b.Key = a.Key) AS k FROM a) t GROUP BY k | a.Key j, b.Days gx, b.Key j
SELECT k, COUNT(*) AS n FROM (SELECT CASE WHEN EXISTS (SELECT 1 FROM b WHERE b.Key = a.Key) THEN 1 ELSE 0 END AS k FROM a) t GROUP BY k | a.Key j, b.Key j
""")


@pytest.mark.parametrize(("text", "uses"), HOW)
def test_how_a_variable_is_used(text: str, uses: str) -> None:
    found = used(text)
    wanted = dict(u.split() for u in uses.split(", "))
    assert found.keys() == wanted.keys()
    assert all(set(how) <= set(found[name]) for name, how in wanted.items()), found
    assert {name for name in found if "g" in found[name]} == {name for name in wanted if "g" in wanted[name]}


@pytest.mark.parametrize("text", ["SELECT COUNT(*) AS n FROM a JOIN b ON a.Key = b.Key", "SELECT COUNT(*) AS n FROM a WHERE Key IN (SELECT Key FROM b)",
    "SELECT COUNT(*) AS n FROM (SELECT Key, COUNT(*) AS m FROM a GROUP BY Key) d", "SELECT COUNT(*) AS n FROM (SELECT DISTINCT Key, LA FROM a) d",
    "SELECT COUNT(*) AS n FROM (SELECT LAG(Score) OVER (PARTITION BY Key ORDER BY Y) AS l FROM a) d", "SELECT COUNT(*) AS n FROM (SELECT Key FROM a INTERSECT SELECT Key FROM b) d",
    "SELECT COUNT(DISTINCT Key) AS n FROM a", "SELECT COUNT(Key) AS n FROM a"])  # fmt: skip
def test_link_keys_in_their_place_are_joined_and_read_only(text: str) -> None:
    """The grants refuse link keys that are grouped, filtered, ordered or released: none of that is meant here."""
    assert all(set(how) <= {"j", "r"} for name, how in used(text).items() if name.endswith(".Key"))


# refused text | what it uses nevertheless, and what it is refused for
REFUSED = drawn(r"""
WITH w AS (SELECT Key FROM b WHERE Days <> 1) SELECT MIN(Score) AS n FROM a WHERE Key IN (SELECT Key FROM w) | a.Key a.Score b.Days b.Key | individual-value
SELECT MIN(n) AS s, MIN(x) AS x FROM (SELECT Sex, COUNT(*) AS n FROM a GROUP BY Sex, LA) d                  | a.LA a.Sex | unknown-variable
SELECT SUM(d.n) AS s, d.x FROM (SELECT Sex, COUNT(*) AS n FROM a GROUP BY Sex, LA) d                        | a.LA a.Sex | unknown-variable
SELECT COUNT(*) AS n FROM (SELECT LA FROM a GROUP BY LA HAVING MIN(Score) > (SELECT AVG(1.0 * Score) FROM a WHERE Flag IS NULL)) d | a.Flag a.LA a.Score | individual-value
SELECT COUNT(*) AS n FROM (SELECT Key, Y FROM a) x FULL JOIN (SELECT Key, Days FROM b) y ON x.Y = y.Days    | a.Key a.Y b.Days b.Key | type
SELECT COUNT(*) AS n FROM a x FULL JOIN (SELECT Nope, Key, Days FROM b) y ON x.Key = y.Key                  | a.Key b.Days b.Key | unknown-variable
SELECT COUNT(*) AS n FROM (SELECT LA FROM a GROUP BY LA HAVING MIN(Score) >= 3) d                           | a.LA a.Score | individual-value
SELECT COUNT(*) AS n FROM a OUTER APPLY (SELECT MIN(Days) AS m FROM b WHERE b.Kind = a.Sex) z WHERE a.LA = 1 | a.LA a.Sex b.Days b.Kind | individual-value
SELECT COUNT(*) AS n FROM a CROSS APPLY nothing(a.Score) z WHERE a.LA = 1                                   | a.LA | table-function
SELECT COUNT(*) AS n FROM a JOIN (SELECT Key, SUM(Nope) AS s FROM b GROUP BY Key) d ON d.Key = a.Key        | a.Key b.Key | unknown-variable
SELECT COUNT(*) AS n FROM a LEFT JOIN (SELECT Key, SUM(Nope) AS s FROM b GROUP BY Key) d ON d.Key = a.Key AND d.s > a.Score | a.Key a.Score b.Key | unknown-variable
SELECT COUNT(*) AS n FROM nowhere x JOIN a ON a.Key = x.Key WHERE a.LA = 1                                  | a.Key a.LA | unknown-table
SELECT MIN(Score) AS n FROM a; SELECT COUNT(Days) AS n FROM b                                               | a.Score b.Days | individual-value
SELECT COUNT(Score) AS n FROM a; SELECT MIN(Days) AS n FROM b                                               | a.Score b.Days | individual-value
SELECT * FROM (SELECT Sex, LA, Score FROM a WHERE Flag = 1) AS s PIVOT (STRING_AGG(Score) FOR Sex IN ([M])) AS p | a.Flag a.LA a.Score a.Sex | pivot
SELECT COUNT(*) AS n FROM a WHERE Score > ALL (SELECT Days FROM b WHERE Kind = 'X')                         | a.Score b.Days b.Kind | subquery
SELECT LA, STRING_AGG(Note, ',') AS x FROM a GROUP BY LA HAVING MAX(Born) IS NULL                           | a.Born a.LA a.Note | individual-value
SELECT COUNT(*) AS n FROM (SELECT LAG(Score) OVER (ORDER BY Born) AS l FROM a) d WHERE d.l > 1              | a.Born a.Score | individual-value
SELECT LA FROM a UNION SELECT Days FROM b ORDER BY Score                                                    | a.LA b.Days | union-distinct
SELECT COUNT(*) AS n FROM (SELECT LA FROM a EXCEPT SELECT Days FROM b) d                                    | a.LA b.Days | set-operation
""")


@pytest.mark.parametrize(("text", "uses", "code"), REFUSED)
def test_a_refused_text_reports_its_uses(text: str, uses: str, code: str) -> None:
    found = compiled(text)
    assert code in [r.code for r in found.refusals]
    assert set(uses.split()) <= used(text).keys(), used(text)


# what is asked | the uses of b, each with its years
ROWS = drawn(r"""
SELECT COUNT(*) AS n FROM b                                                                                 | b 17 18 19
SELECT COUNT(*) AS n FROM b; SELECT COUNT(*) AS n FROM b WHERE Y = '2018/2019'                              | b 17 18 19, b.Y 18
SELECT COUNT(*) AS n, (SELECT COUNT(*) FROM b) AS m FROM b WHERE Y = '2018/2019'                            | b 17 18 19, b.Y 18
SELECT COUNT(*) AS n FROM b WHERE Days > (SELECT COUNT(*) FROM b) AND Y = '2018/2019'                       | b 17 18 19, b.Days 18, b.Y 18
SELECT COUNT(*) AS n, (SELECT COUNT(Days) FROM b) AS m FROM b                                               | b.Days 17 18 19
SELECT COUNT(Days) AS n, (SELECT COUNT(*) FROM b) AS m FROM b WHERE Y = '2018/2019' OR Y <> '2018/2019'     | b.Days 17 18 19, b.Y 17 18 19
""")


@pytest.mark.parametrize(("text", "uses"), ROWS)
def test_rows_are_used_in_every_year_in_which_they_are_counted(text: str, uses: str) -> None:
    """A count of rows reads no variable: another reading of the table in fewer years must not hide it."""
    found = [f"{u.full_name[4:]} {' '.join(str(y - 2000) for y in sorted(u.years or ()))}" for u in compiled(text).uses]
    assert ", ".join(found) == uses


# what is asked, with the place that is told marked by « before it | the variable
PLACES = drawn(r"""
SELECT SUM(«x.Score) AS s FROM a x JOIN a y ON x.Key = y.Key                                                | a.Score
SELECT SUM(«y.Score) AS s FROM a x JOIN a y ON x.Key = y.Key WHERE x.Score > 1                              | a.Score
SELECT COUNT(*) AS n FROM a x JOIN a y ON x.Key = y.Key WHERE «y.Score > 1 AND x.Score > 2                  | a.Score
SELECT COUNT(*) AS n FROM «a; SELECT COUNT(*) AS n FROM a                                                   | a
SELECT SUM(«Score) AS s FROM a; SELECT COUNT(*) AS n FROM a WHERE Score > 1                                 | a.Score
""")


@pytest.mark.parametrize(("text", "name"), PLACES)
@pytest.mark.parametrize("space", [" ", "\n"])
def test_a_use_is_placed_where_its_variable_is_read_first(text: str, name: str, space: str) -> None:
    text = text.replace(" ", space)
    before = text.partition("«")[0]
    place = (before.count("\n") + 1, len(before) - before.rfind("\n"))
    (use,) = [u for u in compiled(text.replace("«", "")).uses if u.full_name == f"npd.{name}"]
    assert (use.line, use.column) == place


KNOWN, LATER, LAST, NO_PLACE = (3, 7), (3, 9), (12, 1), (None, None)
Place = tuple[int | None, int | None]


def merged(*uses: tuple[set[int] | None, Place]) -> VariableUse:
    """One variable's uses in several outputs: in these years, at these places."""
    spans = [(None if years is None else frozenset(years), place) for years, place in uses]
    (use,) = merged_uses([(VariableUse("npd.a", "LA", y, frozenset({Usage.READ}), *p),) for y, p in spans])
    return use


@pytest.mark.parametrize(("places", "first"), [
    ([KNOWN, LAST], KNOWN), ([LAST, LATER, KNOWN], KNOWN), ([NO_PLACE, KNOWN], KNOWN), ([KNOWN, NO_PLACE], KNOWN),
    ([NO_PLACE, NO_PLACE], NO_PLACE),
])  # fmt: skip
def test_uses_of_several_outputs_are_reported_once_at_the_first_known_place(places: list[Place], first: Place) -> None:
    use = merged(*((None, place) for place in places))
    assert (use.line, use.column) == first


@pytest.mark.parametrize(("one", "other", "together"), [
    ({2017}, {2018}, {2017, 2018}), ({2017}, set(), {2017}), (set(), {2018}, {2018}), (None, None, None),
])  # fmt: skip
def test_the_uses_of_several_outputs_are_of_all_their_years(one, other, together) -> None:
    """A table without years has none in any of them."""
    assert merged((one, KNOWN), (other, KNOWN)).years == together

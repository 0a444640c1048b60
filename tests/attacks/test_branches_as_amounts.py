"""Totals of constants and branches as amounts. Forty children of a synthetic town, half of them with the secret; the
attack texts query each child under every profile. The best guess is hardly better than a coin, or the text goes to a
checker."""

from collections.abc import Callable
from itertools import product
from random import Random

import pytest

from broker.domain.findings import Verdict
from broker.domain.plans.measure import Measure
from tests.attacks.absence_town import Child, Left, Town, Y, town
from tests.attacks.little_town import assess as judged, leaves, town as little
from tests.attacks.profiles import SHIPPED
from tests.proof_size import report_figures
from tests.spec.query.query_kit import compiled, planned

pytestmark = pytest.mark.long

EACH, MOST = 20, 27
HERE = "Y = '2017/2018'"
ONE = "(LA = 3 AND Score = 17 AND Flag = 1)"


def guessed(
    name: str, found: Town, ask: Callable[[Child], Left], read: Callable[[Child, float | None], bool | None]
) -> int:
    """Of how many of forty children the attacker is right: of none, where a person is asked. What cannot be read is
    left to a coin."""
    coin, right, asked, children = Random(1), 0, 0, list(found.children(EACH))
    for child in children:
        left = ask(child)
        if left.asked:
            asked += 1
            continue
        told = read(child, None if left.figure is None else float(str(left.figure)))
        right += child.has == (coin.random() < 0.5 if told is None else told)
    with_secret = sum(child.has for child in children)
    report_figures(
        name, {"children": len(children), "with the secret": with_secret, "a person is asked": asked, "right": right}
    )
    assert (len(children), with_secret) == (2 * EACH, EACH)
    return right


def nearest(shown: float, without: float, with_: float) -> bool | None:
    """Which of two values is shown, if one of them is, by half of what lies between them."""
    middle = (without + with_) / 2
    return None if abs(shown - middle) > abs(with_ - without) else (shown > middle) == (with_ > without)


def test_the_profiles_are_those_that_are_shipped() -> None:
    assert town().profiles == SHIPPED


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("profile", SHIPPED)
def test_totals_of_constants_are_no_exact_counts(profile: str) -> None:
    """A3: one job and a roll that everybody can know. 3,000 for each, and one for the others."""
    found = town()
    roll, everybody = found.count("NCyearActual = '7'"), found.count("TRUE")

    def released(child: Child) -> Left:
        return found.left(f"SUM(CASE WHEN {child.secret} OR NCyearActual = '7' THEN 3000 ELSE 1 END)", profile)

    def read(child: Child, shown: float | None) -> bool | None:
        if shown is None:
            return None
        inside = found.count(f"{child.alone} AND NCyearActual = '7'")
        exact = 3000 * roll + everybody - roll
        return None if inside else nearest(shown, exact, exact + 2999)

    assert guessed(f"branches_totals_{profile}", found, released, read) <= MOST


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("profile", SHIPPED)
def test_a_branch_is_not_padded_with_people_who_add_nothing(profile: str) -> None:
    """A2, with pads whose amount follows from another variable: where nothing was missed, nothing was authorised."""
    found = town()

    def released(child: Child) -> Left:
        return found.left(
            f"SUM(CASE WHEN {child.secret} OR OverallAbsence_6HalfTerms = 0 THEN 15000 * AuthorisedAbsence_6HalfTerms "
            "WHEN FSMeligible = 1 THEN 2 ELSE 3 END)",
            profile,
        )

    def read(_: Child, shown: float | None) -> bool:
        """What nobody adds to is shown, unless holes do not tell; what one child adds to is hidden, or large."""
        return shown is None or shown > 100_000

    assert guessed(f"branches_padded_{profile}", found, released, read) <= MOST


@pytest.mark.parametrize(
    ("column", "where"),
    [
        ("SUM(CASE WHEN {secret} OR MonthOfBirth = 5 THEN 15000 * (MonthOfBirth - 5) WHEN FSMeligible = 1 THEN 2 "
         "ELSE 3 END)", Y),
        ("AVG(1.0 * CASE WHEN {secret} OR MonthOfBirth = 5 THEN 15000 * (MonthOfBirth - 5) ELSE 0 END)", Y),
        ("SUM(CASE WHEN NOT (MonthOfBirth <> 5 AND NOT {secret}) THEN 15000 * (MonthOfBirth - 5) ELSE 3 END)", Y),
        ("SUM(IIF({secret} OR MonthOfBirth BETWEEN 5 AND 6, 15000 * (MonthOfBirth - 5), 0))", Y),
        ("SUM(OverallAbsence_6HalfTerms)", Y + " AND (OverallAbsence_6HalfTerms IN (1, 2, 3) OR {secret})"),
        ("SUM(OverallAbsence_6HalfTerms)", Y + " AND CASE WHEN OverallAbsence_6HalfTerms = 1 THEN 1 "
         "WHEN {secret} THEN 1 ELSE 0 END = 1"),
        ("SUM(OverallAbsence_6HalfTerms)", Y + " AND (OverallAbsence_6HalfTerms - 1) * (MonthOfBirth - 5) = 0"),
        ("SUM(LA)", Y),
    ],
)  # fmt: skip
def test_conditions_that_fix_amounts_need_a_review(column: str, where: str) -> None:
    """A2 and A4 as they were written, and in other words: of each of forty children, under every profile."""
    found = town()
    for child, profile in product(found.children(EACH), SHIPPED):
        assert found.left(column.format(secret=child.secret), profile, where.format(secret=child.secret)).asked


def test_amounts_that_a_filter_lists_are_counts() -> None:
    """A4: WHERE Score IN (1, 2, 3) leaves no amount open: each number is a count of its own, and rounded as one."""
    found = planned(f"SELECT SUM(Score) AS s FROM a WHERE {HERE} AND Score IN (1, 2, 3)")
    assert {s.measure for s in found.tables[0].statistics} == {Measure.ONES}
    branch = planned(
        f"SELECT SUM(CASE WHEN Score = 5 THEN 150 * (Score - 5) WHEN LA = 1 THEN 2 END) AS s FROM a WHERE {HERE}"
    )
    assert {s.measure for s in branch.tables[0].statistics} == {Measure.ONES}


@pytest.mark.parametrize(
    "column",
    [
        "SUM(CASE WHEN {one} OR LA = 1 THEN 3000 ELSE 1 END)",
        "AVG(1.0 * CASE WHEN {one} OR LA = 1 THEN 3000 ELSE 1 END)",
        "SUM(IIF({one} OR LA = 1, 3000, 1))",
        "SUM(COALESCE(CASE WHEN {one} OR LA = 1 THEN 3000 END, 1))",
        "SUM(2 + 7 * CASE WHEN {one} OR LA = 1 THEN 3000 ELSE 1 END)",
        "SUM(GREATEST(CASE WHEN {one} OR LA = 1 THEN 3000 END, 1))",
        "CASE WHEN SUM(CASE WHEN {one} OR LA = 1 THEN 3000 ELSE 1 END) > 180061 THEN 'y' ELSE 'n' END",
    ],
)
def test_a_total_of_constants_is_one_whoever_is_in_it(column: str) -> None:
    """Sixty, or sixty and one: both are shown as sixty."""
    texts = [f"SELECT {column.format(one=ONE)} AS s, COUNT(*) AS n FROM a WHERE {HERE}"]
    texts += [
        t + f" HAVING SUM(CASE WHEN {ONE} OR LA = 1 THEN 3000 ELSE 1 END) > {k}"
        for t in texts
        for k in (180061, 181000)
    ]
    for text in texts:
        assert leaves(text, little(Flag=0)) == leaves(text, little(Flag=1)), text


def test_rows_within_persons_are_counts() -> None:
    """A3 over inner levels: the rows of each person, added up, are rows, and rounded as these are."""
    inner = f"SELECT [Key], COUNT(*) AS n FROM a WHERE {HERE} AND (LA = 1 OR {ONE}) GROUP BY [Key]"
    more = [{"p": i, "Key": f"k{i}", "Y": "2017/2018", "LA": 1, "Score": 1, "Flag": 0} for i in range(0, 40, 2)]
    worlds = [little(Flag=flag) for flag in (0, 1)]
    for world in worlds:
        world["npd.a"] += more
    for column, shown in (("SUM(n)", "80"), ("SUM(3 * n)", "240"), ("AVG(1.0 * n)", "1.33")):
        text = f"SELECT {column} AS s FROM ({inner}) x"
        assert compiled(text).review == ()
        nobody, somebody = (leaves(text, world) for world in worlds)
        assert nobody == somebody == ["s", shown]


def of_each(inner: str) -> str:
    return f"SELECT SUM(w) AS s FROM (SELECT [Key], {inner} AS w FROM a WHERE {HERE} GROUP BY [Key]) x"


def stacked(first: str, more: str, second: str) -> str:
    one, other = f"{first} AS w FROM a WHERE {HERE}{more}", f"{second} AS w FROM b WHERE {HERE}"
    return f"SELECT SUM(w) AS s FROM (SELECT [Key], {one} UNION ALL SELECT [Key], {other}) x"


FLAGGED = "(LA = 3 AND Flag = 1)"
CHOSEN = f"Score <> 5 AND NOT {FLAGGED}"
EITHER = f"(Score = 5 OR {ONE})"
COUNTED_NONE = f"FROM a WHERE {HERE} AND (SELECT COUNT(*) FROM a b WHERE b.[Key] = a.[Key] AND {CHOSEN}) = 0"
BAND = f"CASE WHEN {EITHER} THEN 'x' ELSE 'y' END"


REVIEWED = {
    # other numbers that rows make
    "a number of rows and a constant": of_each("COUNT(*) + 2"),
    "a constant of each person": of_each("MAX(3000)"),
    "a sum of ones of each person": of_each("SUM(1)"),
    "a mean of a flag of each person": of_each("AVG(1.0 * Flag)"),
    "a number of rows with a condition": of_each("COUNT(CASE WHEN LA = 1 THEN 1 END)"),
    "constants of each person by a condition": of_each("SUM(CASE WHEN LA = 1 THEN 3000 ELSE 1 END)"),
    # branches of a set operation are no cover
    "another constant in each branch": stacked("1", "", "3000"),
    "another variable in each branch": stacked("Score", " AND Score < 3", "Days"),
    "a constant in a branch": stacked("Score", "", "7"),
    "a key is a condition": f"SELECT {BAND} AS k, SUM(150 * Score) AS s FROM a WHERE {HERE} GROUP BY {BAND}",
    "public numbers are no amounts": f"SELECT SUM(r.LA) AS s FROM a JOIN ref.las r ON r.LA = a.LA WHERE {HERE}",
}
OTHER_WORDS = [
    f"FROM a WHERE {HERE} AND {EITHER}",
    f"FROM a WHERE {HERE} AND NOT ({CHOSEN})",
    f"FROM a WHERE {HERE} AND COALESCE(NULLIF(Score, 5), CASE WHEN {ONE} THEN 1 END, 0) = 0",
    f"FROM a WHERE {HERE} AND (CASE WHEN Score = 5 THEN 1 ELSE 0 END) + (CASE WHEN {ONE} THEN 1 ELSE 0 END) > 0",
    COUNTED_NONE,
    f"FROM a WHERE {HERE} AND NOT EXISTS (SELECT 1 FROM a b WHERE b.[Key] = a.[Key] AND b.{HERE} AND {CHOSEN})",
    f"FROM a WHERE {HERE} AND ([Key] IN (SELECT [Key] FROM a WHERE {HERE} AND Score = 5) OR {ONE})",
    f"FROM (SELECT Score, {BAND} AS q FROM a WHERE {HERE}) x WHERE q = 'x'",
    f"FROM (SELECT [Key], Score FROM a WHERE {HERE} EXCEPT SELECT [Key], Score FROM a WHERE {HERE} AND {CHOSEN}) x",
    f"FROM a JOIN (SELECT [Key] AS k FROM a WHERE {HERE} GROUP BY [Key] "
    f"HAVING SUM(CASE WHEN {CHOSEN} THEN 1 ELSE 0 END) = 0) x ON x.k = a.[Key] WHERE {HERE}",
]
"""The same condition: whoever has 5 is known, and gives no cover to the one who may have another number."""


@pytest.mark.parametrize("what", REVIEWED)
def test_numbers_that_are_no_amounts_need_a_review(what: str) -> None:
    assert compiled(REVIEWED[what]).review


@pytest.mark.parametrize("rest", OTHER_WORDS)
def test_other_words_for_the_same_condition(rest: str) -> None:
    found = compiled(f"SELECT SUM(15000 * Score) AS s {rest}")
    assert found.plan is None or found.review


BANDS = "CASE WHEN Score BETWEEN 0 AND 5 THEN 'low' WHEN Score < 9 THEN 'middle' ELSE 'high' END"
MEAN, SEX = "AVG(1.0 * Score)", "Sex"
EVERYDAY = [
    *((MEAN, SEX, f" AND {condition}") for condition in (
        "Score > 3 AND Sex = 'F'", "Score BETWEEN 2 AND 9", "(Score IS NULL OR Score < 12)", "Score <> 4",
        "Score IS NOT NULL AND (LA = 1 OR Flag = 1)", "Score NOT IN (1, 2)")),
    *((column, SEX, "") for column in (
        "SUM(CASE WHEN Score > 9 THEN 10 ELSE Score END)", "AVG(COALESCE(Points, 0))",
        "SUM(CASE WHEN Flag = 1 THEN Score ELSE Points END)", "AVG(2018.0 - Score)")),
    (MEAN, BANDS, ""),
]  # fmt: skip


@pytest.mark.parametrize(("column", "key", "condition"), EVERYDAY)
def test_everyday_conditions_need_no_review(column: str, key: str, condition: str) -> None:
    text = f"SELECT {key} AS k, {column} AS m FROM a WHERE {HERE}{condition} GROUP BY {key}"
    assert compiled(text).review == ()


def test_added_constants_give_no_cover() -> None:
    """One child with 9 points among forty with next to none: what is added to each hides nobody."""
    rows = [{"p": i, "Key": f"k{i}", "Y": "2017/2018", "LA": 1, "Points": (i % 3) / 100} for i in range(40)]
    rows[0]["Points"] = 9
    for column in ("SUM(Points)", "SUM(Points + 10)", "AVG(10 - Points)"):
        found = judged(f"SELECT {column} AS s FROM a WHERE {HERE}", {"npd.a": rows})
        assert found.verdict is Verdict.SUPPRESS, column

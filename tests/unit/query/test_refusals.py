"""The broker refuses every construct that it does not understand, by name and with a place. Nothing crashes and nothing
is dropped."""

# ruff: noqa: E501 - one case a line reads as a table

import re
from collections.abc import Callable

import pytest
from sqlglot import exp

from broker.domain.sql_dialects import SQL_DIALECTS
from broker.policy.policy_set import PolicySet
from broker.query import CompiledSql, compile_sql
from broker.query.dialects.known_dialects import DIALECTS

Check = Callable[..., CompiledSql]

LEAST = 10
"""The persons that a released cell needs, as in the profile of the demo projects."""


@pytest.fixture
def check(policies: PolicySet) -> Check:
    def run(text: str, dialect: str = "tsql") -> CompiledSql:
        project = policies.project("P0421")
        assert project is not None
        return compile_sql(text, dialect, policies.catalogue, project, policies.service, LEAST)

    return run


T, K = "npd.spring_census", "PupilMatchingRefAnonymous"


@pytest.mark.parametrize(("text", "code"), [
    (f"SELECT LA, COUNT(*) AS n FROM {T} GROUP BY LA HAVING COUNT(*) < 10", "small-groups"),
    (f"SELECT LA, COUNT(*) AS n FROM {T} GROUP BY LA HAVING 2 * COUNT(DISTINCT {K}) < 20", "small-groups"),
    (f"SELECT LA, COUNT(*) AS n FROM {T} GROUP BY LA HAVING MAX(OnRoll) = 1", "individual-value"),
    (f"SELECT TOP 5 COUNT(*) AS n FROM {T}", "limit"),
    (f"SELECT TOP 5 PERCENT LA, COUNT(*) AS n FROM {T} GROUP BY LA ORDER BY n", "limit"),
    (f"SELECT DISTINCT LA, OnRoll FROM {T}", "no-aggregate"),
    (f"SELECT COUNT(*) AS n INTO x FROM {T}", "into"),
    (f"SELECT COUNT(*) AS n FROM {T} WITH (TABLOCK)", "hint"),
    (f"SELECT COUNT(*) AS n FROM {T} OPTION (FAST 1)", "option"),
    (f"SELECT COUNT(*) AS n FROM {T} FOR XML PATH('')", "for-xml"),
    (f"SELECT COUNT(*) AS n FROM {T} FOR JSON AUTO", "for-xml"),
    (f"SELECT COUNT(*) AS n FROM {T} TABLESAMPLE (1 PERCENT)", "sample"),
    (f"SELECT COUNT(*) AS n FROM {T} UNION ALL SELECT COUNT(*), SUM(OnRoll) FROM {T}", "set-columns"),
    (f"SELECT LA, COUNT(*) AS n FROM {T} GROUP BY LA EXCEPT SELECT LA, COUNT(*) FROM {T} GROUP BY LA", "set-operation"),
    (f"SELECT LA, COUNT(*) AS n FROM {T} GROUP BY CUBE (LA, URN, PHASE, Gender, OnRoll, FSMeligible, SENprovision)", "grouping-sets"),
    (f"SELECT LA, GROUPING(URN) AS g, COUNT(*) AS n FROM {T} GROUP BY ROLLUP (LA)", "not-grouped"),
    (f"SELECT COUNT(*) AS n FROM (SELECT TOP 5 LA FROM {T}) AS x", "limit"),
    (f"SELECT SUM(COUNT(*)) AS n FROM {T}", "nested-aggregate"),
    (f"SELECT COUNT(*) OVER () AS n FROM {T}", "no-aggregate"),
    (f"SELECT COUNT(*) AS n FROM (SELECT LAG(OnRoll) OVER (ORDER BY LA) AS v FROM {T}) AS x WHERE x.v = 1", "individual-value"),
    (f"SELECT COUNT(*) AS n FROM {T} WHERE ROW_NUMBER() OVER (ORDER BY LA) = 1", "window-place"),
    (f"SELECT COUNT(*) AS n FROM (SELECT SUM(OnRoll) OVER (ORDER BY LA ROWS 1 PRECEDING) AS v FROM {T}) AS x WHERE x.v = 1", "frame"),
    (f"SELECT COUNT(*) AS n FROM {T} AS a WHERE EXISTS (SELECT 1 FROM {T} AS b WHERE b.URN = a.URN)", "subquery-persons"),
    (f"SELECT COUNT(*) AS n FROM {T} AS a CROSS APPLY (SELECT b.OnRoll FROM {T} AS b WHERE b.URN = a.URN) AS z", "apply-persons"),
    (f"SELECT MIN(LA) AS n FROM {T}", "individual-value"),
    (f"SELECT COUNT(*) AS @n FROM {T}", "parameter"),
    (f"SELECT COUNT(*) + 1 AS n FROM {T}", "packed-arithmetic"),
    (f"SELECT COUNT(*) * 1000 + SUM(OnRoll) AS n FROM {T}", "packed-arithmetic"),
    (f"SELECT COUNT(*) * SUM(OnRoll) AS n FROM {T}", "packed-arithmetic"),
    (f"SELECT CASE WHEN COUNT(*) > 50 THEN COUNT(*) * 1000 + SUM(OnRoll) END AS n FROM {T}", "packed-arithmetic"),
    (f"SELECT d.n * 1000 + d.m AS p FROM (SELECT COUNT(*) AS n, SUM(OnRoll) AS m FROM {T}) AS d", "packed-arithmetic"),
    (f"SELECT SUM(d.n * 1000 + d.m) AS p FROM (SELECT COUNT(*) AS n, SUM(OnRoll) AS m FROM {T}) AS d", "packed-arithmetic"),
    (f"SELECT 1 AS one, COUNT(*) AS n FROM {T}", "constant-column"),
    (f"SELECT COUNT(*) AS n, COUNT(LA) AS N FROM {T}", "duplicate-column"),
    (f"SELECT URN, COUNT(*) AS n FROM {T} GROUP BY LA", "not-grouped"),
    (f"SELECT COUNT(*) AS n FROM {T} GROUP BY LA", "hidden-key"),
    (f"SELECT SUM(DISTINCT OnRoll) AS n FROM {T}", "distinct-aggregate"),
    (f"SELECT COUNT() AS n FROM {T}", "syntax"),
    (f"SELECT LA, COUNT(*) AS n FROM (SELECT DISTINCT ON (UPN) LA FROM {T}) AS t GROUP BY LA", "clause"),
    (f"SELECT COUNT(*) AS n FROM {T} WHERE DATEFROMPARTS(2020) > EntryDate", "syntax"),
    (f"SELECT COUNT(*) AS n FROM {T} WHERE MONTH() = 1", "syntax"),
    (f"SELECT COUNT(*) AS n FROM {T} WHERE DATEPART(EntryDate) = 1", "syntax"),
    (f"SELECT COUNT(*) AS n FROM {T} WHERE REPLACE(PHASE, 'a') = 'b'", "syntax"),
    (f"SELECT LA, COUNT(*) AS n, NTILE() OVER (ORDER BY COUNT(*)) AS r FROM {T} GROUP BY LA", "syntax"),
    (f"SELECT LSOA11 + 'x' AS x, COUNT(*) AS n FROM {T} GROUP BY LSOA11 + 'x'", "quasi-arithmetic"),
    (f"SELECT SUM(CASE WHEN IDACIScore * 3 > 1 THEN 1 ELSE 0 END) AS n FROM {T}", "quasi-arithmetic"),
    (f"SELECT {K} AS k, COUNT(*) AS n FROM {T} GROUP BY {K}", "no-aggregate"),
    (f"SELECT SUM({K}) AS n FROM {T}", "identifier"),
    (f"SELECT COUNT(*) AS n FROM {T} AS a JOIN {T} AS b ON a.URN = b.URN", "person-join"),
    (f"SELECT COUNT(*) AS n FROM {T} AS a CROSS JOIN {T} AS b", "person-join"),
    (f"SELECT COUNT(*) AS n FROM {T} AS a, swc.workforce AS b WHERE a.URN = b.URN", "person-join"),
    (f"SELECT COUNT(*) AS n FROM {T} AS a JOIN swc.workforce AS b ON a.{K} = b.StaffMatchingRefAnonymous", "link-key"),
    (f"SELECT COUNT(*) AS n FROM {T} AS a FULL JOIN {T} AS b ON a.URN = b.URN", "person-join"),
    ("SELECT COUNT(*) AS n FROM ref.schools", "no-person-table"),
    ("SELECT COUNT(*) AS n", "no-table"),
    (f"SELECT COUNT(*) AS n FROM {T} AS a JOIN {T} AS a ON 1 = 1", "duplicate-name"),
    (f"SELECT SUM(LA) AS n FROM {T} AS a, npd.absence AS b", "ambiguous"),
    ("SELECT COUNT(*) AS n FROM nowhere.at_all", "unknown-table"),
    (f"SELECT COUNT(Nothing) AS n FROM {T}", "unknown-variable"),
    ("DROP TABLE x", "statement"), ("SELECT FROM WHERE", "syntax"), ("SELECT 'abc", "syntax"),
    (f"SELECT COUNT(*) AS n FROM {T};; SELECT 1 AS one", "no-person-table"),
    ("WITH x AS (SELECT 1 AS a) DELETE FROM x", "statement"),
    ("", "empty"), ("-- nothing", "empty"), ("SELECT '\ud800'", "encoding"),
    ("-- output: a b\nSELECT COUNT(*) AS n FROM npd.absence", "output-name"),
])  # fmt: skip
def test_refused_by_name(check: Check, text: str, code: str) -> None:
    found = check(text)
    assert code in [r.code for r in found.refusals]
    assert found.plan is None
    assert all(r.message and r.advice for r in found.refusals)


def test_all_problems_are_reported_at_once_with_places(check: Check) -> None:
    text = f"SELECT MIN(LA) AS lo,\n  COUNT(*) AS n\nFROM {T}\nWHERE Nope = 1\n  AND UPN = 'x'\nHAVING COUNT(*) < 2"
    found = check(text)
    assert [(r.code, r.line, r.column) for r in found.refusals] == [
        ("individual-value", 1, 8), ("unknown-variable", 4, 7), ("identifier", 5, 7), ("small-groups", 6, 8),
    ]  # fmt: skip
    assert {u.variable for u in found.uses} == {"LA", "UPN"}


@pytest.mark.parametrize(("text", "said"), [
    (f"SELECT ANY_VALUE(URN) AS u, COUNT(*) AS n FROM {T}", {"individual-value": "ANY_VALUE gives"}),
    (f"SELECT MAX(URN) AS u, COUNT(*) AS n FROM {T}", {"individual-value": "MAX gives"}),
    (f"SELECT COUNT(*) AS n FROM {T} WHERE URN & 1 = 1", {"function": "& is not"}),
    ("SELECT c.* FROM (SELECT a.* FROM npd.absence AS a) AS c", {"no-aggregate": "it would show rows"}),
    (f"SELECT LA, COUNT(*) + 200 * SUM(OnRoll) AS x FROM {T} GROUP BY LA", {"packed-arithmetic": "x could carry two"}),
    (f"SELECT c.LA, COUNT(*) AS n, (SELECT COUNT(*) FROM {T} WHERE LA = c.LA) AS m FROM npd.absence AS c GROUP BY c.LA", {"correlated": "it cannot read the outer table"}),
])  # fmt: skip
def test_a_refusal_names_what_is_written_and_nothing_that_only_follows(check, text, said) -> None:
    """By its code, a part of what a refusal says."""
    found = {r.code: r.message for r in check(text).refusals}
    assert found.keys() == said.keys()
    assert all(said[code] in message for code, message in found.items())


NAMED_CALL = re.compile(
    r"(\S+) (?:is not understood here|is not on the list|needs more|gives (?:one person|a different)|reads the|turns a|writes or)"
)
ARGUMENTS = ["", "LA", "LA, URN", "EntryDate, EntryDate", "PHASE, 'a'"]


@pytest.mark.slow
@pytest.mark.parametrize("dialect", SQL_DIALECTS)
def test_a_refusal_names_each_function_of_the_parser_as_the_text_does(check: Check, dialect: str) -> None:
    parser = DIALECTS[dialect].parser
    names = [n.title() for n in sorted({*parser.FUNCTIONS, *parser.FUNCTION_PARSERS}) if n.replace("_", "").isalnum()]
    others = {
        f"{name}({given}): {found[1]}"
        for name in names
        for given in ARGUMENTS
        for refusal in check(f"SELECT COUNT(*) AS n FROM {T} WHERE {name}({given}) = 1", dialect).refusals
        if (found := NAMED_CALL.match(refusal.message)) and found[1] != name and refusal.code != "statement"
    }
    assert len(names) > 500
    assert not others


# an operator | how its refusal begins
OPERATORS = [("URN ^ 1 = 1", "^ is"), ("PHASE COLLATE x = 'a'", "COLLATE is"), ("(LA, 1) = 1", "A list in brackets is")]


@pytest.mark.parametrize(("condition", "begins"), OPERATORS)
def test_a_refusal_names_each_operator_as_the_text_does(check: Check, condition: str, begins: str) -> None:
    messages = [r.message for r in check(f"SELECT COUNT(*) AS n FROM {T} WHERE {condition}").refusals]
    assert [m for m in messages if m.startswith(begins)]


def test_no_refusal_quotes_the_text(check: Check) -> None:
    found = check("SELECT secret_word_a b secret_word_c FROM x WHERE")
    assert "secret_word" not in "".join(r.message + r.advice for r in found.refusals)


@pytest.mark.parametrize("text", [
    "SELECT " + "(" * 5000 + "1" + ")" * 5000,
    "SELECT COUNT(*) AS n FROM npd.absence WHERE " + "NOT " * 3000 + "LA = 1",
    "SELECT " + "- " * 3000 + "1 AS n FROM npd.absence",
    "SELECT " + "+".join(["1"] * 4000) + " AS n FROM npd.absence",
    "SELECT COUNT(*) AS n FROM npd.absence WHERE " + " AND ".join(["LA = 201"] * 3000),
    "SELECT COUNT(*) AS n FROM npd.absence WHERE " + "CASE WHEN LA = 1 THEN " * 40 + "1" + " END" * 40 + " = 1",
    "/*" * 10000,
    "SELECT " + "[" * 1000,
])  # fmt: skip
def test_bombs_end_quickly_in_a_verdict(check: Check, text: str) -> None:
    found = check(text)
    assert found.plan is not None or found.refusals


def test_each_self_join_of_ctes_counts_as_tables_read(check: Check) -> None:
    parts = ["c0 AS (SELECT PupilMatchingRefAnonymous AS k FROM npd.absence)"]
    parts += [f"c{i} AS (SELECT a.k AS k FROM c{i - 1} AS a JOIN c{i - 1} AS b ON a.k = b.k)" for i in range(1, 12)]
    found = check(f"WITH {', '.join(parts)} SELECT COUNT(*) AS n FROM c11")
    assert "too-many-tables" in [r.code for r in found.refusals]


def test_the_allow_list_names_each_argument_of_each_class() -> None:
    """An upgrade of the parser that adds an argument is refused by default, and one that renames one is seen here."""
    for dialect in DIALECTS.values():
        for kind, (_, allowed) in dialect.handlers.items():
            assert allowed <= kind.arg_types.keys(), kind.__name__


@pytest.mark.parametrize("dialect", SQL_DIALECTS)
def test_classes_that_could_stand_for_anything_are_never_understood(dialect: str) -> None:
    never = {exp.Anonymous, exp.Dot, exp.Command, exp.Lambda, exp.Window, exp.Bracket, exp.Rand, exp.Glob}
    assert not never & DIALECTS[dialect].handlers.keys()


@pytest.mark.parametrize("step", ["CASE WHEN x > 0 THEN x ELSE x END", "x - x", "COALESCE(x, x)"])
def test_derived_columns_of_derived_columns_do_not_explode(check: Check, step: str) -> None:
    parts = ["c0 AS (SELECT LA AS x FROM npd.absence)"]
    parts += [f"c{i} AS (SELECT {step} AS x FROM c{i - 1})" for i in range(1, 40)]
    found = check(f"WITH {', '.join(parts)} SELECT SUM(x) AS n FROM c39 WHERE x > 1")
    assert "too-deep" in {r.code for r in found.refusals}


def test_long_sums_are_bound_once(check: Check) -> None:
    assert check("SELECT SUM(" + " + ".join(["LA"] * 40) + ") AS n FROM npd.absence").plan is not None


@pytest.mark.parametrize(("aggregate", "rows"), [
    ("SUM(CASE WHEN LA = 201 THEN URN * 900000000000000000 ELSE 0 END)", "number gets too large"),
    ("SUM(CASE WHEN LA = 201 THEN FLOOR(99999999999999999 / (URN * 0.00000000001)) ELSE 1 END)", "number gets too large"),
    ("SUM(CAST(URN AS decimal(5, 2)))", "number gets too large"),
    ("SUM(1 / OverallAbsence_6HalfTerms)", "divisor is 0"),
    ("SUM(LOG(OverallAbsence_6HalfTerms))", "number is 0 or negative"),
])  # fmt: skip
def test_errors_that_depend_on_rows_are_missing_values(check: Check, aggregate: str, rows: str) -> None:
    """A job that fails only if some row is there would tell of that row."""
    found = check(f"SELECT {aggregate} AS n FROM npd.absence")
    assert found.plan is not None
    assert f"Rows whose {rows} count as missing; SQL Server would end the query." in found.plan.advice


@pytest.mark.parametrize(("name", "code"), [
    ("#npd_pupil", "unknown-temporary"), ("##npd_pupil", "temporary-name"), ("@npd_pupil", "unknown-temporary"),
    ("fixture.#npd_pupil", "temporary-name"),
])  # fmt: skip
def test_temporary_names_are_no_catalogue_names(policies: PolicySet, name: str, code: str) -> None:
    project = policies.project("FIXTURE")
    assert project is not None
    found = compile_sql(f"SELECT COUNT(*) AS n FROM {name}", "tsql", policies.catalogue, project, policies.service)
    assert [r.code for r in found.refusals] == [code]

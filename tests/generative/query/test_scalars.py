"""Hundreds of random expressions: the engine, the reference in plain Python and folding agree, and nothing raises."""

import math
from datetime import date
from random import Random
from typing import Any

import duckdb
import pytest
from query_kit import PROJECT, SERVICE, cells
from scalar_cases import EVERY, Form, Forms, rows
from scalar_kit import CATALOGUE, checked, folds, run, stored
from wild_cases import draw

from broker.domain.sql_dialects import SQL_DIALECTS
from broker.query import CompiledSql, compile_sql
from tests.proof_size import report_figures, size

pytestmark = pytest.mark.long

SHAPES = size("EXPRESSIONS", 80)
FULL = 500
TABLE = rows(seed=1, many=12)


def _accepted(shapes: int) -> list[tuple[Form, CompiledSql]]:
    forms, found, tried = Forms(seed=7), [], 0
    while len(found) < shapes:
        tried += 1
        form = forms.draw(depth=3)
        one = checked(form.text)
        if one.plan is not None:
            found.append((form, one))
            continue
        told = {r.code for r in one.refusals}
        assert told <= {"overflow", "constant-column", "constant-key", "too-long-text"}, (form.text, told)
    assert tried < 2 * shapes + 20, "most forms are accepted"
    return found


def alike(found: Any, expected: Any) -> bool:
    if found is None or expected is None:
        return found is expected
    if isinstance(expected, str | date):
        return bool(found == expected)
    return math.isclose(float(found), float(expected), rel_tol=1e-9, abs_tol=1e-6)


def test_engine_reference_and_fold_agree() -> None:
    con, met = stored(TABLE), set()
    for form, found in _accepted(SHAPES):
        values = run(found, con)
        for place, (row, value) in enumerate(zip(TABLE, values, strict=True), 1):
            expected = form.value(row)
            assert alike(value, expected), (form.text, row, value, expected)
            folded = folds(found, row, place)
            assert folded is None or any(alike(f, expected) for f in folded), (form.text, row, folded, expected)
        met |= form.uses
    report_figures("scalars", {"expressions": SHAPES, "rows_each": len(TABLE), "forms": len(met), "of": len(EVERY)})
    if SHAPES >= FULL:
        assert met >= EVERY, EVERY - met


def test_the_same_text_again_is_the_same_plan() -> None:
    """What the parser writes back has the same meaning."""
    for form, found in _accepted(SHAPES):
        again = compile_sql(found.canonical, "tsql", CATALOGUE, PROJECT, SERVICE)
        assert again.plan is not None, (form.text, found.canonical, again.refusals)
        assert found.plan is not None
        assert again.plan.hash == found.plan.hash, (form.text, found.canonical)


@pytest.mark.parametrize("dialect", SQL_DIALECTS)
def test_what_is_accepted_never_raises(dialect: str) -> None:
    """An error that depends on a row would tell of that row: none is possible within the catalogue's bounds."""
    r, con, accepted = Random(3), stored(TABLE), 0
    while accepted < SHAPES:
        kind = r.choice(["whole", "exact", "real", "text", "day"])
        text = draw(r, dialect, kind, depth=3)
        found = checked(text, dialect)
        if found.plan is None:
            assert all(x.advice for x in found.refusals if x.code != "syntax"), (text, found.refusals)
            continue
        accepted += 1
        try:
            values = run(found, con)
        except duckdb.Error as error:
            raise AssertionError((text, str(error))) from error
        assert not any(isinstance(v, float) and not math.isfinite(v) for v in values), (text, values)
        for place, (row, value) in enumerate(zip(TABLE, values, strict=True), 1):
            folded = folds(found, row, place)
            assert folded is None or any(alike(f, value) for f in folded), (text, row, folded, value)


@pytest.mark.parametrize("dialect", SQL_DIALECTS)
def test_sums_of_what_is_accepted_never_raise(dialect: str) -> None:
    r, con, accepted = Random(5), stored(TABLE), 0
    while accepted < SHAPES:
        text = draw(r, dialect, r.choice(["whole", "exact", "real"]), depth=2)
        query = f"SELECT SUM({text}) AS s, AVG({text}) AS m FROM s"
        found = compile_sql(query, dialect, CATALOGUE, PROJECT, SERVICE)
        if found.plan is not None:
            accepted += 1
            assert cells(found.plan.outputs[0], con), text

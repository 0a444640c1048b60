"""No value makes a bounded statement fail, inside the catalogue's bounds or far outside, and no row weighs more than
the bound. An error, an overflow or a NaN would disclose one row."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from random import Random
from typing import Any

import bounded_worlds as kit
import duckdb
import pytest
from query_kit import PROJECT, SERVICE
from scalar_kit import CATALOGUE, STORED
from wild_cases import draw

from broker.domain.errors import Refused
from broker.domain.sql_dialects import SQL_DIALECTS
from broker.policy.files.privacy_files import load_promises_and_profiles
from broker.privacy.block_layout import BlockKind
from broker.privacy.request.directives import BoundDirectives
from broker.privacy.request.private_output_planner import PrivateContext, plan_private_output
from broker.query import compile_sql
from tests.proof_size import seed, size

pytestmark = pytest.mark.long

PROFILE = load_promises_and_profiles(kit.ROOT / "policies" / "privacy").profile("npd-private")
ENDS: dict[str, list[Any]] = {
    "BIGINT": [0, 1, -1, 2**31, -(2**31), 2**63 - 1, -(2**63), None],
    "TINYINT": [0, 1, 127, -128, None],
    "DECIMAL(18,2)": [*map(Decimal, ("9999999999999999.99", "-9999999999999999.99", "0", "0.01")), None],
    "DECIMAL(18,4)": [Decimal("99999999999999.9999"), Decimal("-99999999999999.9999"), Decimal("0.00005"), None],
    "DOUBLE": [float("nan"), float("inf"), float("-inf"), 1e308, -1e308, 5e-324, 0.0, -0.0, None],
    "VARCHAR": ["", "x", "1e400", "9" * 40, "-", "NaN", "inf", "12.5", "%", "\u00e9\U0001f600", None],
    "DATE": [date(1, 1, 1), date(9999, 12, 31), date(2018, 2, 28), None],
}
FORMS = (
    "SUM(LEAST(GREATEST({e}, -7), 7))", "AVG(LEAST(GREATEST({e}, 0), 900))", "COUNT({e})",
    "SUM(CASE WHEN {e} > 3 THEN 1 ELSE 0 END)", "{deviation}(LEAST(GREATEST({e}, -7), 7))",
)  # fmt: skip
WHERE = ("", " WHERE {e} > 2", " WHERE {e} IS NULL OR Sex = 'M'")


@pytest.fixture(scope="module")
def table() -> duckdb.DuckDBPyConnection:
    r, con = Random(seed()), duckdb.connect()
    con.execute("SET threads=1")
    con.execute("SET ieee_floating_point_ops=false")
    con.execute("CREATE SCHEMA npd")
    columns = ", ".join(f'"{n}" {k}' for n, k in STORED.items())
    con.execute(f'CREATE TABLE npd.s ("Key" VARCHAR, {columns}, "__p" UINTEGER, "__r" UTINYINT)')
    for person in range(60):
        values = [r.choice(ENDS[kind]) for kind in STORED.values()]
        con.execute(
            f"INSERT INTO npd.s VALUES ({', '.join('?' * (len(values) + 3))})", [f"k{person}", *values, person, 0]
        )
    return con


def expression(r: Random, dialect: str) -> str:
    return draw(r, dialect, r.choice(["whole", "exact", "real"]), depth=3)


@pytest.mark.parametrize("dialect", SQL_DIALECTS)
def test_no_value_ends_a_statement_or_weighs_more_than_a_row(dialect: str, table: duckdb.DuckDBPyConnection) -> None:
    r, done, wanted = Random(seed() + len(dialect)), 0, size("TOTAL", 120)
    form: Mapping[str, str] = {"deviation": "STDEV" if dialect == "tsql" else "stddev_samp"}
    tried = 0
    while done < wanted:
        tried += 1
        assert tried < 40 * wanted, "nearly everything is refused"
        asked = r.choice(FORMS).format(e=expression(r, dialect), **form)
        text = f"SELECT Flag, {asked} AS s, COUNT(*) AS n FROM s{r.choice(WHERE).format(e=expression(r, dialect))}"
        plan = compile_sql(f"{text} GROUP BY Flag", dialect, CATALOGUE, PROJECT, SERVICE).plan
        if plan is None:
            continue
        try:
            found = plan_private_output(plan.outputs[0], PrivateContext(CATALOGUE, PROFILE, {}, BoundDirectives()))
        except Refused:
            continue
        done += 1
        ((bounded, private),) = kit.tables_of(found)
        try:
            told = kit.answer(table, bounded, private)
        except duckdb.Error as error:
            raise AssertionError((text, str(error))) from error
        for (_, place), vector in told.vectors.items():
            block = kit.blocks_of(private)[place]
            if block.kind is not BlockKind.RANKS:
                assert sum(vector) <= 60 * block.row_total, (text, block)


@pytest.mark.parametrize("expression", [
    "NULLIF((Wide + Wide) * FLOOR(Pts), CASE WHEN 999999999999999999 = Pts THEN 123456789.123456789 ELSE Pts END)",
    "COALESCE((Wide + Wide) * FLOOR(Pts), 0.123456789)",
    "CASE WHEN Flag = 1 THEN (Wide + Wide) * FLOOR(Pts) ELSE 0.123456789 END",
    "CASE WHEN (Wide + Wide) * FLOOR(Pts) > 0.123456789 THEN 1 END",
])  # fmt: skip
def test_decimals_of_two_widths_end_nothing(expression: str, table: duckdb.DuckDBPyConnection) -> None:
    """What would bring them to one type does not fit it: there is no value then, and no error that tells of one."""
    text = f"SELECT Flag, COUNT({expression}) AS s, COUNT(*) AS n FROM s GROUP BY Flag"
    plan = compile_sql(text, "tsql", CATALOGUE, PROJECT, SERVICE).plan
    assert plan is not None
    found = plan_private_output(plan.outputs[0], PrivateContext(CATALOGUE, PROFILE, {}, BoundDirectives()))
    ((bounded, private),) = kit.tables_of(found)
    assert kit.answer(table, bounded, private).vectors

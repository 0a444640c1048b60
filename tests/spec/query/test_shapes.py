"""Every shape that the documentation calls understood compiles; the examples only lack the condition on years."""

import re

import pytest

from broker.domain.plans.operators import Limit, Union
from docs.generator.sql_shapes import SHAPES, SHORT_NAMES, QueryShape
from tests.spec.submission_kit import checked


def in_full(text: str) -> str:
    return re.sub(rf"\b({'|'.join(SHORT_NAMES)})\b", lambda m: SHORT_NAMES[m[0]], text)


def codes(text: str, dialect: str = "tsql") -> set[str]:
    return {r.code for r in checked(in_full(text), dialect).refusals}


@pytest.mark.parametrize("shape", [s for shapes in SHAPES.values() for s in shapes], ids=lambda s: s.title)
def test_a_shape_of_the_documentation_is_understood(shape: QueryShape) -> None:
    assert codes(shape.example, shape.dialect) <= {"years-not-granted"}


BY_LA = "SELECT LA, COUNT(*) AS n FROM census GROUP BY LA"

# ORDER BY and LIMIT behind set operations and brackets: followed or refused, never dropped
AFTER = f"""
{BY_LA} UNION ALL {BY_LA} ORDER BY n LIMIT 3                                                   |
{BY_LA} UNION ALL {BY_LA} ORDER BY URN                                                         | unknown-variable
{BY_LA} UNION ALL {BY_LA} LIMIT 3                                                              |
({BY_LA}) LIMIT 3                                                                              | limit
({BY_LA}) ORDER BY n                                                                           | order-by
({BY_LA}) OFFSET 3                                                                             | limit
SELECT COUNT(*) AS n FROM (SELECT LA FROM census UNION ALL SELECT LA FROM census LIMIT 3) AS t | limit
SELECT COUNT(*) AS n FROM census WHERE LA IN ((SELECT LA FROM schools) LIMIT 1)                | limit
WITH t (x) AS (VALUES (1), (2) LIMIT 1) SELECT COUNT(*) AS n FROM census CROSS JOIN t          | limit
"""


@pytest.mark.parametrize("line", AFTER.strip().splitlines())
def test_clauses_after_a_set_or_brackets_are_not_dropped(line: str) -> None:
    text, _, code = (cell.strip() for cell in line.partition("|"))
    assert codes(text, "duckdb") - {"years-not-granted"} == ({code} if code else set())


def test_an_order_after_a_set_operation_sorts_all_of_it() -> None:
    branch = "SELECT LA, COUNT(*) AS n FROM census WHERE AcademicYear = '2022/2023' GROUP BY LA"
    plan = checked(in_full(f"{branch} UNION ALL {branch} ORDER BY n DESC LIMIT 3"), "duckdb").plan
    assert plan is not None
    program = plan.outputs[0].program
    assert isinstance(program, Limit)
    assert program.count == 3
    assert isinstance(program.child, Union)

"""docs/sql.md is written from the code, and cannot say anything else."""

from pathlib import Path

from broker.policy.files import load_policies
from docs.generator.sql_page import sql_page

PAGE = Path(__file__).parents[2] / "docs" / "sql.md"


def test_the_page_is_what_the_tables_say() -> None:
    """To write it anew: python -m docs.generate"""
    assert PAGE.read_text() == sql_page(load_policies(PAGE.parents[1] / "policies").memory.standard)

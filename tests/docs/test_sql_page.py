"""docs/reference/sql.md is written from the code, and matches it."""

from pathlib import Path

from broker.policy.files import load_policies
from docs.generator.sql_page import sql_page

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "sql.md"


def test_the_page_is_what_the_tables_say() -> None:
    """To write it anew: python -m docs.generate"""
    assert PAGE.read_text() == sql_page(load_policies(ROOT / "policies").memory.standard)

"""docs/sql.md is written from the code, and cannot say anything else."""

from pathlib import Path

from broker.query.pages.reference_page import sql_page

PAGE = Path(__file__).parents[2] / "docs" / "sql.md"


def test_the_page_is_what_the_tables_say() -> None:
    """To write it anew: python -c "from broker.query.pages.reference_page import sql_page; print(sql_page(), end='')"."""
    assert PAGE.read_text() == sql_page()

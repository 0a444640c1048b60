"""Ranks of a person's rows, which bounds on private answers rest on: SQL for those of a year, and within the filters
that a catalogue names. Pure; a rank follows from its person's own rows alone, and no number of rows breaks it."""

from broker.policy.tables import MOST_RANKED, Ranking
from broker.vault.duck import name
from broker.vault.shares import Share


def rank_text(partition: str, order: str) -> str:
    """From 0; rows that one byte cannot tell apart share the last rank, which no filter counts."""
    number = f"row_number() OVER (PARTITION BY {partition} ORDER BY {order}) - 1"
    return f"least({number}, {MOST_RANKED})::UTINYINT"


def rankings(share: Share) -> list[Ranking]:
    """Those whose variables the project sees: it can ask for no others."""
    seen = {v.name for v in share.variables}
    return [r for r in share.table.rankings if seen.issuperset(r.within)]


def rank_columns(share: Share) -> list[tuple[str, str]]:
    """(name, DuckDB type) of the ranks within filters."""
    return [(r.column, "UTINYINT") for r in rankings(share)]


def rank_texts(share: Share, order: str) -> list[str]:
    """SQL of the columns. In a year in which a variable is not granted it is NULL, and rows are of one value."""
    return [
        f"{rank_text(', '.join(['__p', *map(name, r.within)]), order)} AS {name(r.column)}" for r in rankings(share)
    ]

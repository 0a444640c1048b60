"""The statement that counts the people of rows which have to be of enough people."""

# ruff: noqa: S608 - writing SQL is what this module is for; names are checked, literals quoted

from collections.abc import Sequence

from broker.domain.plans import operators as ops
from broker.domain.plans.plan import CountedRows
from broker.query.sql.generator import relation_sql

ROWS_READ = 1000
"""The engine stops after so many rows for each person that is needed. Enough people are nearly always among them; if
not, too few are counted."""


def render_counted(counted: Sequence[CountedRows], least: int) -> str:
    """Statement with one row for each of the counted rows, in order: `number` from 0, and `persons`, at most as many
    as are needed. `least`: persons that a group needs if rows of persons are joined with it."""
    kept = dict.fromkeys(rows.kept for rows in counted if rows.kept is not None)
    names = {relation: f"kept{number}" for number, relation in enumerate(kept)}
    tables = [
        f"{name} AS MATERIALIZED (SELECT DISTINCT c{ops.person_of(relation)} AS p FROM {relation_sql(relation, least)})"
        for relation, name in names.items()
    ]
    texts = [
        f"SELECT CAST({number} AS BIGINT) AS number, CAST(persons AS BIGINT) AS persons FROM "
        f"({_persons(rows, names[rows.kept] if rows.kept is not None else None, least)})"
        for number, rows in enumerate(counted)
    ]
    first = f"WITH {', '.join(tables)}\n" if tables else ""
    return f"{first}SELECT number, persons FROM (" + "\nUNION ALL ".join(texts) + ") ORDER BY number"


def _persons(rows: CountedRows, kept: str | None, least: int) -> str:
    year = "" if rows.years is None else f", c{rows.years[0]} AS y"
    text = f"SELECT c{ops.person_of(rows.relation)} AS p{year} FROM {relation_sql(rows.relation, least)}"
    if kept is not None:
        text = f"SELECT * FROM ({text}) WHERE p NOT IN (SELECT p FROM {kept} WHERE p IS NOT NULL)"
    if rows.years is None:
        return f"SELECT least(COUNT(DISTINCT p), {rows.least}) AS persons FROM ({text} LIMIT {rows.least * ROWS_READ})"
    in_years = f"SELECT COUNT(DISTINCT p) AS persons FROM ({text}) GROUP BY y"
    fewest = f"least(MIN(persons), {rows.least})"
    return f"SELECT CASE WHEN COUNT(*) < {rows.years[1]} THEN 0 ELSE {fewest} END AS persons FROM ({in_years})"

"""SQL for the rows of one table-year as a vault holds them. Pure: reads granted columns of that year only."""

# ruff: noqa: S608 - SQL is put together from quoted names and literals (`broker.vault.duck`)

from pathlib import Path

from broker.domain.variables import institution_code
from broker.policy.tables import TableKind
from broker.vault.codes import code_texts
from broker.vault.duck import name, parquet_of, text
from broker.vault.ingest import PERSON
from broker.vault.pseudonyms import ProjectKey
from broker.vault.ranks import rank_text, rank_texts
from broker.vault.shares import Share, domain_of, institution_of, is_pseudonymous

EVIDENCE_COLUMNS: tuple[tuple[str, str], ...] = (
    ("__p", "UINTEGER"),
    ("__r", "UTINYINT"),
    ("__ib", "UTINYINT"),
    ("__pb", "UINTEGER"),
    ("__y", "USMALLINT"),
    ("__i", "UINTEGER"),
    ("__k", "UINTEGER"),
)
"""What the evidence rendering of a person table carries beside its granted columns.

__p   project-local person number, dense, in keyed random order
__r   rank of the row within its person and year: the main record first, then by salted hash; from 0, and MOST_RANKED
      for all rows that have this rank or a later one. (`broker.vault.ranks` has those within a catalogue's filters.)
__ib  one of seven bits for the row's institution; 0 where it has none, or none is granted
__pb  one of 32 bits for the person
__y   first calendar year of the row's file (0 in tables without a year axis)
__i   project-local number of the row's institution, in keyed random order; 0 where it has none, or none is granted
__k   the person's record key: a keyed hash of the global number, the same in every project and snapshot of the owner
"""

INSTITUTION_BITS = 7
PERSON_BITS = 32
ORDER = "__order"
"""The order of rows in scripts' files: it tells nothing but the rows' own content under a secret."""


def rows_of(share: Share, year: int | None, source: Path, key: ProjectKey) -> str:
    """SQL for all columns of both renderings and the order of scripts' rows.

    Evidence columns and order are computed from what the project may see (and the person number) alone, so that
    nothing ungranted can change them.
    """
    seen, joins = _granted_columns(share, year)
    number, institutions = _institution_number(share, year)
    names = ", ".join(name(v.name) for v in share.variables)
    source_rows = f"{parquet_of(source)} s {' '.join(joins)}"
    if share.table.kind is TableKind.PUBLIC:
        unique = share.table.unique_key
        first = unique if unique in share.years[year] else share.granted(year)[0].name
        return f"SELECT {', '.join(seen)}, s.{name(first)} AS {ORDER} FROM {source_rows}"
    order = ", ".join([*_main_record(share, year), f"hash({text(key.salt('rank'))}, {names})"])
    ranks = "".join(f"{rank}, " for rank in rank_texts(share, order))
    place = f"(hash({text(key.salt('persons'))}, __p) % {PERSON_BITS})::UINTEGER"
    codes = "".join(f"{column}, " for column in code_texts(share))
    return (
        f"SELECT {names}, __p, {rank_text('__p', order)} AS __r, "
        f"{_institution(share, year, key)} AS __ib, (1::UINTEGER << {place})::UINTEGER AS __pb, "
        f"{year or 0}::USMALLINT AS __y, __i, __k, {ranks}{codes}hash({text(key.salt('order'))}, {names}) AS {ORDER} "
        f"FROM (SELECT {', '.join(seen)}, n.p AS __p, n.k AS __k, {number} AS __i "
        f"FROM {source_rows} JOIN persons n ON n.global = s.{PERSON}{institutions})"
    )


def _granted_columns(share: Share, year: int | None) -> tuple[list[str], list[str]]:
    """What each column of the share is made of, and the joins with `pseudonyms` that this needs."""
    values, joins = [], []
    for number, (variable, (_, kind)) in enumerate(zip(share.variables, share.columns, strict=True)):
        column = name(variable.name)
        if variable.name not in share.years[year]:
            values.append(f"NULL::{kind} AS {column}")
        elif is_pseudonymous(share.table, variable):
            same_domain = f"k{number}.domain = {text(domain_of(share.table, variable))}"
            joins.append(f"LEFT JOIN pseudonyms k{number} ON {same_domain} AND k{number}.key = s.{column}::VARCHAR")
            values.append(f"k{number}.{'whole' if kind == 'BIGINT' else 'pseudonym'} AS {column}")
        else:
            values.append(f"s.{column} AS {column}")
    return values, joins


def _main_record(share: Share, year: int | None) -> list[str]:
    """The catalogue's order of a person's rows, as far as the project may know it."""
    return [
        f"{name(rule.variable)} {'ASC' if rule.ascending else 'DESC'} NULLS {'FIRST' if rule.nulls_first else 'LAST'}"
        for rule in share.table.main_record
        if rule.variable in share.years[year]
    ]


def _institution_number(share: Share, year: int | None) -> tuple[str, str]:
    """The number of a row's institution, and the join with `institutions` that this needs."""
    variable = institution_of(share, year)
    if variable is None:
        return "0::UINTEGER", ""
    same_code = f"i.code = {text(institution_code(variable.name) or '')}"
    return "coalesce(i.number, 0)::UINTEGER", (
        f" LEFT JOIN institutions i ON {same_code} AND i.key = s.{name(variable.name)}::VARCHAR"
    )


def _institution(share: Share, year: int | None, key: ProjectKey) -> str:
    variable = institution_of(share, year)
    if variable is None:
        return "0::UTINYINT"
    column = name(variable.name)
    place = f"(hash({text(key.salt('institutions'))}, {column}) % {INSTITUTION_BITS})::UTINYINT"
    return f"CASE WHEN {column} IS NULL THEN 0::UTINYINT ELSE (1::UTINYINT << {place})::UTINYINT END"

"""SQL for the rows of one table-year as a vault holds them, with ranks, code numbers and evidence columns."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

# ruff: noqa: S608 - SQL is put together from quoted names and literals (`broker.vault.duckdb_access`)
from pathlib import Path

from broker.domain.evidence import VaultProofs
from broker.domain.plans.scalars import ScalarType
from broker.domain.plans.variable_uses import institution_code
from broker.policy.data_catalogue import MAX_RANK, RowRanking, TableKind
from broker.vault.duckdb_access import literal, literals, parquet_of, quote
from broker.vault.ingest import PERSON_COLUMN
from broker.vault.project_shares import ProjectShare, domain_of, institution_of, is_pseudonymous
from broker.vault.pseudonyms import ProjectKey

CODE_PREFIX = "__c_"
MOST_CODES = 255
"""Code numbers have one byte."""


def coded_variables(share: ProjectShare) -> Mapping[str, tuple[str, ...]]:
    """The share's text variables with a code list, each with its codes in text order. Ingest has refused any value
    outside the list."""
    texts = [v for v in share.variables if v.type is ScalarType.TEXT and not is_pseudonymous(share.table, v)]
    codes = {v.name: tuple(sorted(set(v.codes or ()))) for v in texts}
    return {name: found for name, found in codes.items() if 0 < len(found) <= MOST_CODES}


def code_columns(share: ProjectShare) -> list[tuple[str, str]]:
    """(name, DuckDB type) of the code numbers' columns."""
    return [(CODE_PREFIX + variable, "UTINYINT") for variable in coded_variables(share)]


def code_selects(share: ProjectShare) -> list[str]:
    """SQL of the code columns, over the granted ones. A text that is not a code is an error, because its number would
    be another code's."""
    return [
        f"enum_code({quote(variable)}::ENUM ({literals(codes)}))::UTINYINT AS {quote(CODE_PREFIX + variable)}"
        for variable, codes in coded_variables(share).items()
    ]


def with_codes(proofs: VaultProofs, shares: Sequence[ProjectShare]) -> VaultProofs:
    """The proofs with the codes that the numbers stand for."""
    known = {s.table.full_name: coded_variables(s) for s in shares}
    return {table: {y: replace(p, codes=known[table]) for y, p in years.items()} for table, years in proofs.items()}


def rank_sql(partition: str, order: str) -> str:
    """SQL for a rank from 0. Rows beyond what one byte can count share the last rank, which no filter counts."""
    number = f"row_number() OVER (PARTITION BY {partition} ORDER BY {order}) - 1"
    return f"least({number}, {MAX_RANK})::UTINYINT"


def visible_rankings(share: ProjectShare) -> list[RowRanking]:
    """The rankings whose variables the project sees: it cannot request others."""
    seen = {v.name for v in share.variables}
    return [r for r in share.table.rankings if seen.issuperset(r.within)]


def rank_columns(share: ProjectShare) -> list[tuple[str, str]]:
    """(name, DuckDB type) of the ranks within filters."""
    return [(r.column, "UTINYINT") for r in visible_rankings(share)]


def rank_selects(share: ProjectShare, order: str) -> list[str]:
    """SQL of the rank columns. In a year in which a variable is not granted it is NULL, so all rows have the same
    value."""
    return [
        f"{rank_sql(', '.join(['__p', *map(quote, r.within)]), order)} AS {quote(r.column)}"
        for r in visible_rankings(share)
    ]


EVIDENCE_COLUMNS: tuple[tuple[str, str], ...] = (
    ("__p", "UINTEGER"),
    ("__r", "UTINYINT"),
    ("__ib", "UTINYINT"),
    ("__pb", "UINTEGER"),
    ("__y", "USMALLINT"),
    ("__i", "UINTEGER"),
    ("__k", "UINTEGER"),
)
"""Columns of the evidence rendering of a person table besides its granted columns.

__p   project-local person number, dense, in keyed random order
__r   rank of the row within its person and year: the main record first, then by salted hash; from 0, and MAX_RANK for
      all rows of this rank or a later one (`rank_columns` has the ranks within the catalogue's filters)
__ib  one of seven bits for the row's institution; 0 if it has none, or none is granted
__pb  one of 32 bits for the person
__y   first calendar year of the row's file (0 in tables without years)
__i   project-local number of the row's institution, in keyed random order; 0 if it has none, or none is granted
__k   the person's record key: a keyed hash of the global number, the same in every project and snapshot of the owner
"""

INSTITUTION_BITS = 7
PERSON_BITS = 32
ORDER = "__order"
"""The order of rows in scripts' files: it depends only on the rows' own content, under a secret."""


def rows_sql(share: ProjectShare, year: int | None, source: Path, key: ProjectKey) -> str:
    """SQL for all columns of both renderings and the order of scripts' rows.

    Evidence columns and order are computed only from what the project may see (and the person number), so that nothing
    ungranted can change them.
    """
    seen, joins = _granted_columns(share, year)
    number, institutions = _institution_number(share, year)
    names = ", ".join(quote(v.name) for v in share.variables)
    source_rows = f"{parquet_of(source)} s {' '.join(joins)}"  # joins with pseudonyms only: no row is lost
    # No persons, so no evidence columns.
    if share.table.kind is TableKind.PUBLIC:
        unique = share.table.unique_key
        first = unique if unique in share.years[year] else share.granted(year)[0].name
        return f"SELECT {', '.join(seen)}, s.{quote(first)} AS {ORDER} FROM {source_rows}"
    # Then by a salted hash of visible columns, so that ties reveal nothing.
    order = ", ".join([*_main_record(share, year), f"hash({literal(key.salt('rank'))}, {names})"])
    ranks = "".join(f"{rank}, " for rank in rank_selects(share, order))
    place = f"(hash({literal(key.salt('persons'))}, __p) % {PERSON_BITS})::UINTEGER"  # keyed: differs between projects
    codes = "".join(f"{column}, " for column in code_selects(share))
    return (
        f"SELECT {names}, __p, {rank_sql('__p', order)} AS __r, "
        f"{_institution_bit(share, year, key)} AS __ib, (1::UINTEGER << {place})::UINTEGER AS __pb, "
        f"{year or 0}::USMALLINT AS __y, __i, __k, {ranks}{codes}hash({literal(key.salt('order'))}, {names}) "
        f"AS {ORDER} "
        f"FROM (SELECT {', '.join(seen)}, n.p AS __p, n.k AS __k, {number} AS __i "
        f"FROM {source_rows} JOIN persons n ON n.global = s.{PERSON_COLUMN}{institutions})"
    )


def _granted_columns(share: ProjectShare, year: int | None) -> tuple[list[str], list[str]]:
    """SQL for each column of the share, and the joins with `pseudonyms` that these need."""
    values, joins = [], []
    for number, (variable, (_, kind)) in enumerate(zip(share.variables, share.columns, strict=True)):
        column = quote(variable.name)
        # One schema for all years: an ungranted variable is NULL.
        if variable.name not in share.years[year]:
            values.append(f"NULL::{kind} AS {column}")
        elif is_pseudonymous(share.table, variable):
            same_domain = f"k{number}.domain = {literal(domain_of(share.table, variable))}"
            joins.append(f"LEFT JOIN pseudonyms k{number} ON {same_domain} AND k{number}.key = s.{column}::VARCHAR")
            values.append(f"k{number}.{'whole' if kind == 'BIGINT' else 'pseudonym'} AS {column}")
        else:
            values.append(f"s.{column} AS {column}")
    return values, joins


def _main_record(share: ProjectShare, year: int | None) -> list[str]:
    """The catalogue's order of a person's rows, as far as the project may know it."""
    return [
        f"{quote(rule.variable)} {'ASC' if rule.ascending else 'DESC'} NULLS {'FIRST' if rule.nulls_first else 'LAST'}"
        for rule in share.table.main_record
        if rule.variable in share.years[year]
    ]


def _institution_number(share: ProjectShare, year: int | None) -> tuple[str, str]:
    """SQL for the number of a row's institution, and the join with `institutions` that it needs."""
    variable = institution_of(share, year)
    if variable is None:
        return "0::UINTEGER", ""
    same_code = f"i.code = {literal(institution_code(variable.name) or '')}"
    return "coalesce(i.number, 0)::UINTEGER", (
        f" LEFT JOIN institutions i ON {same_code} AND i.key = s.{quote(variable.name)}::VARCHAR"
    )


def _institution_bit(share: ProjectShare, year: int | None, key: ProjectKey) -> str:
    variable = institution_of(share, year)
    if variable is None:
        return "0::UTINYINT"
    column = quote(variable.name)
    place = f"(hash({literal(key.salt('institutions'))}, {column}) % {INSTITUTION_BITS})::UTINYINT"
    # No institution: no bit.
    return f"CASE WHEN {column} IS NULL THEN 0::UTINYINT ELSE (1::UTINYINT << {place})::UTINYINT END"

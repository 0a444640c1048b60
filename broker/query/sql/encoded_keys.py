"""Encoded keys: contributions as they are stored, with ranks, and with code numbers instead of texts."""

# ruff: noqa: S608 - writing SQL is what this module is for; names are checked, literals quoted

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from broker.domain.evidence import VaultProofs
from broker.domain.plans.bounded_table import BoundedTable
from broker.domain.plans.operators import Filter, Project, Relation, Scan, ScanColumn
from broker.domain.plans.plan import EvidenceNeeds, GroupKey, PlannedTable
from broker.domain.plans.scalars import Literal, ScalarType
from broker.query.contribution_bounding.error_free import error_free
from broker.query.sql.evidence_bounds import counted_condition
from broker.query.sql.generator import literal_sql, relation_sql, scalar_sql
from broker.query.sql.proven_scan import ProvenScan, only_scan

RANK_COLUMN = "__r"
"""Column of the vault with a row's rank within its person and year, from 0."""
CODE_PREFIX = "__c_"
"""Prefix of a variable's name: the vault's column with the number of its code, from 0. Numbers group faster than
texts."""
MOST_NUMBERS = 3
"""That many one-byte codes fit a small number."""


class EncodedKey(NamedTuple):
    """A key that is read as the number of its code, which the vault has in a column."""

    codes: tuple[str, ...]
    column: ScanColumn

    @property
    def sql(self) -> str:
        return f"c{self.column.ident}"

    def text(self, number: str) -> str:
        """SQL of the code for a number."""
        codes = ", ".join(literal_sql(Literal(c, ScalarType.TEXT)) for c in self.codes)
        return f"list_extract([{codes}], {number} + 1)"


class StoredRows(NamedTuple):
    """The rows as a source of FROM: keys `k`, person `p`, arguments `a`, and the rank `r` if persons can have several
    rows. `coded` says which keys are code numbers."""

    text: str
    coded: list[EncodedKey | None]

    @property
    def number(self) -> str | None:
        """SQL of one number for the first coded keys, never NULL; None if no key is coded."""
        # 255 stands for NULL, so that NULL is a group too
        numbers = [f"coalesce(k{i}, 255)" for i, c in enumerate(self.coded) if c is not None][:MOST_NUMBERS]
        return " + ".join(f"{n}::UINTEGER * {256**i}" for i, n in enumerate(numbers)) or None


def stored_rows(table: PlannedTable, needs: EvidenceNeeds, proven: ProvenScan) -> StoredRows:
    # first id that no column has
    free = 1 + max([table.person, *(c.ident for c in proven.scan.columns), *proven.definitions], default=0)
    coded = [_encoded_key(key, proven, free + i) for i, key in enumerate(table.keys, 1)]
    stored = [] if proven.is_single else [ScanColumn(free, RANK_COLUMN, ScalarType.TEXT)]
    stored += [c.column for c in coded if c is not None]
    keys = [scalar_sql(k.expression) if c is None else c.sql for k, c in zip(table.keys, coded, strict=True)]
    columns = [f"{text} AS k{number}" for number, text in enumerate(keys)]
    columns += [f"c{table.person} AS p", *([] if proven.is_single else [f"c{free} AS r"])]
    arguments = ((s.ident, counted_condition(s) or s.argument) for s in table.statistics)
    columns += [f"{scalar_sql(argument)} AS a{ident}" for ident, argument in arguments if argument is not None]
    relation = _with_stored_columns(table.contributions, stored)
    return StoredRows(f"(SELECT {', '.join(columns)} FROM {relation_sql(relation, needs.min_persons)})", coded)


def _encoded_key(key: GroupKey, proven: ProvenScan, ident: int) -> EncodedKey | None:
    """The code numbers of a key in a column with this id; None if the vault does not store them."""
    codes = proven.codes(key.expression)
    name = CODE_PREFIX + proven.variable(key.expression)
    return None if codes is None else EncodedKey(codes, ScanColumn(ident, name, ScalarType.TEXT))


def _with_stored_columns(relation: Relation, columns: Sequence[ScanColumn]) -> Relation:
    """Add columns to a scan. TEXT, because a text column is read as it is stored, without a cast."""
    if isinstance(relation, Filter | Project):
        return replace(relation, child=_with_stored_columns(relation.child, columns))
    assert isinstance(relation, Scan)
    return replace(relation, columns=(*relation.columns, *columns))


FIRST_IDENT = 2_100_000_000
"""Id of the first code-number column. No plan has that many columns."""


@dataclass(frozen=True, slots=True)
class KeyEncoding:
    """The relation with the code numbers, the SQL of each key over it, and which keys are code numbers."""

    relation: Relation
    keys: tuple[str, ...]
    codes: tuple[EncodedKey | None, ...]

    def key_sql(self, key: int) -> str:
        coded = self.codes[key]
        return f"k{key}" if coded is None else f"{coded.text(f'k{key}')} AS k{key}"


def key_encoding(table: BoundedTable, proofs: VaultProofs) -> KeyEncoding:
    scan, keys = only_scan(table.contributions, proofs, 0), enumerate(table.keys, FIRST_IDENT)
    codes = [None if scan is None else _encoded_key(key, scan, ident) for ident, key in keys]
    columns = [c.column for c in codes if c is not None]
    texts = (
        scalar_sql(error_free(k.expression)) if c is None else c.sql for k, c in zip(table.keys, codes, strict=True)
    )
    relation = _with_stored_columns(table.contributions, columns) if columns else table.contributions
    return KeyEncoding(relation, tuple(texts), tuple(codes))

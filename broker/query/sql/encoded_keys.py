"""Encoded keys: contributions as they are stored, with ranks, and with code numbers instead of texts."""

# ruff: noqa: S608 - writing SQL is what this module is for; names are checked, literals quoted

from dataclasses import dataclass, replace
from typing import NamedTuple

from broker.domain.evidence import VaultProofs
from broker.domain.plans.bounded_table import BoundedTable
from broker.domain.plans.operators import Filter, Project, Relation, Scan, ScanColumn, walk
from broker.domain.plans.plan import EvidenceNeeds, GroupKey, PlannedTable
from broker.domain.plans.scalars import ColumnRef, Literal, Scalar, ScalarType
from broker.query.contribution_bounding.error_free import error_free
from broker.query.sql.evidence_bounds import argument_sql
from broker.query.sql.generator import literal_sql, relation_sql, scalar_sql
from broker.query.sql.proven_scan import ProvenScan

RANK_COLUMN = "__r"
"""Column of the vault with a row's rank within its person and year, from 0."""
CODE_PREFIX = "__c_"
"""Prefix of a variable's name: the vault's column with the number of its code, from 0. Numbers group faster than
texts."""
MOST_NUMBERS = 3
"""That many one-byte codes fit a small number."""


class EncodedKey(NamedTuple):
    """A key that is read as the number of its code."""

    codes: tuple[str, ...]

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
    coded = [_encoded_key(key, proven) for key in table.keys]
    stored = [] if proven.is_single else [ScanColumn(free, RANK_COLUMN, ScalarType.TEXT)]
    columns = []
    for number, (key, code) in enumerate(zip(table.keys, coded, strict=True)):
        text = scalar_sql(key.expression)
        if code is not None:
            stored.append(ScanColumn(free + 1 + number, CODE_PREFIX + proven.variable(key.expression), ScalarType.TEXT))
            text = f"c{free + 1 + number}"
        columns.append(f"{text} AS k{number}")
    columns += [f"c{table.person} AS p", *([] if proven.is_single else [f"c{free} AS r"])]
    columns += [f"{argument_sql(s)} AS a{s.ident}" for s in table.statistics if s.argument is not None]
    relation = _with_stored_columns(table.contributions, tuple(stored))
    return StoredRows(f"(SELECT {', '.join(columns)} FROM {relation_sql(relation, needs.min_persons)})", coded)


def _encoded_key(key: GroupKey, proven: ProvenScan) -> EncodedKey | None:
    codes = proven.codes(key.expression)
    return None if codes is None else EncodedKey(codes)


def _with_stored_columns(relation: Relation, columns: tuple[ScanColumn, ...]) -> Relation:
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
    scan = _only_scan(table.contributions)
    found = [None if scan is None else _codes(k.expression, table.contributions, scan, proofs) for k in table.keys]
    columns = [
        ScanColumn(FIRST_IDENT + i, CODE_PREFIX + f[0], ScalarType.TEXT) for i, f in enumerate(found) if f is not None
    ]
    keys = [
        scalar_sql(error_free(k.expression)) if f is None else f"c{FIRST_IDENT + i}"
        for i, (k, f) in enumerate(zip(table.keys, found, strict=True))
    ]
    relation = _with_stored_columns(table.contributions, tuple(columns)) if columns else table.contributions
    return KeyEncoding(relation, tuple(keys), tuple(None if f is None else EncodedKey(f[1]) for f in found))


def _only_scan(relation: Relation) -> Scan | None:
    """The scan of a relation that has no join, union or aggregation; None otherwise."""
    parts = list(walk(relation))
    last = parts[-1]
    return last if isinstance(last, Scan) and all(isinstance(p, Filter | Project | Scan) for p in parts) else None


def _codes(scalar: Scalar, relation: Relation, scan: Scan, proofs: VaultProofs) -> tuple[str, tuple[str, ...]] | None:
    """(variable, codes) of a key that is a plain variable; None otherwise."""
    made = {i: s for r in walk(relation) if isinstance(r, Project) for i, s in r.columns}
    # follow renamed columns down to the scan
    while isinstance(scalar, ColumnRef) and scalar.ident in made:
        scalar = made[scalar.ident]
    name = next((c.variable for c in scan.columns if isinstance(scalar, ColumnRef) and c.ident == scalar.ident), None)
    if name is None or scan.table not in proofs:
        return None
    years = proofs[scan.table]
    known = {p.codes.get(name) for year, p in years.items() if scan.years is None or year in scan.years}
    codes = known.pop() if len(known) == 1 else None  # the years may number their codes differently
    return None if codes is None else (name, codes)

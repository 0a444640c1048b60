"""The store of a snapshot's known populations: everybody of a table, and the policy's reference populations."""
# ruff: noqa: S608 - SQL is put together from quoted names and literals (`broker.vault.duckdb_access`)

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet

from broker.domain.errors import Breach, Unknown
from broker.domain.plans.scalars import Value, values_from_json, values_to_json
from broker.domain.ports import Vault
from broker.domain.ports.history_ports import KnownPopulation
from broker.evidence.member_tables import members_of, to_bytes
from broker.policy.policy_set import PolicySet, canonical_json
from broker.vault.build_once import locked, write_private
from broker.vault.duckdb_access import Connection, connection, parquet_of, quote
from broker.vault.ingest import PERSON_COLUMN
from broker.vault.project_shares import year_label
from broker.vault.snapshot_files import read_snapshot, snapshot_folder
from broker.vault.vault_store import person_map_path

LAYOUT = "2"
"""Changes whenever populations of the same definition would be numbered or counted differently (2: in thousandths of a
figure)."""
FOLDER_MODE = 0o700
EVERYBODY = "everybody"


class PopulationStore:
    """See `broker.domain.ports.history_ports.Populations`. `policies` returns the current policies."""

    def __init__(self, data: Path, policies: Callable[[], PolicySet]) -> None:
        self._data, self._policies = data, policies
        self._private = data / "private"

    def numbers(self, vault: Vault) -> bytes:
        found = parquet.read_table(person_map_path(self._private, vault.key))
        local = found.column("__p").to_numpy()
        # Members would otherwise be assigned to other persons.
        if not np.array_equal(local, np.arange(vault.persons)):
            raise Breach("The map of a vault's persons is not that of the vault.")
        return bytes(found.column("global").to_numpy().astype("<u4").tobytes())

    def everybody(self, snapshot: str, table: str, year: int | None) -> KnownPopulation:
        return self._population(snapshot, EVERYBODY, table, (), year)

    def references(self, snapshot: str) -> Iterator[KnownPopulation]:
        facts = json.loads(read_snapshot(self._data, snapshot).facts)
        for reference in self._policies().memory.references:
            for found in sorted(facts.get(reference.table, {})):
                year = None if found == year_label(None) else int(found)
                found_now = self._population(snapshot, reference.name, reference.table, reference.variables, year)
                yield replace(found_now, pooled=reference.pooled)

    def _population(
        self, snapshot: str, named: str, table: str, variables: Sequence[str], year: int | None
    ) -> KnownPopulation:
        ident = population_ident(named, table, variables, year)
        folder = self._private / "populations" / snapshot
        source = snapshot_folder(self._data, snapshot) / table / f"{year_label(year)}.parquet"
        if not source.is_file():
            raise Unknown("population", ident)
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        path = folder / hashlib.sha256(ident.encode()).hexdigest()[:32]
        with locked(folder / ".lock"):
            # Made once: numbers of cells must stay, because counts against the cap use them.
            if not path.is_file():
                _save(path, *_cells_and_members(folder, source, variables))
        head, _, content = path.read_bytes().partition(b"\n")
        header = json.loads(head)
        cells = tuple(values_from_json(cell) for cell in header["cells"])
        sizes = tuple(header["sizes"])
        return KnownPopulation(ident, named, snapshot, table, year, cells, sizes, content, tuple(variables))


def population_ident(named: str, table: str, variables: Sequence[str], year: int | None) -> str:
    """An identifier that is equal only for equal definitions: counts against the cap are stored under it."""
    definition = hashlib.sha256(canonical_json([LAYOUT, table, list(variables), year]).encode()).hexdigest()[:12]
    return f"{named}/{table}/{year_label(year)}/{definition}"


def _cells_and_members(
    scratch: Path, source: Path, variables: Sequence[str]
) -> tuple[list[tuple[Value, ...]], list[int], bytes]:
    """Cells in the order of their keys, their sizes, and their members. A person with rows in several cells is in the
    first one, so everybody counts once."""
    with connection(scratch / ".scratch") as con:
        cells = _cells(con, source, variables)
        on = " AND ".join(f"r.{quote(v)} IS NOT DISTINCT FROM c.{quote(v)}" for v in variables) or "true"
        found = con.execute(
            f"SELECT r.{PERSON_COLUMN} AS p, min(c.cell) AS cell FROM {parquet_of(source)} r JOIN cells c ON {on} "
            f"GROUP BY r.{PERSON_COLUMN}"
        ).fetchnumpy()
    persons, numbers = np.asarray(found["p"], np.uint32), np.asarray(found["cell"], np.int64)
    sizes: list[int] = np.bincount(numbers, minlength=len(cells)).tolist()
    return cells, sizes, to_bytes(members_of(len(cells), persons, numbers))


def _cells(con: Connection, source: Path, variables: Sequence[str]) -> list[tuple[Value, ...]]:
    names = ", ".join(quote(v) for v in variables)
    if not variables:
        con.execute("CREATE TEMP TABLE cells AS SELECT 0 AS cell")
        return [()]
    order = ", ".join(f"{quote(v)} NULLS LAST" for v in variables)
    con.execute(
        f"CREATE TEMP TABLE cells AS SELECT {names}, row_number() OVER (ORDER BY {order}) - 1 AS cell "
        f"FROM (SELECT DISTINCT {names} FROM {parquet_of(source)})"
    )
    return con.execute(f"SELECT {names} FROM cells ORDER BY cell").fetchall()


def _save(path: Path, cells: Sequence[tuple[Value, ...]], sizes: Sequence[int], content: bytes) -> None:
    header = json.dumps({"cells": [values_to_json(cell) for cell in cells], "sizes": list(sizes)})
    write_private(path, header.encode() + b"\n" + content)

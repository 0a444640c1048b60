"""Known populations of a snapshot: everybody of a table, and the policy's reference populations. Made once and kept
where the owner's secrets lie; the worker only. Who may ask, and what it means, is the business of others."""
# ruff: noqa: S608 - SQL is put together from quoted names and literals (`broker.vault.duck`)

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet

from broker.disclosure.differencing.members import members_of, to_bytes
from broker.domain.errors import Breach, Unknown
from broker.domain.ports import Vault
from broker.domain.ports.release_history import KnownPopulation
from broker.domain.scalars import Value
from broker.domain.stored_values import values_from_json, values_to_json
from broker.policy.models import Policies, canonical_json
from broker.vault.duck import Connection, connection, name, parquet_of
from broker.vault.ingest import PERSON
from broker.vault.keeper import map_of
from broker.vault.locks import locked
from broker.vault.shares import label
from broker.vault.snapshots import folder_of, read_snapshot

LAYOUT = "2"
"""Changes when populations of the same definition would be numbered differently, or counted against otherwise (2: in
thousandths of a figure)."""
MODE = 0o700
EVERYBODY = "everybody"


class PopulationKeeper:
    """See `broker.domain.ports.release_history.Populations`. `policies` gives the policies of the moment."""

    def __init__(self, data: Path, policies: Callable[[], Policies]) -> None:
        self._data, self._policies = data, policies
        self._private = data / "private"

    def numbers(self, vault: Vault) -> bytes:
        found = parquet.read_table(map_of(self._private, vault.key))
        local = found.column("__p").to_numpy()
        if not np.array_equal(local, np.arange(vault.persons)):
            raise Breach("The map of a vault's persons is not that of the vault.")
        return bytes(found.column("global").to_numpy().astype("<u4").tobytes())

    def everybody(self, snapshot: str, table: str, year: int | None) -> KnownPopulation:
        return self._population(snapshot, EVERYBODY, table, (), year)

    def references(self, snapshot: str) -> Iterator[KnownPopulation]:
        facts = json.loads(read_snapshot(self._data, snapshot).facts)
        for reference in self._policies().memory.references:
            for found in sorted(facts.get(reference.table, {})):
                year = None if found == label(None) else int(found)
                found_now = self._population(snapshot, reference.name, reference.table, reference.variables, year)
                yield replace(found_now, pooled=reference.pooled)

    def _population(
        self, snapshot: str, named: str, table: str, variables: Sequence[str], year: int | None
    ) -> KnownPopulation:
        ident = ident_of(named, table, variables, year)
        folder = self._private / "populations" / snapshot
        source = folder_of(self._data, snapshot) / table / f"{label(year)}.parquet"
        if not source.is_file():
            raise Unknown("population", ident)
        folder.mkdir(mode=MODE, parents=True, exist_ok=True)
        path = folder / hashlib.sha256(ident.encode()).hexdigest()[:32]
        with locked(folder / ".lock"):
            if not path.is_file():
                _keep(path, *_made(folder, source, variables))
        head, _, content = path.read_bytes().partition(b"\n")
        told = json.loads(head)
        cells = tuple(values_from_json(cell) for cell in told["cells"])
        sizes = tuple(told["sizes"])
        return KnownPopulation(ident, named, snapshot, table, year, cells, sizes, content, tuple(variables))


def ident_of(named: str, table: str, variables: Sequence[str], year: int | None) -> str:
    """Equal for equal definitions only: counts against the cap are kept under it."""
    definition = hashlib.sha256(canonical_json([LAYOUT, table, list(variables), year]).encode()).hexdigest()[:12]
    return f"{named}/{table}/{label(year)}/{definition}"


def _made(scratch: Path, source: Path, variables: Sequence[str]) -> tuple[list[tuple[Value, ...]], list[int], bytes]:
    """Cells in the order of their keys. A person with rows in several is in the first: each counts once."""
    with connection(scratch / ".scratch") as con:
        cells = _cells(con, source, variables)
        on = " AND ".join(f"r.{name(v)} IS NOT DISTINCT FROM c.{name(v)}" for v in variables) or "true"
        found = con.execute(
            f"SELECT r.{PERSON} AS p, min(c.cell) AS cell FROM {parquet_of(source)} r JOIN cells c ON {on} "
            f"GROUP BY r.{PERSON}"
        ).fetchnumpy()
    persons, numbers = np.asarray(found["p"], np.uint32), np.asarray(found["cell"], np.int64)
    sizes: list[int] = np.bincount(numbers, minlength=len(cells)).tolist()
    return cells, sizes, to_bytes(members_of(len(cells), persons, numbers))


def _cells(con: Connection, source: Path, variables: Sequence[str]) -> list[tuple[Value, ...]]:
    names = ", ".join(name(v) for v in variables)
    if not variables:
        con.execute("CREATE TEMP TABLE cells AS SELECT 0 AS cell")
        return [()]
    order = ", ".join(f"{name(v)} NULLS LAST" for v in variables)
    con.execute(
        f"CREATE TEMP TABLE cells AS SELECT {names}, row_number() OVER (ORDER BY {order}) - 1 AS cell "
        f"FROM (SELECT DISTINCT {names} FROM {parquet_of(source)})"
    )
    return con.execute(f"SELECT {names} FROM cells ORDER BY cell").fetchall()


def _keep(path: Path, cells: Sequence[tuple[Value, ...]], sizes: Sequence[int], content: bytes) -> None:
    half = path.with_name(f".half-{path.name}")
    half.unlink(missing_ok=True)
    told = json.dumps({"cells": [values_to_json(cell) for cell in cells], "sizes": list(sizes)})
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(told.encode() + b"\n" + content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(half, path)

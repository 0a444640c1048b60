"""How large reference populations are, as the worker measured them, for staff who watch the cap. Counts nothing."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, delete, insert, select

from broker.domain.caps import MeasuredPopulation
from broker.domain.remembered import canonical
from broker.storage.database import Database
from broker.storage.release_history.tables import memory_populations


class MemoryMeasures:
    """The part of the store that keeps the sizes of reference populations."""

    _db: Database

    def put_measured(self, found: Sequence[MeasuredPopulation]) -> None:
        p = memory_populations.c
        with self._db.write() as connection:
            for one in found:
                same = (p.snapshot == one.snapshot, p.population == one.population)
                connection.execute(delete(memory_populations).where(*same))
                connection.execute(insert(memory_populations).values(_values(one)))

    def measured(self, snapshot: str) -> list[MeasuredPopulation]:
        p = memory_populations.c
        query = select(memory_populations).where(p.snapshot == snapshot).order_by(p.name, p.year, p.population)
        with self._db.read() as connection:
            return [_of(row) for row in connection.execute(query)]

    def measured_least(self, snapshot: str) -> Mapping[str, int]:
        p = memory_populations.c
        with self._db.read() as connection:
            rows = connection.execute(select(p.population, p.least).where(p.snapshot == snapshot))
            return {row.population: row.least for row in rows}

    def measured_snapshots(self) -> frozenset[str]:
        with self._db.read() as connection:
            return frozenset(connection.execute(select(memory_populations.c.snapshot).distinct()).scalars())


def _values(one: MeasuredPopulation) -> dict[str, object]:
    return {
        "snapshot": one.snapshot,
        "population": one.population,
        "name": one.name,
        "held_in": one.table,
        "year": one.year,
        "least": one.least,
        "cells": canonical(list(one.cells)),
        "sizes": canonical(list(one.sizes)),
    }


def _of(row: Row[Any]) -> MeasuredPopulation:
    named = (row.snapshot, row.population, row.name, row.held_in, row.year, row.least)
    return MeasuredPopulation(*named, tuple(json.loads(row.cells)), tuple(json.loads(row.sizes)))

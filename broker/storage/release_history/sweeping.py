"""Which files of members may be removed: those that nothing names, and that nothing can name any more from then on."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, insert, select

from broker.domain.outputs import OutputState
from broker.storage.database import Database
from broker.storage.release_history.held_files import hold, swept
from broker.storage.release_history.tables import memory_entries, memory_swept
from broker.storage.release_history.writing import MemoryWriting
from broker.storage.tables.jobs import outputs

WAITING = frozenset({OutputState.ASSESSED, OutputState.IN_REVIEW, OutputState.APPROVED})
"""Outputs that may still leave, and bring what they name into memory."""


class MemorySweeping(MemoryWriting):
    """The part of the store that gives files of members up."""

    _db: Database

    def give_up(self, files: Collection[str], now: datetime) -> frozenset[str]:
        with self._db.write() as connection:
            hold(connection)
            if not self._memory.remembers(connection):
                return frozenset()
            gone = frozenset(files) - _named(connection)
            new = sorted(gone - swept(connection, gone))
            if new:
                connection.execute(insert(memory_swept), [{"file": file, "at": now} for file in new])
            return gone


def _named(connection: Connection) -> frozenset[str]:
    entered = connection.execute(select(memory_entries.c.file).where(memory_entries.c.file.is_not(None))).scalars()
    waiting = connection.execute(select(outputs.c.to_remember).where(outputs.c.state.in_(sorted(WAITING)))).scalars()
    return frozenset(entered) | {file for kept in waiting for _, file, __ in kept or ()}

"""Files of members between two transactions: one that names them, and one that gives them up.

Both wait for each other at the memory's head, so that a file is named or swept and never both, however long a process
was held up between writing a file and naming it.
"""

from collections.abc import Collection

from sqlalchemy import Connection, select

from broker.domain.errors import Conflict
from broker.storage.release_history.tables import memory_head, memory_swept

AT_ONCE = 500
"""Names in one question."""


def hold(connection: Connection) -> None:
    """The memory's head, until the transaction ends."""
    connection.execute(select(memory_head.c.number).with_for_update()).one()


def hold_files(connection: Connection, files: Collection[str]) -> None:
    """First in a transaction that names files for an output: Conflict("stale") where one of them was swept."""
    if files:
        hold(connection)
        check_kept(connection, files, "stale")


def check_kept(connection: Connection, files: Collection[str], code: str) -> None:
    """For whoever holds the memory's head."""
    if swept(connection, files):
        raise Conflict(code, "A file of members was swept before anything named it; nothing was changed.")


def swept(connection: Connection, files: Collection[str]) -> frozenset[str]:
    wanted, found = sorted(files), set[str]()
    for start in range(0, len(wanted), AT_ONCE):
        query = select(memory_swept.c.file).where(memory_swept.c.file.in_(wanted[start : start + AT_ONCE]))
        found |= set(connection.execute(query).scalars())
    return frozenset(found)

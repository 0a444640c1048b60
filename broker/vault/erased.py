"""Persons whom an ingest leaves out: found by digests of their keys, gone from the snapshot and from the private map.

The map keeps a digest in place of each key, so that whoever of a person's keys comes again finds the person, and the
number is nobody else's. It never tells which persons it found.
"""
# ruff: noqa: S608 - SQL is put together from constants

import pyarrow as pa

from broker.domain.erasures import Erased
from broker.domain.errors import Breach
from broker.vault.duck import Connection

FORGOTTEN = "(erased)"
"""The domain of the private map under which a digest stands for a key."""

AT_ONCE = 100_000


def find_erased(con: Connection, erased: Erased | None) -> None:
    """Of the tables `known` and `numbers` make `gone` (number) and `forgotten` (domain, key, digest, number), every key
    of those persons. Whoever has a key with a digest among the erased goes, with all rows of all their keys."""
    con.execute("CREATE TABLE gone (number UINTEGER)")
    con.execute("CREATE TEMP TABLE forgotten (domain VARCHAR, key VARCHAR, digest VARCHAR, number UINTEGER)")
    before = {str(k) for (k,) in con.execute(f"SELECT key FROM known WHERE domain = '{FORGOTTEN}'").fetchall()}
    if not before and not (erased and erased.digests):
        return
    if erased is None:
        raise Breach("Persons were erased here: nothing is ingested without their digests.")
    con.execute(
        "CREATE TABLE keyed AS SELECT domain, key, number FROM numbers UNION "
        f"SELECT domain, key, number FROM known WHERE domain <> '{FORGOTTEN}'"
    )
    found = _found(con, erased, erased.digests | before)
    _put(con, "gone", {"number": pa.array(found, pa.uint32())})
    theirs = con.execute("SELECT domain, key, number FROM keyed WHERE number IN (FROM gone)").fetchall()
    _forget(con, erased, theirs)


def _found(con: Connection, erased: Erased, wanted: frozenset[str]) -> list[int]:
    """Rows that have no key are nobody's by digest: nothing says whose they are."""
    cursor = con.cursor()
    cursor.execute("SELECT domain, key, number FROM keyed WHERE NOT starts_with(domain, 'row:')")
    found: set[int] = set()
    while rows := cursor.fetchmany(AT_ONCE):
        found.update(number for domain, key, number in rows if erased.digest(domain, key) in wanted)
    return sorted(found)


def _forget(con: Connection, erased: Erased, theirs: list[tuple[str, str, int]]) -> None:
    columns = {
        "domain": pa.array([d for d, _, _ in theirs], pa.string()),
        "key": pa.array([k for _, k, _ in theirs], pa.string()),
        "digest": pa.array([erased.digest(d, k) for d, k, _ in theirs], pa.string()),
        "number": pa.array([n for _, _, n in theirs], pa.uint32()),
    }
    _put(con, "forgotten", columns)


def _put(con: Connection, table: str, columns: dict[str, pa.Array]) -> None:
    con.register("found_here", pa.table(columns))
    con.execute(f"INSERT INTO {table} FROM found_here")
    con.unregister("found_here")


def remembered() -> str:
    """SQL for the rows of the private map after this ingest: digests for keys of whoever is gone, each once."""
    return (
        "WITH every AS (SELECT domain, key, number::UINTEGER AS number FROM numbers UNION ALL "
        "SELECT domain, key, number FROM known ANTI JOIN numbers USING (domain, key)), "
        f"marks AS (SELECT DISTINCT ON (digest) '{FORGOTTEN}' AS domain, digest AS key, number FROM forgotten "
        f"WHERE digest NOT IN (SELECT key FROM known WHERE domain = '{FORGOTTEN}') ORDER BY digest, number) "
        "SELECT domain, key, number FROM every ANTI JOIN forgotten USING (domain, key) UNION ALL FROM marks"
    )

"""Person numbers: one for each component of linked keys, the same across snapshots; erased persons have none."""

# ruff: noqa: S608 - SQL is put together from quoted names and literals (`broker.vault.duckdb_access`)

import os
import secrets
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from broker.domain.errors import Breach
from broker.domain.projects.erasures import ErasedPersons
from broker.policy.data_catalogue import CatalogueTable
from broker.vault.duckdb_access import Connection, count, execute_over, literal, parquet_of, quote

Numbers = NDArray[np.int64]


def connected_components(size: int, left: Numbers, right: Numbers) -> Numbers:
    """The smallest node in the component of each of `size` nodes, given edges (left[i], right[i]).

    Every round attaches each root to the smallest neighbouring root and then halves all paths to the root. So the
    number of rounds grows with the logarithm of the longest chain.
    """
    root = np.arange(size, dtype=np.int64)
    while True:
        here, there = root[left], root[right]
        open_edges = here != there
        if not open_edges.any():
            return root
        here, there = here[open_edges], there[open_edges]
        # Always to the smaller root: no cycles, and the result does not depend on the order.
        np.minimum.at(root, np.maximum(here, there), np.minimum(here, there))
        while True:
            shorter = root[root]
            if np.array_equal(shorter, root):
                break
            root = shorter


ERASED_DOMAIN = "(erased)"
"""The domain in the private map under which a digest replaces a key."""

FETCH_SIZE = 100_000


def find_erased(con: Connection, erased: ErasedPersons | None) -> None:
    """From the tables `known` and `numbers`, create `gone` (number) and `forgotten` (domain, key, digest, number) with
    every key of the erased persons. A person with one key whose digest is erased is erased with all of their rows and
    keys. Raises Breach if earlier erasures exist but no digests are given."""
    con.execute("CREATE TABLE gone (number UINTEGER)")
    con.execute("CREATE TEMP TABLE forgotten (domain VARCHAR, key VARCHAR, digest VARCHAR, number UINTEGER)")
    # Digests of earlier erasures.
    before = {str(k) for (k,) in con.execute(f"SELECT key FROM known WHERE domain = '{ERASED_DOMAIN}'").fetchall()}
    if not before and not (erased and erased.digests):
        return
    if erased is None:
        raise Breach("Persons were erased here: nothing is ingested without their digests.")
    con.execute(
        "CREATE TABLE keyed AS SELECT domain, key, number FROM numbers UNION "
        f"SELECT domain, key, number FROM known WHERE domain <> '{ERASED_DOMAIN}'"
    )
    found = _found(con, erased, erased.digests | before)
    execute_over(con, pa.table({"number": pa.array(found, pa.uint32())}), "INSERT INTO gone FROM given")
    theirs = con.sql("SELECT domain, key, number FROM keyed WHERE number IN (FROM gone)").to_arrow_table()
    keys = zip(theirs["domain"].to_pylist(), theirs["key"].to_pylist(), strict=True)
    digests = pa.array([erased.digest(domain, key) for domain, key in keys], pa.string())
    execute_over(con, theirs.append_column("digest", digests), "INSERT INTO forgotten BY NAME FROM given")


def _found(con: Connection, erased: ErasedPersons, wanted: frozenset[str]) -> list[int]:
    """Rows without a key are never found by digest, because nothing says whose they are."""
    cursor = con.cursor()
    cursor.execute("SELECT domain, key, number FROM keyed WHERE NOT starts_with(domain, 'row:')")
    found: set[int] = set()
    while rows := cursor.fetchmany(FETCH_SIZE):  # all keys at once would not fit in memory
        found.update(number for domain, key, number in rows if erased.digest(domain, key) in wanted)
    return sorted(found)


def private_map_sql() -> str:
    """SQL for the rows of the private map after this ingest. Keys of erased persons are replaced by digests, each
    once."""
    return (
        "WITH every AS (SELECT domain, key, number::UINTEGER AS number FROM numbers UNION ALL "
        "SELECT domain, key, number FROM known ANTI JOIN numbers USING (domain, key)), "
        f"marks AS (SELECT DISTINCT ON (digest) '{ERASED_DOMAIN}' AS domain, digest AS key, number FROM forgotten "
        f"WHERE digest NOT IN (SELECT key FROM known WHERE domain = '{ERASED_DOMAIN}') ORDER BY digest, number) "
        "SELECT domain, key, number FROM every ANTI JOIN forgotten USING (domain, key) UNION ALL FROM marks"
    )


KEYS_FILE = "persons.parquet"
"""The map for the broker only (domain, key, number) in the private folder. It only grows, except that erased persons
are forgotten."""

KEY_TABLES = """
CREATE TEMP TABLE seen (domain VARCHAR, key VARCHAR);
CREATE TEMP TABLE links (domain VARCHAR, key VARCHAR, other_domain VARCHAR, other_key VARCHAR);
"""


def with_person_key(table: CatalogueTable, label: str, columns: Sequence[str]) -> str:
    """SQL that selects `columns` of `read_rows` and adds `__domain` and `__key` of each row's person: its link key,
    otherwise its second key.

    A row without either counts as a person of its own. A later snapshot recognises it by its content and its position
    among rows with equal content.
    """
    both = ((table.link_key, table.key_domain), (table.second_key, table.second_key_domain))
    keys = [(quote(column), literal(domain)) for column, domain in both if column and domain]
    names = ", ".join(quote(column) for column in columns)
    content = ", ".join(f"coalesce({quote(column)}::VARCHAR, chr(0))" for column in columns)
    has_key = " OR ".join(f"{column} IS NOT NULL" for column, _ in keys) or "false"
    own = (
        f"SELECT {names}, {literal(f'row:{table.full_name}/{label}')} AS __domain, "
        "__row || '#' || row_number() OVER (PARTITION BY __row) AS __key "
        f"FROM (SELECT {names}, md5(concat_ws(chr(31), {content})) AS __row FROM read_rows WHERE NOT ({has_key}))"
    )
    if not keys:
        return own
    domain = " ".join(f"WHEN {column} IS NOT NULL THEN {domain}" for column, domain in keys)
    key = ", ".join(f"{column}::VARCHAR" for column, _ in keys)
    keyed = f"SELECT {names}, CASE {domain} END AS __domain, coalesce({key}) AS __key FROM read_rows WHERE {has_key}"
    return f"{keyed} UNION ALL {own}"


def add_keys(con: Connection, table: CatalogueTable, staged: Path) -> None:
    """Add the persons of one staged file, and the keys that it links, to the connection's temporary tables."""
    con.execute(f"INSERT INTO seen SELECT DISTINCT __domain, __key FROM {parquet_of(staged)}")
    if table.link_key and table.second_key:
        first, second = quote(table.link_key), quote(table.second_key)
        con.execute(
            f"INSERT INTO links SELECT DISTINCT {literal(table.key_domain or '')}, {first}::VARCHAR, "
            f"{literal(table.second_key_domain or '')}, {second}::VARCHAR FROM {parquet_of(staged)} "
            f"WHERE {first} IS NOT NULL AND {second} IS NOT NULL"
        )


def number_persons(con: Connection, private: Path, erased: ErasedPersons | None = None) -> None:
    """Create the table `numbers` (domain, key, number) for everything seen, and save it in the private map. Persons in
    the table `gone` must be left out by the caller.

    A person who already has a number retains it. If links have joined two persons, the smaller number stays; if a
    person has split, the largest part retains the number. All others get new numbers in random order.
    """
    known = private / KEYS_FILE
    if known.exists():
        con.execute(f"CREATE TEMP TABLE known AS FROM {parquet_of(known)}")
    else:
        con.execute("CREATE TEMP TABLE known (domain VARCHAR, key VARCHAR, number UINTEGER)")
    con.execute(
        "CREATE TEMP TABLE nodes AS "
        "SELECT (row_number() OVER (ORDER BY domain, key) - 1)::BIGINT AS node, domain, key, number AS old "
        "FROM (FROM seen UNION SELECT domain, key FROM links UNION SELECT other_domain, other_key FROM links) "
        "LEFT JOIN known USING (domain, key)"
    )
    _label(con)
    _claim(con)
    _number_new(con)
    con.execute("CREATE TABLE numbers AS SELECT domain, key, number FROM labelled JOIN person USING (label)")
    find_erased(con, erased)
    _save_map(con, known)


def _label(con: Connection) -> None:
    edges = con.execute(
        "SELECT a.node AS l, b.node AS r FROM links JOIN nodes a USING (domain, key) "
        "JOIN nodes b ON b.domain = other_domain AND b.key = other_key"
    ).fetchnumpy()
    size = count(con, "SELECT count(*) FROM nodes")
    labels = connected_components(size, np.asarray(edges["l"], dtype=np.int64), np.asarray(edges["r"], dtype=np.int64))
    given = pa.table({"node": np.arange(size, dtype=np.int64), "label": labels})
    labelled = "SELECT domain, key, old, label FROM nodes JOIN given USING (node)"
    execute_over(con, given, f"CREATE TEMP TABLE labelled AS {labelled}")


def _claim(con: Connection) -> None:
    con.execute(
        "CREATE TEMP TABLE person AS WITH claims AS (SELECT label, min(old) AS claim FROM labelled GROUP BY label), "
        "sizes AS (SELECT label, claim, count(*) AS n FROM claims JOIN labelled USING (label) "
        "WHERE old = claim GROUP BY label, claim), "
        "owners AS (SELECT label, claim FROM sizes "
        "QUALIFY row_number() OVER (PARTITION BY claim ORDER BY n DESC, label) = 1) "
        "SELECT label, owners.claim AS number FROM claims LEFT JOIN owners USING (label)"
    )


def _number_new(con: Connection) -> None:
    open_labels = con.execute("SELECT label FROM person WHERE number IS NULL ORDER BY label").fetchnumpy()
    labels = np.asarray(open_labels["label"])
    first = count(con, "SELECT max(number) + 1 FROM known")
    # Random order, so that a number says nothing about the key.
    fresh = np.random.default_rng(secrets.randbits(128)).permutation(len(labels)) + first
    given = pa.table({"label": labels.astype(np.int64), "number": fresh.astype(np.int64)})
    execute_over(con, given, "UPDATE person SET number = given.number FROM given WHERE given.label = person.label")


def _save_map(con: Connection, known: Path) -> None:
    """Replace the private map with the new one atomically, readable by its owner only."""
    half = known.with_suffix(".half")
    con.execute(f"COPY ({private_map_sql()}) TO {literal(half)} (FORMAT parquet)")
    half.chmod(0o600)  # before it gets its final name
    os.replace(half, known)

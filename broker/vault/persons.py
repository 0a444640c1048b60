"""Numbers persons: one number for each component of linked keys, kept over snapshots. Numbers never enter a mount."""
# ruff: noqa: S608 - SQL is put together from quoted names and literals (`broker.vault.duck`)

import os
import secrets
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from broker.domain.erasures import Erased
from broker.policy.tables import Table
from broker.vault.components import components
from broker.vault.duck import Connection, count, name, parquet_of, text
from broker.vault.erased import find_erased, remembered

KEYS_FILE = "persons.parquet"
"""The broker-only map (domain, key, number) under the private folder: it grows, and forgets nobody but the erased."""

TABLES = """
CREATE TEMP TABLE seen (domain VARCHAR, key VARCHAR);
CREATE TEMP TABLE links (domain VARCHAR, key VARCHAR, other_domain VARCHAR, other_key VARCHAR);
"""


def with_person_key(table: Table, label: str, columns: Sequence[str]) -> str:
    """SQL that takes `columns` of `read_rows` and adds `__domain` and `__key` of each row's person: its link key,
    else its second key.

    A row without either is a person of its own; it is known again in a later snapshot by its content and its
    place among rows of equal content.
    """
    both = ((table.link_key, table.key_domain), (table.second_key, table.second_key_domain))
    keys = [(name(column), text(domain)) for column, domain in both if column and domain]
    names = ", ".join(name(column) for column in columns)
    content = ", ".join(f"coalesce({name(column)}::VARCHAR, chr(0))" for column in columns)
    has_key = " OR ".join(f"{column} IS NOT NULL" for column, _ in keys) or "false"
    own = (
        f"SELECT {names}, {text(f'row:{table.full_name}/{label}')} AS __domain, "
        "__row || '#' || row_number() OVER (PARTITION BY __row) AS __key "
        f"FROM (SELECT {names}, md5(concat_ws(chr(31), {content})) AS __row FROM read_rows WHERE NOT ({has_key}))"
    )
    if not keys:
        return own
    domain = " ".join(f"WHEN {column} IS NOT NULL THEN {domain}" for column, domain in keys)
    key = ", ".join(f"{column}::VARCHAR" for column, _ in keys)
    keyed = f"SELECT {names}, CASE {domain} END AS __domain, coalesce({key}) AS __key FROM read_rows WHERE {has_key}"
    return f"{keyed} UNION ALL {own}"


def note_keys(con: Connection, table: Table, staged: Path) -> None:
    """Add the persons of one staged file, and what it links, to the connection's temporary tables."""
    con.execute(f"INSERT INTO seen SELECT DISTINCT __domain, __key FROM {parquet_of(staged)}")
    if table.link_key and table.second_key:
        first, second = name(table.link_key), name(table.second_key)
        con.execute(
            f"INSERT INTO links SELECT DISTINCT {text(table.key_domain or '')}, {first}::VARCHAR, "
            f"{text(table.second_key_domain or '')}, {second}::VARCHAR FROM {parquet_of(staged)} "
            f"WHERE {first} IS NOT NULL AND {second} IS NOT NULL"
        )


def number_persons(con: Connection, private: Path, erased: Erased | None = None) -> None:
    """Make the table `numbers` (domain, key, number) for everything seen, and keep it in the private map; those of the
    table `gone` are to be left out (`broker.vault.erased`).

    A person numbered before keeps the number. Where links have joined two persons, the smaller number stays;
    where one has fallen apart, the largest part keeps it. All others get fresh numbers in random order.
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
    _freshly(con)
    con.execute("CREATE TABLE numbers AS SELECT domain, key, number FROM labelled JOIN person USING (label)")
    find_erased(con, erased)
    _keep(con, known)


def _label(con: Connection) -> None:
    edges = con.execute(
        "SELECT a.node AS l, b.node AS r FROM links JOIN nodes a USING (domain, key) "
        "JOIN nodes b ON b.domain = other_domain AND b.key = other_key"
    ).fetchnumpy()
    size = count(con, "SELECT count(*) FROM nodes")
    labels = components(size, np.asarray(edges["l"], dtype=np.int64), np.asarray(edges["r"], dtype=np.int64))
    _register(con, "labels", {"node": np.arange(size, dtype=np.int64), "label": labels})
    con.execute("CREATE TEMP TABLE labelled AS SELECT domain, key, old, label FROM nodes JOIN labels USING (node)")
    con.unregister("labels")


def _claim(con: Connection) -> None:
    con.execute(
        "CREATE TEMP TABLE person AS WITH claims AS (SELECT label, min(old) AS claim FROM labelled GROUP BY label), "
        "sizes AS (SELECT label, claim, count(*) AS n FROM claims JOIN labelled USING (label) "
        "WHERE old = claim GROUP BY label, claim), "
        "owners AS (SELECT label, claim FROM sizes "
        "QUALIFY row_number() OVER (PARTITION BY claim ORDER BY n DESC, label) = 1) "
        "SELECT label, owners.claim AS number FROM claims LEFT JOIN owners USING (label)"
    )


def _freshly(con: Connection) -> None:
    open_labels = con.execute("SELECT label FROM person WHERE number IS NULL ORDER BY label").fetchnumpy()
    labels = np.asarray(open_labels["label"])
    first = count(con, "SELECT max(number) + 1 FROM known")
    fresh = np.random.default_rng(secrets.randbits(128)).permutation(len(labels)) + first
    _register(con, "fresh", {"label": labels.astype(np.int64), "number": fresh.astype(np.int64)})
    con.execute("UPDATE person SET number = fresh.number FROM fresh WHERE fresh.label = person.label")
    con.unregister("fresh")


def _register(con: Connection, view: str, columns: dict[str, np.ndarray]) -> None:
    con.register(view, pa.table({k: pa.array(v) for k, v in columns.items()}))


def _keep(con: Connection, known: Path) -> None:
    """Replace the private map by itself with the new numbers, at once and for its owner only."""
    half = known.with_suffix(".half")
    con.execute(f"COPY ({remembered()}) TO {text(half)} (FORMAT parquet)")
    half.chmod(0o600)
    os.replace(half, known)

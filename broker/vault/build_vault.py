"""Builds one vault from one snapshot: two renderings of a project's shares. Takes no decisions on grants."""

# ruff: noqa: S608 - SQL is put together from quoted names and literals (`broker.vault.duckdb_access`)

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from broker.domain.errors import Breach
from broker.domain.plans.variable_uses import institution_code
from broker.policy.data_catalogue import TableKind
from broker.vault.duckdb_access import Connection, connection, execute_over, literal, parquet_of, quote, run_each, write
from broker.vault.extract_files import SENTENCES
from broker.vault.extract_staging import broken_rules_of_stored
from broker.vault.ingest import PERSON_COLUMN
from broker.vault.project_shares import ProjectShare, domain_of, institution_of, is_pseudonymous, year_label
from broker.vault.pseudonyms import ProjectKey
from broker.vault.vault_rows import EVIDENCE_COLUMNS, ORDER, code_columns, rank_columns, rows_sql

KEY_DIGITS = 8
"""Hexadecimal digits of a record key: 32 bits."""


def record_key_sql(secret: str) -> str:
    """SQL for the record key of the person with the number `global`: the same wherever the owner's secret is used.

    Sums of record keys determine noise, so the keys must be uniform and unpredictable: they are a cryptographic hash.
    """
    return f"('0x' || substr(sha256({literal(secret)} || ':' || global::VARCHAR), 1, {KEY_DIGITS}))::UINTEGER"


def number_institutions(con: Connection, codes: Sequence[tuple[str, str]], key: ProjectKey) -> None:
    """Create the table `institutions` (code, key, number) from pairs of a code and SQL for its keys. Numbers start at
    1, in an order drawn with the project's key.

    An institution has one number in all tables and years that identify it by the same code.
    """
    con.execute("CREATE TEMP TABLE named (code VARCHAR, key VARCHAR)")
    for code, keys in codes:
        con.execute(
            f"INSERT INTO named SELECT DISTINCT {literal(code)}, k::VARCHAR FROM ({keys}) t(k) WHERE k IS NOT NULL"
        )
    found = con.sql("SELECT DISTINCT code, key FROM named ORDER BY code, key").to_arrow_table()
    # Keyed: the number says nothing about the code, and is the same when the vault is rebuilt.
    numbers = _keyed_order(key, "institution numbers", found.num_rows) + np.uint32(1)
    execute_over(con, found.append_column("number", pa.array(numbers)), "CREATE TABLE institutions AS FROM given")


def _keyed_order(key: ProjectKey, purpose: str, count: int) -> NDArray[np.uint32]:
    """The numbers below `count`, in an order drawn with the project's key."""
    seed = np.random.SeedSequence(int(key.salt(purpose), 16))
    return np.random.Generator(np.random.Philox(seed)).permutation(count).astype(np.uint32)


SCHEMA_FILE = "schema.parquet"


def build_vault(
    shares: Sequence[ProjectShare], snapshot: Path, key: ProjectKey, records: str, target: Path, person_map: Path
) -> None:
    """Write `target/evidence` and `target/script`, and the map for the broker only (`__p`, global number). `records` is
    the owner's secret for record keys."""
    scratch = target / "scratch"
    for folder in (scratch, target / "evidence", target / "script"):
        folder.mkdir()
    with connection(scratch) as con:
        _number_persons(con, shares, snapshot, key, records, person_map)
        number_institutions(con, _codes_of_institutions(shares, snapshot), key)
        _make_pseudonyms(con, shares, snapshot, key)
        for _ in run_each(con, shares, lambda cursor, share: _write_table(cursor, share, snapshot, key, target)):
            pass
    scratch.rmdir()


def source_of(snapshot: Path, share: ProjectShare, year: int | None) -> Path:
    return snapshot / share.table.full_name / f"{year_label(year)}.parquet"


def _number_persons(
    con: Connection, shares: Sequence[ProjectShare], snapshot: Path, key: ProjectKey, records: str, person_map: Path
) -> None:
    """Create the table `persons` (global, p, k) of everybody in the vault, and store its numbers as the map."""
    con.execute("CREATE TEMP TABLE everybody (global UINTEGER)")
    for share in shares:
        if share.table.kind is TableKind.PERSON:
            for year in share.years:
                source = parquet_of(source_of(snapshot, share, year))
                con.execute(f"INSERT INTO everybody SELECT DISTINCT {PERSON_COLUMN} FROM {source}")
    found = con.sql("SELECT DISTINCT global FROM everybody ORDER BY global").to_arrow_table()
    drawn = found.append_column("p", pa.array(_keyed_order(key, "numbers", found.num_rows)))
    execute_over(con, drawn, f"CREATE TABLE persons AS SELECT global, p, {record_key_sql(records)} AS k FROM given")
    columns = [("__p", "UINTEGER"), ("global", "UINTEGER")]
    write(con, "SELECT p AS __p, global FROM persons ORDER BY p", person_map, columns)
    person_map.chmod(0o600)  # leads to global numbers: for the broker only


def _codes_of_institutions(shares: Sequence[ProjectShare], snapshot: Path) -> list[tuple[str, str]]:
    """Pairs of a code and SQL for its keys, for every granted table-year that identifies institutions."""
    found = [(share, year, institution_of(share, year)) for share in shares for year in share.years]
    return [
        (institution_code(v.name) or "", f"SELECT {quote(v.name)} FROM {parquet_of(source_of(snapshot, share, year))}")
        for share, year, v in found
        if v is not None
    ]


def _make_pseudonyms(con: Connection, shares: Sequence[ProjectShare], snapshot: Path, key: ProjectKey) -> None:
    """Create the table `pseudonyms` (domain, key, pseudonym, whole): one HMAC for each distinct key, however often it
    occurs. Raises Breach if two keys get one pseudonym."""
    con.execute("CREATE TEMP TABLE keys (domain VARCHAR, key VARCHAR)")
    for share in shares:
        for year in share.years:
            for variable in share.granted(year):
                if is_pseudonymous(share.table, variable):
                    column, domain = quote(variable.name), literal(domain_of(share.table, variable))
                    con.execute(
                        f"INSERT INTO keys SELECT DISTINCT {domain}, {column}::VARCHAR "
                        f"FROM {parquet_of(source_of(snapshot, share, year))} WHERE {column} IS NOT NULL"
                    )
    con.execute("CREATE TABLE pseudonyms (domain VARCHAR, key VARCHAR, pseudonym VARCHAR, whole BIGINT)")
    for (domain,) in con.execute("SELECT DISTINCT domain FROM keys").fetchall():
        keys = [row[0] for row in con.execute("SELECT DISTINCT key FROM keys WHERE domain = ?", [domain]).fetchall()]
        made = key.pseudonyms(domain, keys)
        whole = [key.whole(pseudonym) for pseudonym in made]
        # Integers have fewer bits than the HMAC, so a collision is possible.
        if len(set(whole)) < len(keys):
            raise Breach(f"Two keys of {domain} have one pseudonym; the project needs another pseudonym key.")
        rows = pa.table({"key": pa.array(keys, pa.string()), "pseudonym": made, "whole": whole})
        execute_over(con, rows, f"INSERT INTO pseudonyms SELECT {literal(domain)}, key, pseudonym, whole FROM given")


def _write_table(con: Connection, share: ProjectShare, snapshot: Path, key: ProjectKey, target: Path) -> None:
    renderings = _renderings(share)
    for rendering, columns, _ in renderings:
        folder = target / rendering / share.table.full_name
        folder.mkdir(parents=True)
        # A file without rows, so that a table without granted years still has its columns.
        empty = ", ".join(f"NULL::{kind} AS {quote(column)}" for column, kind in columns)
        write(con, f"SELECT {empty} WHERE false", folder / SCHEMA_FILE, columns)
    for year in share.years:
        _check_rows(con, share, source_of(snapshot, share, year), year)
        rows = rows_sql(share, year, source_of(snapshot, share, year), key)
        con.execute(f"CREATE OR REPLACE TEMP TABLE rows AS {rows}")
        # Both renderings from one temporary table, so that they have the same rows.
        for rendering, columns, order in renderings:
            names = ", ".join(quote(column) for column, _ in columns)
            path = target / rendering / share.table.full_name / f"{year_label(year)}.parquet"
            write(con, f"SELECT {names} FROM rows ORDER BY {order}", path, columns)
    con.execute("DROP TABLE IF EXISTS rows")


def _check_rows(con: Connection, share: ProjectShare, source: Path, year: int | None) -> None:
    """Raise Breach if stored rows do not fit the catalogue in force: its lists would lack rows that have people."""
    if broken := broken_rules_of_stored(con, share.table, year, source, share.granted(year)):
        named = ", ".join(f"{variable} {SENTENCES[rule]}" for variable, rule in broken)
        place = f"{share.table.full_name} of {year_label(year)}"
        raise Breach(f"The snapshot does not fit the catalogue in force, ingest it again. In {place}: {named}.")


def _renderings(share: ProjectShare) -> list[tuple[str, list[tuple[str, str]], str]]:
    """Folder, columns and row order of each of the two renderings."""
    if share.table.kind is TableKind.PUBLIC:
        return [("evidence", share.columns, ORDER), ("script", share.columns, ORDER)]
    evidence = [*share.columns, *EVIDENCE_COLUMNS, *rank_columns(share), *code_columns(share)]
    return [("evidence", evidence, f"__p, __r, {ORDER}"), ("script", share.columns, ORDER)]

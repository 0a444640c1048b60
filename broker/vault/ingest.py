"""Ingest: turns extracts into one snapshot, completely or not at all. Does not deal with grants or pseudonyms."""
# ruff: noqa: S608 - SQL is put together from quoted names and literals (`broker.vault.duckdb_access`)

import hashlib
import os
import secrets
import shutil
from datetime import datetime
from pathlib import Path

from broker.domain.errors import Invalid
from broker.domain.ports import Snapshot
from broker.domain.progress import Progress, no_progress
from broker.domain.projects.erasures import ErasedPersons
from broker.policy.data_catalogue import Catalogue, TableKind
from broker.policy.policy_set import canonical_json
from broker.vault import extract_files
from broker.vault.build_once import locked
from broker.vault.duckdb_access import Connection, connection, parquet_of, quote, run_each, storage_type, write
from broker.vault.extract_staging import stage_extract, stored_variables
from broker.vault.facts import Facts, facts_json, prove_facts
from broker.vault.person_numbers import KEY_TABLES, add_keys, number_persons
from broker.vault.snapshot_files import DESCRIPTION_FILE, read_snapshot, write_description

LAYOUT = "1"
"""Changes whenever snapshots of the same data would be written differently."""

PERSON_COLUMN = "__person"
"""The column of the global person number; it exists in snapshots only."""


def ingest(
    source: Path,
    data: Path,
    catalogue: Catalogue,
    now: datetime,
    progress: Progress = no_progress,
    erased: ErasedPersons | None = None,
) -> Snapshot:  # fmt: skip
    """Make a snapshot of the extracts `source/<schema>.<table>/<year>.parquet` (or .csv; `all` without a year).

    Every file is first checked against the catalogue; IngestRefused carries all problems at once. The snapshot appears
    under `data/snapshots/<ident>` by a rename. The same data under the same catalogue give the same snapshot, and
    nothing is done if it exists. Rows of `erased` persons are left out.
    """
    if not source.is_dir():
        raise Invalid("no-source", f"There is no folder {source}.", str(source))
    snapshots, private = data / "snapshots", data / "private"
    for folder in (snapshots, private):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    extracts, problems = extract_files.find_extracts(source, catalogue)
    synthetic = (source / extract_files.SYNTHETIC_MARK).is_file()
    fingerprint = _fingerprint(extracts, catalogue, synthetic, erased)
    ident = f"s{fingerprint[:16]}"
    # One ingest at a time: it changes the map of person numbers.
    with locked(private / ".ingest.lock"):
        # The description is written last, so the snapshot is complete.
        if not problems and (snapshots / ident / DESCRIPTION_FILE).is_file():
            return read_snapshot(data, ident)
        _clear_unfinished(snapshots)
        half = snapshots / f".half-{secrets.token_hex(4)}"
        half.mkdir(mode=0o700)
        try:
            facts = _write_snapshot(extracts, problems, half, private, progress, erased)
            write_description(half, Snapshot(ident, fingerprint, now, synthetic, "", facts_json(facts)))
            os.replace(half, snapshots / ident)
        finally:
            shutil.rmtree(half, ignore_errors=True)
    return read_snapshot(data, ident)


def _fingerprint(
    extracts: list[extract_files.Extract], catalogue: Catalogue, synthetic: bool, erased: ErasedPersons | None
) -> str:
    parts: list[object] = [LAYOUT, synthetic, catalogue]
    parts += [["erased", *sorted(erased.digests)]] if erased and erased.digests else []
    parts += [[e.table.full_name, e.label, extract_files.file_digest(e.path)] for e in extracts]
    return hashlib.sha256("\n".join(canonical_json(p) for p in parts).encode()).hexdigest()


def _clear_unfinished(snapshots: Path) -> None:
    """Remove what a crashed ingest left. The caller holds the lock."""
    for folder in snapshots.glob(".half-*"):
        shutil.rmtree(folder, ignore_errors=True)


def _write_snapshot(
    extracts: list[extract_files.Extract], problems: list[extract_files.ExtractProblem], half: Path, private: Path,
    progress: Progress, erased: ErasedPersons | None,
) -> Facts:  # fmt: skip
    staging, scratch = half / "staging", half / "scratch"
    staging.mkdir()
    scratch.mkdir()
    grantable = [e for e in extracts if e.table.grantable]
    steps = len(extracts) + len(grantable) + 1
    facts: Facts = {}
    with connection(scratch) as con:
        con.execute(KEY_TABLES)
        checks = run_each(con, extracts, lambda cursor, e: stage_extract(cursor, e, _staged(staging, e)))
        for number, (extract, found) in enumerate(zip(extracts, checks, strict=True)):
            progress(f"checking {extract.name}", number, steps)
            problems = problems + found
        if problems:  # before any number is assigned
            raise extract_files.IngestRefused(tuple(problems))
        progress("numbering persons", len(extracts), steps)
        for extract in grantable:
            if extract.table.kind is TableKind.PERSON:
                add_keys(con, extract.table, _staged(staging, extract))
        number_persons(con, private, erased)
        proofs = run_each(con, grantable, lambda cursor, e: _finish(cursor, e, _staged(staging, e), half))
        for number, (extract, proved) in enumerate(zip(grantable, proofs, strict=True), len(extracts) + 1):
            progress(f"writing {extract.table.full_name} {extract.label}", number, steps)
            facts.setdefault(extract.table.full_name, {})[extract.label] = proved
        progress("done", steps, steps)
    shutil.rmtree(staging)
    shutil.rmtree(scratch)
    return facts


def _staged(staging: Path, extract: extract_files.Extract) -> Path:
    return staging / f"{extract.table.full_name}-{extract.label}.parquet"


def _finish(con: Connection, extract: extract_files.Extract, staged: Path, half: Path) -> Facts:
    """Write the snapshot's file: the normalised columns and, for person tables, the global number. Return its facts."""
    folder = half / extract.table.full_name
    folder.mkdir(exist_ok=True, mode=0o700)
    path = folder / f"{extract.label}.parquet"
    columns = [(v.name, storage_type(v)) for v in stored_variables(extract.table)]
    names = ", ".join(f"s.{quote(c)}" for c, _ in columns)
    query = f"SELECT {names} FROM {parquet_of(staged)} s"
    if extract.table.kind is TableKind.PERSON:
        query = (
            f"SELECT {names}, n.number::UINTEGER AS {PERSON_COLUMN} FROM {parquet_of(staged)} s "
            "JOIN numbers n ON n.domain = s.__domain AND n.key = s.__key "
            "WHERE n.number NOT IN (FROM gone) ORDER BY n.number"
        )
        columns.append((PERSON_COLUMN, "UINTEGER"))
    write(con, query, path, columns)
    staged.unlink()  # the snapshot's file replaces it
    return prove_facts(con, extract.table, path)

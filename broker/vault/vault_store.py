"""The store of project vaults: each is built once, completely or not at all, and removed when no unfinished job names
it. A narrowed vault, a script rendering with only what its job declared, is built once and removed when unused."""

import hashlib
import json
import os
import time
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet

from broker.domain.errors import Breach, Unavailable, Unknown
from broker.domain.plans.scalars import Value
from broker.domain.plans.variable_uses import VariableUse, Years
from broker.domain.ports import Snapshot, Vault, VaultTable
from broker.domain.projects.project import ResearchProject
from broker.policy.data_catalogue import Catalogue
from broker.policy.policy_set import PolicySet, canonical_json
from broker.vault.build_once import MANIFEST, build_once, locked, remove_folder, remove_older, seal, try_locked
from broker.vault.build_vault import SCHEMA_FILE, build_vault
from broker.vault.extract_files import WITHOUT_YEAR
from broker.vault.facts import Facts, facts_json, proofs_of, restrict_facts
from broker.vault.project_shares import ProjectShare, shares_of, year_label
from broker.vault.pseudonyms import ProjectKey, owner_salt, project_key
from broker.vault.snapshot_files import read_snapshot, register_values, snapshot_folder
from broker.vault.vault_rows import with_codes

LAYOUT = "4"
"""Changes whenever vaults of the same grants would be written differently."""

FACTS_FILE = "facts.json"

MOST_KNOWN = 64
"""The number of vaults whose descriptions a process caches: a vault does not change while it has its name."""


class VaultStore:
    """The vaults under `data/vaults`. `policies` returns the current policies, because grants may change."""

    def __init__(self, data: Path, policies: Callable[[], PolicySet]) -> None:
        self._data = data
        self._policies = policies
        self._vaults = data / "vaults"
        self._private = data / "private"
        self._known: dict[tuple[str, str, str, str], tuple[Vault, list[ProjectShare], Snapshot]] = {}
        self._registers: dict[tuple[str, str], Mapping[str, Sequence[Value]]] = {}

    def ensure(self, project: str, snapshot: str) -> Vault:
        """See `broker.domain.ports.Vaults`."""
        policies = self._policies()
        found = policies.project(project)
        if found is None:
            raise Unknown("project", project)
        return self._ensure(found, snapshot, policies)

    def ensure_own(self, project: ResearchProject, snapshot: str) -> Vault:
        """See `broker.domain.ports.Vaults`."""
        policies = self._policies()
        # A project of policy must have its grants from policy, not from the caller.
        if policies.project(project.ident) is not None:
            raise Breach(f"The project {project.ident} is not the broker's own.")
        return self._ensure(project, snapshot, policies)

    def _ensure(self, found: ResearchProject, snapshot: str, policies: PolicySet) -> Vault:
        secret = project_key(self._private, found.ident)
        cache_key = (found.ident, snapshot, policies.fingerprint, secret.ident)
        vault, shares, stored = self._known.get(cache_key) or self._described(
            cache_key, found, policies.catalogue, secret
        )
        # Several workers may need the vault at once; one builds it.
        with locked(self._lock(vault.key)):
            if not (self._vaults / vault.key).is_dir():
                self._build(vault.key, shares, stored, secret)
        if cache_key not in self._known:
            persons = parquet.read_metadata(self._map(vault.key)).num_rows
            proofs = with_codes(proofs_of(self.facts(vault)), shares)
            self._cache(cache_key, replace(vault, proofs=proofs, persons=persons), shares, stored)
        return self._known[cache_key][0]

    def _described(
        self, cache_key: tuple[str, str, str, str], project: ResearchProject, catalogue: Catalogue, secret: ProjectKey
    ) -> tuple[Vault, list[ProjectShare], Snapshot]:
        """The vault as it will be, whether or not it exists: its name is made of everything that goes into it."""
        stored = read_snapshot(self._data, cache_key[1])
        shares = shares_of(project, catalogue, _years_present(json.loads(stored.facts)))
        key = vault_key(stored.ident, project, catalogue, secret)
        self._vaults.mkdir(parents=True, exist_ok=True, mode=0o711)
        return _vault(self._vaults / key, stored, project.ident, shares), shares, stored

    def _cache(
        self, cache_key: tuple[str, str, str, str], vault: Vault, shares: list[ProjectShare], stored: Snapshot
    ) -> None:
        """Cache what was read: a snapshot never changes, nor do policies with one fingerprint."""
        while len(self._known) >= MOST_KNOWN:
            self._known.pop(next(iter(self._known)))  # the oldest entry
        self._known[cache_key] = (vault, shares, stored)

    def remove_unused(self, used: Container[str]) -> int:
        """See `broker.domain.ports.Vaults`. A vault that is being built or requested at this moment stays. `used` is
        checked again under the vault's lock, in case a job has named the vault meanwhile."""
        removed = 0
        for folder in sorted(self._vaults.glob("v*")):
            if folder.name in used:
                continue
            with try_locked(self._lock(folder.name)) as held:
                if held and folder.is_dir() and folder.name not in used:
                    remove_folder(folder)
                    self._map(folder.name).unlink(missing_ok=True)
                    removed += 1
        return removed

    def registers(self, vault: Vault) -> Mapping[str, Sequence[Value]]:
        """See `broker.domain.ports.Vaults`."""
        policies = self._policies()
        cache_key = (vault.snapshot, policies.fingerprint)
        if cache_key not in self._registers:
            self._registers = {  # of one snapshot only: lists are large
                cache_key: register_values(snapshot_folder(self._data, vault.snapshot), policies.catalogue)
            }
        return self._registers[cache_key]

    def narrowed(self, vault: Vault, uses: Sequence[VariableUse]) -> Vault:
        """See `broker.domain.ports.Vaults`."""
        return narrow_vault(vault, uses)

    def facts(self, vault: Vault) -> Facts:
        """The proved facts of the vault's granted table-years. Their file is in no mount."""
        loaded: Facts = json.loads((self._vaults / vault.key / FACTS_FILE).read_text(encoding="utf-8"))
        return loaded

    def person_map(self, vault: Vault) -> Path:
        """The Parquet file that maps `__p` to the global person number (for the broker only)."""
        return self._map(vault.key)

    def _lock(self, key: str) -> Path:
        return self._vaults / f".{key}.lock"

    def _map(self, key: str) -> Path:
        return person_map_path(self._private, key)

    def _build(self, key: str, shares: list[ProjectShare], snapshot: Snapshot, secret: ProjectKey) -> None:
        half, half_map = self._vaults / f".half-{key}", self._map(f".half-{key}")
        half_map.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        remove_folder(half)  # left by a crash
        half.mkdir()
        try:
            records = owner_salt(self._private, "record keys")
            build_vault(shares, snapshot_folder(self._data, snapshot.ident), secret, records, half, half_map)
            narrow = restrict_facts(json.loads(snapshot.facts), _granted(shares))
            (half / FACTS_FILE).write_text(facts_json(narrow), encoding="utf-8")
            seal(half)
            (half / FACTS_FILE).chmod(0o400)  # facts are exact: for the broker only
            os.replace(half_map, self._map(key))  # the map first: a vault without its map would be useless
            os.replace(half, self._vaults / key)
        except BaseException:
            remove_folder(half)
            half_map.unlink(missing_ok=True)
            raise


def person_map_path(private: Path, key: str) -> Path:
    """The path of the map from a vault's person numbers to the global ones."""
    return private / "maps" / f"{key}.parquet"


def vault_key(snapshot: str, project: ResearchProject, catalogue: Catalogue, secret: ProjectKey) -> str:
    """The name of a vault: equal if, and only if, the content would be equal."""
    grants = sorted(
        [g.table, g.variable, sorted(g.years) if g.years is not None else None, g.link_key] for g in project.grants
    )
    tables = [t for t in catalogue.tables if t.full_name in project.tables]
    parts = [LAYOUT, snapshot, project.ident, secret.ident, *grants, *sorted(canonical_json(t) for t in tables)]
    return "v" + hashlib.sha256("\n".join(json.dumps(p) for p in parts).encode()).hexdigest()[:32]


def _years_present(facts: Facts) -> Mapping[str, frozenset[int | None]]:
    return {table: frozenset(None if y == WITHOUT_YEAR else int(y) for y in years) for table, years in facts.items()}


def _granted(shares: list[ProjectShare]) -> dict[str, dict[str, frozenset[str]]]:
    return {s.table.full_name: {year_label(y): names for y, names in s.years.items()} for s in shares}


def _vault(folder: Path, snapshot: Snapshot, project: str, shares: list[ProjectShare]) -> Vault:
    tables = tuple(
        VaultTable(
            share.table.full_name,
            tuple(
                f"{share.table.full_name}/{f}"
                for f in (SCHEMA_FILE, *(f"{year_label(y)}.parquet" for y in share.years))
            ),
            (None, *share.years),
        )
        for share in shares
    )
    return Vault(
        folder.name, snapshot.ident, project, folder / "evidence", folder / "script", tables, snapshot.synthetic
    )


FOLDER = "narrow"
RETENTION_SECONDS = 86_400
"""How long a narrowed vault is stored after the last job was mounted on it: longer than any job runs or waits for
it."""

MOST_ROWS = 1 << 16
"""The number of rows held in memory at a time."""

HeldVariables = Mapping[str, Years | None]
"""The variables of one table, each with its years; None: all of them."""


def narrow_vault(vault: Vault, uses: Sequence[VariableUse]) -> Vault:
    """See `broker.domain.ports.Vaults`."""
    held = {table.name: found for table in vault.tables if (found := _held(uses, table.name))}
    tables = tuple(_table(table, held[table.name]) for table in vault.tables if table.name in held)
    root = vault.script.parent / FOLDER
    try:
        root.mkdir(exist_ok=True, mode=0o711)
        made = build_once(root, _name(held), lambda folder: _make(folder / "script", vault, tables, held))
        os.utime(made.folder / MANIFEST)  # still used: see `remove_older`
    except FileNotFoundError as gone:
        raise Unavailable("The vault of the job's data does not exist.") from gone
    remove_older(root, time.time() - RETENTION_SECONDS)
    return replace(vault, script=made.folder / "script", tables=tables)


def _held(uses: Sequence[VariableUse], table: str) -> HeldVariables:
    found: dict[str, Years | None] = {}
    for use in uses:
        if use.table == table and use.variable is not None:
            known = found.get(use.variable, frozenset())
            found[use.variable] = None if known is None or use.years is None else known | use.years
    return found


def _table(table: VaultTable, held: HeldVariables) -> VaultTable:
    """The table with the years in which any of its variables is held. The schema file is always included."""
    remaining = [
        (path, year)
        for path, year in zip(table.paths, table.years, strict=True)
        if year is None or any(_is_held(years, year) for years in held.values())
    ]
    return VaultTable(table.name, tuple(path for path, _ in remaining), tuple(year for _, year in remaining))


def _is_held(years: Years | None, year: int | None) -> bool:
    return year is None or years is None or year in years


def _name(held: Mapping[str, HeldVariables]) -> str:
    """A name that is equal for equal content within one vault."""
    parts = {t: {v: None if y is None else sorted(y) for v, y in found.items()} for t, found in held.items()}
    return "n" + hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def _make(
    script: Path, vault: Vault, tables: Sequence[VaultTable], held: Mapping[str, HeldVariables]
) -> Mapping[str, object]:
    for table in tables:
        for path, year in zip(table.paths, table.years, strict=True):
            target = script / path
            target.parent.mkdir(parents=True, exist_ok=True)
            _copy(vault.script / path, target, held[table.name], year)
    seal(script.parent)  # like the vault
    return {}


def _copy(source: Path, target: Path, held: HeldVariables, year: int | None) -> None:
    """Write the same rows anew in the same order, so that not even statistics of other columns remain. All files of a
    table have the same columns; a variable that is not held in this year is NULL in every row."""
    with parquet.ParquetFile(source) as file:
        fields = [field for field in file.schema_arrow if field.name in held]
        read = [field.name for field in fields if _is_held(held[field.name], year)]
        schema = pa.schema([pa.field(field.name, field.type) for field in fields])
        with parquet.ParquetWriter(target, schema, compression="zstd") as writer:
            for rows in file.iter_batches(MOST_ROWS, columns=read):
                columns = [rows[f.name] if f.name in read else pa.nulls(len(rows), f.type) for f in schema]
                writer.write_batch(pa.record_batch(columns, schema=schema))

"""The store of project vaults: each is built once, completely or not at all, and removed when no unfinished job names
it."""

import hashlib
import json
import os
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as parquet

from broker.domain.errors import Breach, Unknown
from broker.domain.plans.scalars import Value
from broker.domain.plans.variable_uses import VariableUse
from broker.domain.ports import Snapshot, Vault, VaultTable
from broker.domain.projects.project import ResearchProject
from broker.policy.data_catalogue import Catalogue
from broker.policy.policy_set import PolicySet, canonical_json
from broker.vault.build_once import locked, remove_folder, seal, try_locked
from broker.vault.build_vault import SCHEMA_FILE, build_vault
from broker.vault.extract_files import WITHOUT_YEAR
from broker.vault.facts import Facts, facts_json, proofs_of, restrict_facts
from broker.vault.narrowed_vault import narrow_vault
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

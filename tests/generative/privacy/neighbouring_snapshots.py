"""One owner's data, ingested anew for each neighbour: another snapshot, other person numbers, other vaults and ranks,
under the same secrets. Exact vectors of a private text are for noise only."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from broker.domain.jobs.job import JobKind
from broker.domain.ledger.privacy_loss import PrivacyAmount
from broker.domain.plans.plan import Plan
from broker.domain.ports import SandboxEnd, Vault
from broker.domain.projects.project import Grant
from broker.engine.in_process_engine import InProcessEngine
from broker.engine.private_engine import ExactVectors, PrivateDuckDB
from broker.policy.data_catalogue import MainRecord, TableKind
from broker.policy.files import load_policies
from broker.policy.policy_set import PolicySet
from broker.policy.privacy_policy import PrivacyProfile
from broker.privacy.measurement_design import MeasurementDesign, design_measurement
from broker.privacy.request.directives import read_bounds
from broker.privacy.request.private_output_plan import PrivateOutputPlan
from broker.privacy.request.private_output_planner import PrivateContext, plan_private_output
from broker.query import compile_sql
from broker.vault.duckdb_access import storage_type
from broker.vault.ingest import ingest
from broker.vault.person_numbers import KEYS_FILE
from broker.vault.vault_store import VaultStore
from broker.workflow.run_context import limits_for
from tests.spec.query.query_kit import CATALOGUE, PROJECT, YEARS

ROOT = Path(__file__).resolve().parents[3]
World = Mapping[str, Sequence[Mapping[str, Any]]]
"""By table its rows; of two tables of one link domain, rows of one key are of one person."""
WHOLE = "all"


def _catalogue() -> Any:
    """Of several rows of one person and year in `a`, the one with the least Flag is the main record."""
    tables = [replace(t, main_record=(MainRecord(variable="Flag"),)) if t.name == "a" else t for t in CATALOGUE.tables]
    return replace(CATALOGUE, tables=tuple(tables))


TOWN = _catalogue()
OWNER = replace(
    PROJECT,
    grants=tuple(
        Grant(
            t.full_name, v.name, None if t.year is None else frozenset(YEARS), "a test", link_key=v.name == t.link_key
        )
        for t in TOWN.tables
        for v in t.variables
        if v.name != "UPN"
    ),
)


def policies() -> PolicySet:
    found = load_policies(ROOT / "policies")
    return replace(found, catalogue=TOWN, projects=(OWNER,))


@dataclass(frozen=True)
class PrivateQueryPlan:
    """A private text with all that is fixed before data are read."""

    plan: Plan
    measured: PrivateOutputPlan
    made: MeasurementDesign


@dataclass
class Owner:
    """Whose secrets stay while data come and go."""

    folder: Path
    policies: PolicySet
    profile: PrivacyProfile
    _builds: Iterator[int]

    def vault(self, world: World) -> Vault:
        """A new data folder with the same secrets: nothing of other worlds' persons is known in it."""
        data = self.folder / f"data{next(self._builds)}"
        private = data / "private"
        if (self.folder / "secrets").exists():
            shutil.copytree(self.folder / "secrets", private)
        source = _written(world, data / "source")
        snapshot = ingest(source, data, TOWN, datetime(2026, 1, 1, tzinfo=UTC))
        found = VaultStore(data, lambda: self.policies).ensure(OWNER.ident, snapshot.ident)
        if not (self.folder / "secrets").exists():
            shutil.copytree(private, self.folder / "secrets", ignore=shutil.ignore_patterns(KEYS_FILE, "maps"))
        return found

    def plan_query(self, text: str, spend: PrivacyAmount, dialect: str = "tsql", **limits: Any) -> PrivateQueryPlan:
        service = self.policies.service
        plan = compile_sql(text, dialect, TOWN, OWNER, service, 10, in_parts=False).plan
        assert plan is not None, text
        found = plan_private_output(
            plan.outputs[0], PrivateContext(TOWN, replace(self.profile, **limits), {}, read_bounds(text))
        )
        return PrivateQueryPlan(plan, found, design_measurement(found.tables, spend))

    def exact(self, asked: PrivateQueryPlan, vault: Vault) -> ExactVectors:
        limits = limits_for(JobKind.SQL, self.policies)
        result = InProcessEngine().run(PrivateDuckDB().prepare(asked.plan, [asked.measured], vault, "j", 1, limits))
        assert result.end is SandboxEnd.ENDED, result.log
        return PrivateDuckDB().read(asked.plan, [asked.measured], asked.made, result.frames)


@contextmanager
def owner() -> Iterator[Owner]:
    found = policies()
    with TemporaryDirectory(prefix="rebuilt-") as folder:
        yield Owner(Path(folder), found, found.privacy.profile("npd-private"), count())


def _written(world: World, source: Path) -> Path:
    source.mkdir(parents=True)
    (source / "synthetic.json").write_text("{}")
    with duckdb.connect() as con:
        for table in TOWN.tables:
            rows = world.get(table.full_name, ())
            named = list(table.variables)
            columns = ", ".join(f'"{v.name}" {storage_type(v)}' for v in named)
            con.execute(f"CREATE OR REPLACE TABLE t ({columns})")
            values = [r.get(v.name) for r in rows for v in named]
            if rows:
                one = f"({', '.join('?' * len(named))})"
                con.execute(f"INSERT INTO t VALUES {', '.join([one] * len(rows))}", values)
            (source / table.full_name).mkdir()
            for year in YEARS if table.year else (None,):
                chosen = "" if table.year is None else f" WHERE \"{table.year.variable}\" = '{year}/{year + 1}'"
                path = source / table.full_name / f"{WHOLE if year is None else year}.parquet"
                if table.kind is TableKind.PERSON or rows:
                    con.execute(f"COPY (SELECT * FROM t{chosen}) TO '{path}' (FORMAT parquet)")
    return source

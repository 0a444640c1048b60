"""A private text on a small synthetic NPD without noise: the measured values, put together like a release. For
comparison, plain DuckDB runs the same text on the vault's files."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import duckdb

from broker.domain.findings import Assessment
from broker.domain.jobs.job import JobKind
from broker.domain.ports import SandboxEnd, Vault
from broker.engine.in_process_engine import InProcessEngine
from broker.engine.private_engine import PrivateDuckDB
from broker.policy.policy_set import PolicySet
from broker.privacy.noise.noise_client import NoiseClient
from broker.privacy.request.directives import read_directives
from broker.query import compile_sql
from broker.workflow.private_jobs.private_answers import NoisyAnswer, noisy_answer
from broker.workflow.private_jobs.private_outputs import noisy_tables
from broker.workflow.private_jobs.private_request import PrivateQuery, plan_private_query
from broker.workflow.rehearsal.rehearsal_document import without_noise
from broker.workflow.run_context import limits_for
from tests.integration.rehearse.conftest import At

STEPS = 10**7


@dataclass(frozen=True)
class Way:
    """One private job on one vault: its exact answers are read once."""

    private: PrivateQuery
    vault: Vault
    exact: Any

    def without_noise(self) -> Assessment:
        return self._assessed(without_noise(self.private, self.exact))

    def drawn(self, noise: NoiseClient) -> Assessment:
        made = self.private.design
        return self._assessed(noisy_answer(made, noise.draw(made.bundle, self.exact.vectors), self.exact))

    def _assessed(self, answer: NoisyAnswer) -> Assessment:
        unseen = replace(self.private, profile=replace(self.private.profile, display_floor=-(10**9)))
        (found,) = noisy_tables(unseen, answer, STEPS)
        return found


def private_query(text: str, policies: PolicySet, dialect: str = "tsql", spending: str = "epsilon 0.5") -> PrivateQuery:
    project = policies.project("P0421")
    text = f"-- private: {spending}\n{text}"
    lines = read_directives(text, dialect)
    compiled = compile_sql(text, dialect, policies.catalogue, project, policies.service, in_parts=False)
    assert compiled.plan is not None, compiled.refusals
    return plan_private_query(compiled.plan, lines, project, policies)


def way(text: str, policies: PolicySet, stage_of: At, dialect: str = "tsql") -> Way:
    stage, private = stage_of("P0421"), private_query(text, policies, dialect)
    vault = stage.vaults.ensure("P0421", stage.snapshot)
    project = policies.project("P0421")
    here = plan_private_query(private.plan, private.lines, project, policies, stage.vaults.registers(vault))
    result = InProcessEngine().run(
        PrivateDuckDB().prepare(here.plan, here.measured, vault, "j", 1, limits_for(JobKind.SQL, policies))
    )
    assert result.end is SandboxEnd.ENDED, result.log
    return Way(here, vault, PrivateDuckDB().read(here.plan, here.measured, here.design, result.frames))


def released_figures(found: Assessment) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Keys to figures, intervals included; only what is shown."""
    return {r.keys: r.released[found.key_count :] for r in found.rows}


def figures(found: Assessment) -> list[str]:
    """Names of the columns beside the keys."""
    return list(found.columns[found.key_count :])


@contextmanager
def plain(vault: Vault) -> Iterator[duckdb.DuckDBPyConnection]:
    """The vault's tables of persons as scripts would never see them: with ranks and numbers."""
    with duckdb.connect() as con:
        con.execute("CREATE SCHEMA npd")
        for table in vault.tables:
            if table.name.startswith("npd."):
                files = [str(vault.evidence / p) for p in table.paths]
                con.execute(f"CREATE VIEW {table.name} AS FROM read_parquet({files}, union_by_name = true)")
        yield con


def close(one: Any, other: Any, within: float = 0.002) -> bool:
    """NULL and nothing, or numbers that differ by rounding alone: a figure has no more digits than its noise leaves."""
    if one is None or other is None or isinstance(one, str) or isinstance(other, str):
        return bool(one == other)
    digit = Decimal(1).scaleb(int(one.as_tuple().exponent)) if isinstance(one, Decimal) else Decimal(0)
    gap = abs(Decimal(str(one)) - Decimal(str(other)))
    return gap <= max(digit * Decimal("0.51"), Decimal(str(within)) * abs(Decimal(str(other))))

"""A private text all the way on a small synthetic NPD, without its noise: what would be measured, put together as it
would leave. Beside it, the same text on the vault's files as plain DuckDB reads it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import duckdb

from broker.domain.findings import Assessment
from broker.domain.jobs import Kind
from broker.domain.ports import SandboxEnd, Vault
from broker.engine.here import EngineHere
from broker.engine.private import prepare_private, read_private
from broker.policy.models import Policies
from broker.privacy.asking.lines import private_lines
from broker.privacy.noise.client import NoiseProcess
from broker.query import compile_sql
from broker.workflow.private.answers import NoisyAnswer, answered
from broker.workflow.private.asking import PrivateJob, ask
from broker.workflow.private.outputs import tables_of
from broker.workflow.private.rehearsing import without_noise
from broker.workflow.run import limits_for
from tests.integration.rehearse.conftest import At

STEPS = 10**7


@dataclass(frozen=True)
class Way:
    """One private job on one vault: its exact answers are read once."""

    private: PrivateJob
    vault: Vault
    exact: Any

    def without_noise(self) -> Assessment:
        unseen = replace(self.private, profile=replace(self.private.profile, display_floor=-(10**9)))
        return self._assessed(unseen, without_noise(self.private, self.exact))

    def drawn(self, noise: NoiseProcess) -> Assessment:
        made = self.private.made
        unseen = replace(self.private, profile=replace(self.private.profile, display_floor=-(10**9)))
        return self._assessed(unseen, answered(made, noise.draw(made.bundle, self.exact.vectors), self.exact))

    def _assessed(self, private: PrivateJob, answer: NoisyAnswer) -> Assessment:
        (found,) = tables_of(private, answer, STEPS)
        return found


def asked(text: str, policies: Policies, dialect: str = "tsql", spending: str = "epsilon 0.5") -> PrivateJob:
    project = policies.project("P0421")
    assert project is not None
    text = f"-- private: {spending}\n{text}"
    lines = private_lines(text, dialect)
    compiled = compile_sql(text, dialect, policies.catalogue, project, policies.service, in_parts=False)
    assert compiled.plan is not None, compiled.refusals
    return ask(compiled.plan, lines, project, policies)


def way(text: str, policies: Policies, stage_of: At, dialect: str = "tsql") -> Way:
    stage, private = stage_of("P0421"), asked(text, policies, dialect)
    vault = stage.vaults.ensure("P0421", stage.snapshot)
    project = policies.project("P0421")
    assert project is not None
    here = ask(private.plan, private.lines, project, policies, stage.vaults.registers(vault))
    result = EngineHere().run(prepare_private(here.plan, here.measured, vault, "j", 1, limits_for(Kind.SQL, policies)))
    assert result.end is SandboxEnd.ENDED, result.log
    return Way(here, vault, read_private(here.plan, here.measured, here.made, result.frames))


def told(found: Assessment) -> dict[tuple[Any, ...], tuple[Any, ...]]:
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

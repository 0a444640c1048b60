"""Audits of whole private scripts on neighbouring data: one person removed, ingest and vault made again, rows cut by
trusted code, script in a real container. Exact vectors of neighbours differ by one block at most. Then each side draws
the job's own noise (`PROOF_NOISE` vectors), and no event separates the sides by more than the charge."""

# ruff: noqa: E501 - edits, scripts and figures read better in one line

import re
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

import numpy as np
import pytest
from adversaries import script
from auditing import audit, half_spaces, in_place, vectors
from blocks_kit import POLICIES, directive

from broker.domain.ledger.privacy_loss import DELTA_UNITS, MICRO, Accounting, amount_as_written
from broker.engine.private_engine import DuckDBBlocks
from broker.privacy.sample_and_aggregate import RANGE_STEPS, block_answers, design_aggregation, exact_vector
from broker.python_jobs.block_tables import BlockTable, BlockTables
from broker.python_jobs.private_directive import BlockEstimator
from broker.sandbox.docker_sandbox import DockerSandbox
from broker.vault.ingest import ingest
from broker.vault.vault_store import VaultStore
from broker.workflow.private_jobs import private_blocks
from broker.workflow.private_jobs.private_ports import PrivatePorts
from broker.workflow.private_jobs.private_request import BlockProgram, PrivateScript
from broker.workflow.run_context import RehearsalPorts, RunContext
from tests.generative.privacy.neighbouring_snapshots import OWNER, TOWN, _written, owner
from tests.proof_size import report_figures, size

TIMES = size("NOISE", 2000)
BLOCKS, SECONDS = 8, {"runc": 0.6, "runsc": 1.5}
CANDIDATES = 61
"""Of a median: far fewer than policy's, since the fewer there are, the likelier each is and the sooner a loss is seen."""
FULL = bool(size("BLOCK_TRICKS", 0))
SCRIPTS = ("everything", "maximum", "state", "scratch", "places", "shared_memory", "crash", "overrun", "float('nan')", "[1.0, 2.0]") if FULL else ("everything",)  # fmt: skip
RUNTIMES = ("runc", "runsc") if FULL else ("runc",)
CASES = [(name, r) for name in SCRIPTS for r in RUNTIMES]
PROFILE = replace(POLICIES.privacy.profile("npd-private"), block_candidates=CANDIDATES)
SPEND = amount_as_written(Accounting.APPROXIMATE, 1.0, 1e-9)
CUT = BlockTables((), (BlockTable("npd.a", ("Key", "Score"), frozenset({2018})),), "pupil")
"""The key of the cut, here the same for neighbours: so that their blocks can be compared."""

pytestmark = pytest.mark.long
FIXED = "0123456789abcdef"


def world(special):
    names = [(f"k{i}", i % 9) for i in range(120)] + ([("anna", 20)] if special else [])
    rows = [
        {"Key": k, "LA": 1, "Sex": "F", "Note": "x", "Score": s, "Y": f"{y}/{y + 1}", "Flag": 0}
        for k, s in names
        for y in (2017, 2018, 2019)
    ]
    return {"npd.a": rows, "npd.b": [], "ref.las": [{"LA": 1, "Region": "N"}]}


@pytest.fixture(scope="module")
def vaults():
    """Snapshots of one owner: who is in both has the same number, as it is from one year to the next."""
    with owner() as found:
        data = found.folder / "data"
        keeper, made = VaultStore(data, lambda: found.policies), {}
        for day, name in enumerate(("whole", "removed"), 1):
            source = _written(world(name == "whole"), found.folder / f"source-{name}")
            snapshot = ingest(source, data, TOWN, datetime(2026, 1, day, tzinfo=UTC))
            made[name] = keeper.ensure(OWNER.ident, snapshot.ident)
        yield made


def named(script):
    """What may stand in a container's name."""
    return "".join(c for c in script if c.isalnum())[:5]


def answers(sandbox, name, vault, made, seconds):
    """A whole run, from the vault to the blocks' answers."""
    asked = PrivateScript(None, None, False, SPEND, made, BlockProgram(script(name, seconds), ()), CUT)
    ports = RehearsalPorts(None, sandbox, None, private=PrivatePorts(None, None, DuckDBBlocks()))
    subject = f"whole-{named(name)}-{vault.snapshot[:6]}"
    context = RunContext(ports, None, subject, 1, vault, None, None, POLICIES, worker=ports)
    content, result = private_blocks.run_blocks(context, asked, private_blocks.cut_rows(context, asked))
    return block_answers(content, made), result


@pytest.mark.docker
@pytest.mark.parametrize(("name", "runtime"), CASES)
def test_no_event_separates_neighbours_by_more_than_the_charge(name, runtime, vaults, sandbox_root, monkeypatch):
    monkeypatch.setattr(private_blocks.secrets, "token_hex", lambda n: FIXED)
    sandbox, seconds = DockerSandbox(sandbox_root, runtime), SECONDS[runtime]
    made = {e: design_aggregation(directive(BLOCKS, seconds, estimator=e), SPEND, PROFILE) for e in BlockEstimator}
    runs = {v: answers(sandbox, name, vaults[v], made[BlockEstimator.MEAN], seconds) for v in vaults}
    slots = BLOCKS / POLICIES.service.threads * (seconds + POLICIES.service.block_rest_milliseconds / 1000) + 1
    assert all(result.seconds > slots for _, result in runs.values())
    found, same = [a for a, _ in runs.values()], lambda a, b: np.isclose(a, b) | (np.isnan(a) & np.isnan(b))
    different = int((~same(*found)).sum())
    assert different <= 1, "one person has changed more than one block"
    told = {"blocks_that_differ": different, "charged": 1.0, "vectors": TIMES}
    for estimator, of in made.items():
        exact = [exact_vector(of, a) for a in found]
        moved = np.abs(np.subtract(*exact)).max()
        assert moved <= (RANGE_STEPS if estimator is BlockEstimator.MEAN else 2)
        told[f"found_{estimator}"] = surest(estimator, *map(tuple, exact))
        assert told[f"found_{estimator}"] <= of.charge.micro / MICRO
    report_figures(f"whole_{re.sub('[^a-z0-9_]', '_', name)}_{runtime}", told)


@cache
def surest(estimator, *exact):
    """The loss that surely occurs between the two, by many draws of the job's own noise; looked for once, where several
    scripts come to the same."""
    made = design_aggregation(directive(BLOCKS, 1.0, estimator=estimator), SPEND, PROFILE)
    drawn = [vectors(made.bundle, [list(e)], TIMES) for e in exact]
    if estimator is BlockEstimator.MEAN:
        events = half_spaces(*exact, drawn[0]) if exact[0] != exact[1] else [in_place(0, exact[0][0])]
    else:
        events = [in_place(0, int(v)) for v in np.unique(drawn[0])[:40]]
    return audit(*drawn, events, SPEND.delta / DELTA_UNITS)[0]

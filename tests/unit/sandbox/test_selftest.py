"""The self-test's verdict: no answer is no wall, and real data need every required probe."""

import json

import pytest

from broker.domain.errors import Breach
from broker.domain.ports import SandboxEnd, SandboxResult
from broker.sandbox import selftest
from broker.sandbox.docker_sandbox import DockerSandbox
from broker.sandbox.selftest import REQUIRED, ProbeResult

ALL = tuple(ProbeResult(name, True, True, "") for name in sorted(REQUIRED))


class Fake:
    """A sandbox that answers as told."""

    def __init__(self, inside, memory, wall):
        self.ends = {"inside0": inside, "memory0": memory, "wall0": wall}

    def run(self, request):
        answers = {name: [True, "x"] for name in REQUIRED - {"memory", "wall-clock"}}
        end = self.ends[request.job.removeprefix("selftest-")]
        file = b'{"name": "probes.json"}\n' + json.dumps(answers).encode()
        return SandboxResult(end, (("file", file),) if end is SandboxEnd.ENDED else (), "i", "r", 1.0)


@pytest.mark.parametrize(("inside", "memory", "wall", "hold"), [
    (SandboxEnd.ENDED, SandboxEnd.MEMORY_LIMIT, SandboxEnd.TIME_LIMIT, True),
    (SandboxEnd.CRASHED, SandboxEnd.MEMORY_LIMIT, SandboxEnd.TIME_LIMIT, False),
    (SandboxEnd.ENDED, SandboxEnd.ENDED, SandboxEnd.TIME_LIMIT, False),
    (SandboxEnd.ENDED, SandboxEnd.MEMORY_LIMIT, SandboxEnd.ENDED, False),
])  # fmt: skip
def test_one_open_wall_is_enough_to_fail(inside, memory, wall, hold):
    assert (selftest.unmet_probes(selftest.run_probes(Fake(inside, memory, wall))) == ()) is hold


@pytest.mark.parametrize("missing", sorted(REQUIRED))
def test_each_required_probe_counts(missing):
    assert selftest.unmet_probes(tuple(verdict for verdict in ALL if verdict.probe != missing)) == (missing,)


def test_real_data_are_refused_where_a_wall_is_open(tmp_path, monkeypatch):
    sandbox = DockerSandbox(tmp_path, "runc")
    monkeypatch.setattr(sandbox, "_verdicts", ALL[1:])
    request = selftest._request(tmp_path, "x", "", selftest.LIMITS)
    real = type(request)(request.job, 1, "python", tmp_path, request.frames, request.limits, synthetic=False)
    with pytest.raises(Breach, match="is not safe for real data"):
        sandbox.run(real)


def test_an_unknown_runtime_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="runtime must be one of"):
        DockerSandbox(tmp_path, "kata")


def test_it_is_measured_once_for_all_processes(tmp_path):
    measured = []

    def measure():
        measured.append(1)
        return ALL

    assert selftest.cached_results(tmp_path, "engine a, runsc", measure) == ALL
    assert selftest.cached_results(tmp_path, "engine a, runsc", measure) == ALL
    assert len(measured) == 1
    selftest.cached_results(tmp_path, "engine a, runc", measure)
    assert len(measured) == 2, "another runtime is measured for itself"
    for file in tmp_path.glob("selftest-*.json"):
        file.write_text('[{"probe": "network"}]')
    assert selftest.cached_results(tmp_path, "engine a, runsc", measure) == ALL
    assert len(measured) == 3, "what cannot be read is measured again"

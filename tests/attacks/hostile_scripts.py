"""The hostile scripts of `tests/fixtures/hostile_scripts.txt`: each runs in a real sandbox, and the result names the
layer that stopped it.

Layers, in their order: STATIC-REFUSE (the scan), CONTAINER (isolation and limits), OUTPUT-CHECK (what is collected, and
a person who looks), BROKER (words, logs and states). A case is stopped at its stated layer or an earlier one; with the
scan off the scan stops nothing.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from broker.domain.findings import Verdict
from broker.domain.jobs.job import CoarseOutcome, FailureCode, coarse_outcome
from broker.domain.ports import Sandbox, SandboxEnd, SandboxLimits, SandboxRequest, SandboxResult
from broker.policy.files import load_policies
from broker.policy.policy_set import PolicySet
from broker.policy.service_limits import ServiceLimits
from broker.python_jobs.raw_outputs import FILE_NAME, RawOutputs, frame_name, released_name, sort_outputs
from broker.python_jobs.static_scan import inspect_script
from broker.workflow.pipeline.script_outputs import draft_file
from tests.files import made

MIB = 1 << 20
LIMITS = SandboxLimits(5, 1024 * MIB, 2 * MIB, 10, 16, 1, 16 * MIB)
ROOT = Path(__file__).parents[2]
FILE = Path(__file__).parents[1] / "fixtures" / "hostile_scripts.txt"
LAYERS = ("ACCEPT", "STATIC-REFUSE", "CONTAINER", "OUTPUT-CHECK", "BROKER")
ALLOWED = [".csv", ".txt", ".json", ".png"]
TABLES = [{"schema": "npd", "name": "npd_pupil", "paths": ["npd_pupil.parquet"]}]
SECRET = "PUPIL-SECRET"
REFUSED = r"(Error|errno|Traceback)"


@dataclass(frozen=True)
class Case:
    ident: str
    layer: str
    must: str
    program: str


@dataclass(frozen=True)
class Stopped:
    """What held: at which layer, and `wrong`: why not, empty where it did."""

    layer: str
    end: str
    wrong: str


def blocks_of(file: Path) -> Iterator[tuple[list[str], str]]:
    """The headers and programs of a file of hostile scripts."""
    for block in file.read_text(encoding="utf-8").split("\n@@ ")[1:]:
        header, _, program = block.partition("\n")
        yield [part.strip() for part in header.split("|", 3)], program


def cases() -> list[Case]:
    found = []
    for (ident, layer, _, must), text in blocks_of(FILE):
        body = text.removesuffix("\n")
        program = eval(body.strip().removeprefix("GEN:")) if body.startswith("GEN:") else body
        found.append(Case(ident, layer, must, program))
    return found


@dataclass(frozen=True)
class Expected:
    """How a container case ends (one of several), what its log says, and what its files must not hold."""

    ends: frozenset[str]
    log: str = ""


def ends(*names: str, log: str = "") -> Expected:
    return Expected(frozenset(names), log)


CRASH = ends("crashed", log=REFUSED)
EXPECTED = {
    **dict.fromkeys(("P003", "P005", "P007", "P009", "P015", "P017", "P043", "P045", "P047", "P049"), CRASH),
    "P011": ends("ended"),
    "P013": ends("ended", log=r"^\['?\d*"),
    "P019": ends("crashed", "memory_limit", "time_limit"),
    "P021": ends("memory_limit"),
    "P023": ends("crashed", "output_limit", "memory_limit"),
    "P025": ends("memory_limit", "output_limit", "crashed"),
    "P027": ends("crashed", "output_limit"),
    "P029": ends("time_limit"),
    "P031": ends("ended"),
    "P033": ends("crashed"),
    "P041": ends("crashed", "ended"),
    "P035": ends("ended", log=r"^(-1|0)\n"),
    "P037": ends("ended", log=r"^(-1|0)\n"),
    "P039": ends("ended", log=r"^-1\n"),
    "P051": ends("ended"),
    "P053": ends("ended", "crashed"),
    "P145": ends("output_limit"),
    "P149": ends("time_limit"),
    "P151": ends("time_limit"),
    "P137": ends("crashed"),
    "P139": ends("crashed"),
}
"""P035 and P037 answer 0 under gVisor alone: its own kernel traces and unshares, the host's sees nothing of it. P041's
node can be made there, and opens nothing (the self-test's `device-nodes`)."""

GVISOR_ONLY = {("P035", "0\n"), ("P037", "0\n")}


def mount_in(folder: Path) -> Path:
    """A mount of one small table that says something of pupils."""
    mount = folder / "vault"
    mount.mkdir()
    rows = {"fsm": [0, 1, 2], "ks2_score": [90, 95, 99], "la_code": [301, 302, 303], "name": [SECRET] * 3}
    pq.write_table(pa.table(rows), mount / "npd_pupil.parquet")
    (mount / "npd_pupil.parquet").chmod(0o444)
    mount.chmod(0o755)
    return mount


def request_of(program: str, mount: Path, name: str, limits: SandboxLimits = LIMITS, **more: object) -> SandboxRequest:
    job = {"kind": "python", "tables": TABLES, "allowed": ALLOWED, "settings": asdict(limits), **more}
    frames = (("job", json.dumps(job).encode()), ("program", program.encode("utf-8", "replace")))
    return SandboxRequest(re.sub(r"\W", ".", name), 1, "python", mount, frames, limits, synthetic=True)


def refused_by_scan(case: Case, service: ServiceLimits) -> bool:
    return bool(inspect_script(case.program, service).refusals)


def judge(case: Case, result: SandboxResult) -> Stopped:
    """Where a script was stopped that no scan has looked at."""
    left = sort_outputs(result.frames, declared_by(result), policies().service)
    some = left.files or left.withheld
    layer = "CONTAINER" if result.end is not SandboxEnd.ENDED else "OUTPUT-CHECK" if some else "BROKER"
    wrong = " ".join([*_wrong_of_container(case, result), *_wrong_of_files(left), *_wrong_of_words(result)])
    return Stopped(layer, result.end.value, wrong)


def _wrong_of_container(case: Case, result: SandboxResult) -> list[str]:
    log, expected = result.log.decode(errors="replace"), EXPECTED.get(case.ident)
    wrong = []
    if expected is not None and result.end.value not in expected.ends:
        wrong.append(f"It ended as {result.end.value}: {log[-200:]!r}.")
    if expected is not None and not re.search(expected.log, log):
        wrong.append(f"Its log says {log[-200:]!r}.")
    if (case.ident, log) in GVISOR_ONLY and result.runtime != "runsc":
        wrong.append("The host's kernel let it.")
    if case.ident == "P013" and sum(part.strip(" '\n[]").isdigit() for part in log.split(",")) > 3:
        wrong.append("It sees processes that are not its own.")
    if result.end is not SandboxEnd.ENDED and result.frames:
        wrong.append("Something came out of a job that did not end well.")
    if {kind for kind, _ in result.frames} - {"file", "status"}:
        wrong.append("Frames of another kind came out.")
    if result.seconds > LIMITS.wall_seconds + 60:
        wrong.append("It ran for too long.")
    return wrong


@cache
def policies() -> PolicySet:
    return load_policies(ROOT / "policies")


def declared_by(result: SandboxResult) -> list[str]:
    """As if the header had named every file that was left."""
    heads = (payload.partition(b"\n")[0] for kind, payload in result.frames if kind == "file")
    return [released_name(name) for head in heads if (name := frame_name(head)) is not None]


def _wrong_of_files(left: RawOutputs) -> list[str]:
    """Nothing that a script left leaves by itself: it has no good name or type, or a person looks."""
    wrong = []
    for file in left.files:
        found = made(file.name, file.content)
        prepared = draft_file(found, policies(), policies().disclosure_rules("npd-default"))
        if prepared.verdict not in (Verdict.REVIEW, Verdict.REFUSE) or (found.problem and prepared.candidate):
            wrong.append(f"{file.name} would leave by itself.")
        if b"BROKER" in file.content or b"docker" in file.content.lower():
            wrong.append("The environment tells of the broker.")
    for stayed in left.withheld:
        if not FILE_NAME.fullmatch(stayed.name) and not re.fullmatch(r"withheld-\d+", stayed.name):
            wrong.append("A file's name is shown as the script wrote it.")
        if stayed.problem == "name" and any(part in stayed.name for part in ("90", "95", "99")):
            wrong.append("A file's name carries data.")
    return wrong


def _wrong_of_words(result: SandboxResult) -> list[str]:
    """Of how it ended a researcher learns one of four words, none of which the script has chosen."""
    word = CoarseOutcome.ENDED if result.end is SandboxEnd.ENDED else coarse_outcome(FailureCode(result.end.value))
    return (
        []
        if word in (CoarseOutcome.ENDED, CoarseOutcome.FAILED, CoarseOutcome.LIMIT) and SECRET not in word
        else ["The word tells more."]
    )


def run(case: Case, sandbox: Sandbox, mount: Path, name: str) -> Stopped:
    before, request = state(mount), request_of(case.program, mount, f"hostile.{case.ident}.{name}")
    stopped = judge(case, sandbox.run(request))
    if state(mount) != before:
        return Stopped(stopped.layer, stopped.end, "The data were changed.")
    return stopped


def holds(case: Case, stopped: Stopped, *, scan: bool, refused: bool) -> str:
    """Why the case is not stopped at its stated layer or an earlier one; empty if it is."""
    if case.layer == "ACCEPT":
        return stopped.wrong or ("An honest script is refused." if scan and refused else "")
    if scan and case.layer == "STATIC-REFUSE" and not refused:
        return "The scan lets it through."
    return "" if scan and refused else stopped.wrong


def state(mount: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(mount.rglob("*"))}

"""Stage 6: evidence becomes findings and outputs, put on the staff shelf; nothing here can leave by itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from broker.disclosure.judge_job import judge_job
from broker.disclosure.needs import needs_of
from broker.domain.audit import AuditEvent
from broker.domain.errors import Breach
from broker.domain.idents import new_ident
from broker.domain.jobs import Job, JobState
from broker.domain.outputs import Output, OutputState
from broker.domain.people import SYSTEM
from broker.domain.plans import Plan
from broker.domain.ports import Lease, OutputRecord, SandboxResult, Vault, WorkerPorts
from broker.policy.models import Policies
from broker.policy.profiles import Profile
from broker.workflow.check import Checked
from broker.workflow.prepared import Prepared, table_prepared
from broker.workflow.release_history.written import kept_for_release
from broker.workflow.script_outputs import script_outputs
from broker.workflow.scripts import RanScript


@dataclass(frozen=True, slots=True)
class Ran:
    """A sandbox that ended: what was asked, on which vault, and what came back."""

    checked: Checked
    vault: Vault
    result: SandboxResult
    script: RanScript | None = None

    @property
    def ran_script(self) -> RanScript:
        if self.script is None:
            raise Breach("A script's job has run without a script.")
        return self.script


def assess(ports: WorkerPorts, lease: Lease, policies: Policies, ran: Ran) -> None:
    """Judge every output and move the job to `assessing` with them, in one transaction under the attempt."""
    project = policies.project(lease.job.submission.project)
    if project is None:
        raise Breach(f"project of job {lease.job.ident} left the policy during its run")
    profile = policies.profile(project.profile)
    if ran.checked.plan is not None:
        prepared = _tables(ports, ran, ran.checked.plan, profile)
    else:
        prepared = script_outputs(ran.ran_script, ran.checked.declared, policies, profile)
    conclude(
        ports,
        lease,
        policies,
        prepared,
        Concluded(ran.vault.snapshot, ran.result.image, ran.result.runtime),
        ran.checked.declared,
    )


@dataclass(frozen=True, slots=True)
class Concluded:
    """What the outputs were made on; no image where no sandbox had to run."""

    snapshot: str
    image: str | None = None
    runtime: str | None = None


def conclude(
    ports: WorkerPorts,
    lease: Lease,
    policies: Policies,
    prepared: Sequence[Prepared],
    on: Concluded,
    declared: Sequence[tuple[str, str]] = (),
) -> None:
    """Shelve what was prepared, then move the job with it."""
    now = ports.clock.now()
    described = (*lease.job.submission.descriptions, *declared)
    records = [_shelve(ports, lease.job, p, described) for p in prepared]
    event = AuditEvent(now, SYSTEM.ident, "job.assessed", lease.job.ident, (("outputs", str(len(records))),))
    ports.store.advance(
        lease.job.ident,
        lease.attempt,
        JobState.RUNNING,
        JobState.ASSESSING,
        now,
        [event],
        image=on.image,
        runtime=on.runtime,
        snapshot=on.snapshot,
        assessed_policy=policies.fingerprint,
        outputs=records,
        small=any(p.small for p in prepared),
        history_changed=any(p.history_changed for p in prepared),
    )


def only_keeps(checked: Checked) -> bool:
    """A job that keeps definitions and asks for no output: it reads no data, so nothing is started for it."""
    return checked.plan is not None and not checked.plan.outputs


def assess_nothing(ports: WorkerPorts, lease: Lease, policies: Policies) -> None:
    """A job without outputs has nothing to judge, and is decided next."""
    now = ports.clock.now()
    event = AuditEvent(now, SYSTEM.ident, "job.assessed", lease.job.ident, (("outputs", "0"),))
    before, after = JobState.RUNNING, JobState.ASSESSING
    fingerprint = policies.fingerprint
    ports.store.advance(lease.job.ident, lease.attempt, before, after, now, [event], assessed_policy=fingerprint)


def _tables(ports: WorkerPorts, ran: Ran, plan: Plan, profile: Profile) -> list[Prepared]:
    evidence = ports.engine.read(plan, ran.result.frames, needs_of(profile))
    assessments = judge_job(plan, evidence, profile, ports.vaults.registers(ran.vault))
    pairs = zip(assessments, evidence.outputs, strict=True)
    return [table_prepared(assessment, found.name, profile) for assessment, found in pairs]


def _shelve(ports: WorkerPorts, job: Job, prepared: Prepared, declared: Sequence[tuple[str, str]]) -> OutputRecord:
    """An output's id carries a time that researchers see: when they sent the job, not how long it ran."""
    now = ports.clock.now()
    digest = ports.shelf.put("staff", prepared.staff)
    candidate = prepared.candidate
    if candidate is not None:
        ports.shelf.put("staff", candidate)
    bound = sha256(prepared.staff + (candidate or b"")).digest()
    output = Output(
        ident=new_ident(),
        job=job.ident,
        name=prepared.name,
        kind=prepared.kind,
        description=_description(declared, prepared.name),
        state=OutputState.ASSESSED,
        media_type=prepared.media_type,
        size=len(candidate or b""),
        release_hash=None if candidate is None else sha256(candidate).hexdigest(),
        staff_hash=ports.shelf.keyed_hash(bound),
        findings_hash=ports.shelf.keyed_hash(prepared.findings.encode()),
        verdict=prepared.verdict,
        created=now,
        memory_version=prepared.memory_version,
    )
    kept = kept_for_release(ports, prepared.tables) if prepared.tables else ()
    return OutputRecord(output, digest, kept)


def _description(descriptions: Sequence[tuple[str, str]], name: str) -> str:
    return next((sentence for given, sentence in descriptions if given == name), "")

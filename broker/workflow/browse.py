"""What a person may see of jobs and outputs: visibility lives here and nowhere else."""

from dataclasses import dataclass, replace
from datetime import datetime

from broker.domain.errors import Refusal, Unknown
from broker.domain.jobs import Job, JobState, Shown, shown_state
from broker.domain.outputs import Output, OutputState
from broker.domain.people import Person, Role
from broker.domain.permissions import TOLD, Action, may
from broker.domain.ports import Filter, Ports
from broker.domain.projects import Project
from broker.domain.saved import SCHEMA
from broker.domain.variables import Use
from broker.policy.models import Policies
from broker.workflow import cohorts
from broker.workflow.check import check_submission
from broker.workflow.policies import policies_in_force, policies_of
from broker.workflow.relations import RelationOf, project_or_unknown, reach_job, relation_of, relations
from broker.workflow.silence import hides_withheld, looks_running, minute_of, spoken_of, told_end, whole_minute


@dataclass(frozen=True, slots=True)
class OutputView:
    """An output as the caller may see it: for a researcher an undecided one has a name and nothing else."""

    ident: str
    name: str
    description: str
    state: str
    media_type: str | None
    size: int | None
    sha256: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as the caller may see it. Times of a researcher's view are whole minutes: exact ones are an output."""

    ident: str
    project: str
    title: str
    purpose: str
    kind: str
    dialect: str
    researcher: str
    state: str
    created: datetime
    updated: datetime
    text: str | None
    refusals: tuple[Refusal, ...]
    uses: tuple[Use, ...]
    outputs: tuple[OutputView, ...]
    released: bool
    replaces: str | None
    kept: tuple[str, ...] = ()


def my_projects(ports: Ports, person: Person) -> list[Project]:
    """The projects that name this person, expired ones too."""
    policies = policies_in_force(ports.store)
    return [p for p in policies.projects if person.ident in p.researchers]


def usual_project(ports: Ports, person: Person) -> str:
    """Which project a new job is most likely for: that of the newest job, else the first one that accepts jobs."""
    today = ports.clock.now().date()
    live = [p.ident for p in my_projects(ports, person) if p.is_live(today)]
    newest = [j.project for j in jobs(ports, person, limit=1)]
    return next((ident for ident in [*newest, *live] if ident in live), "")


def jobs(
    ports: Ports, person: Person, project: str | None = None, after: str | None = None, limit: int = 50
) -> list[JobView]:
    """Jobs the person may see, newest first, without text and outputs."""
    policies = policies_in_force(ports.store)
    visible = {p.ident for p in policies.projects if _sees(ports, policies, person, p)}
    if project is not None and project not in visible:
        raise Unknown("project", project)
    if after is not None and ports.store.job(after).submission.project not in visible:
        raise Unknown("job", after)
    wanted = visible if project is None else {project}
    found = ports.store.jobs(Filter(projects=frozenset(wanted), limit=limit, after=after))
    known = _known(ports, policies, person, found)
    return [_view(ports, policies, person, j, whole=False, known=known) for j in found]


def job(ports: Ports, person: Person, ident: str) -> JobView:
    reached = reach_job(ports, person, Action.VIEW_JOB, ident)
    return _view(ports, reached.policies, person, reached.job, whole=True)


def brief(ports: Ports, person: Person, ident: str) -> JobView:
    """A job without text and outputs: cheap enough to be asked for again and again."""
    reached = reach_job(ports, person, Action.VIEW_JOB, ident)
    return _view(ports, reached.policies, person, reached.job, whole=False)


def my_project(ports: Ports, person: Person, ident: str) -> Project:
    """One of the projects that name this person; any other is as if it were not there."""
    found = next((p for p in my_projects(ports, person) if p.ident == ident), None)
    if found is None:
        raise Unknown("project", ident)
    return found


def _sees(ports: Ports, policies: Policies, person: Person, project: Project) -> bool:
    return may(person, Action.VIEW_JOB, relation_of(ports, policies, person, project, None), JobState.QUEUED)


@dataclass(frozen=True, slots=True)
class _Known:
    """What views of several jobs are made of, looked up for all at once."""

    relation: RelationOf
    outputs: dict[str, list[Output]]
    spoken: frozenset[str]


def _known(ports: Ports, policies: Policies, person: Person, jobs: list[Job]) -> _Known:
    outputs = ports.store.outputs_of_jobs(frozenset(j.ident for j in jobs))
    spoken = spoken_of(ports, outputs)
    return _Known(relations(ports, person, policies), outputs, spoken)


def _view(
    ports: Ports, policies: Policies, person: Person, job: Job, *, whole: bool, known: _Known | None = None
) -> JobView:
    known = known or _known(ports, policies, person, [job])
    relation, outputs = known.relation(job), known.outputs.get(job.ident, [])
    staff = Role.CHECKER in person.roles and relation.independent
    reads_text = whole and may(person, Action.VIEW_TEXT, relation, job.state)
    refusals, uses = explained(ports, job) if reads_text else ((), ())
    return JobView(
        ident=job.ident,
        project=job.submission.project,
        title=job.submission.title,
        purpose=job.submission.purpose,
        kind=job.submission.kind.value,
        dialect=job.submission.dialect,
        researcher=job.researcher,
        state=job.state.value if staff else _shown(ports, policies, job, outputs, known.spoken).value,
        created=job.created if staff else minute_of(job.created),
        updated=job.updated if staff else _told_time(ports, policies, job, outputs, known.spoken),
        text=job.submission.text if reads_text else None,
        refusals=refusals,
        uses=uses,
        outputs=_outputs(outputs, staff, relation.member, job.names_its_outputs) if whole else (),
        released=any(o.state is OutputState.RELEASED for o in outputs),
        replaces=job.submission.replaces,
        kept=tuple(f"{SCHEMA}.{name}" for name in job.kept) if staff or relation.member else (),
    )


def _shown(ports: Ports, policies: Policies, job: Job, outputs: list[Output], spoken: frozenset[str]) -> Shown:
    runs = looks_running(ports, policies, job, outputs, spoken)
    hide = hides_withheld(ports, policies, job, outputs, spoken)
    return shown_state(job.state, job.failure, tuple(o.state for o in outputs), hide, bool(job.kept), runs)


def explained(ports: Ports, job: Job) -> tuple[tuple[Refusal, ...], tuple[Use, ...]]:
    """Refusals and uses as they were told: the text checked again under the policy and on the day of submission."""
    policies = policies_of(ports.store, job.policy)
    project = project_or_unknown(policies, job.submission.project)
    s = job.submission
    saved = cohorts.saved_then(ports, job)
    checked = check_submission(s.text, s.kind, s.dialect, project, policies, job.created.date(), saved)
    return checked.refusals, checked.uses


def _outputs(outputs: list[Output], staff: bool, member: bool, named: bool) -> tuple[OutputView, ...]:
    """Staff see all; a member sees declared facts only of what was decided; an administrator sees none."""
    if staff:
        return tuple(_whole(o) for o in outputs)
    return _told(outputs, named) if member else ()


def _told(outputs: list[Output], named: bool) -> tuple[OutputView, ...]:
    """What was decided. Names and number of what a script leaves are outputs themselves: those that did not leave are
    one nameless line for each word and reason."""
    lines: dict[tuple[str, str | None], OutputView] = {}
    for output in outputs:
        if output.state not in TOLD:
            continue
        left = output.state in {OutputState.RELEASED, OutputState.RECALLED}
        if left or named:
            lines[output.ident, None] = _whole(output)
        else:
            nameless = replace(_whole(output), name="files of the script", description="")
            lines.setdefault((output.state.value, output.reason), nameless)
    return tuple(lines.values())


def _whole(output: Output) -> OutputView:
    released = output.state in {OutputState.RELEASED, OutputState.RECALLED}
    return OutputView(
        ident=output.ident,
        name=output.name,
        description=output.description,
        state=output.state.value,
        media_type=output.media_type if released else None,
        size=output.size if released else None,
        sha256=output.release_hash if released else None,
        reason=output.reason,
    )


def _told_time(ports: Ports, policies: Policies, job: Job, outputs: list[Output], spoken: frozenset[str]) -> datetime:
    """When the job last changed, as far as its researcher may know that it has."""
    if job.started is not None and looks_running(ports, policies, job, outputs, spoken):
        return whole_minute(job.started)
    return whole_minute(told_end(ports, policies, job) or job.updated)

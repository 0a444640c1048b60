"""What a person may see of jobs and outputs. All rules of visibility are in this module."""

from dataclasses import dataclass, replace
from datetime import datetime

from broker.domain.errors import Refusal, Unknown
from broker.domain.identity.people import DISCLOSED_STATES, Action, Person, Role, is_permitted
from broker.domain.jobs.job import DisplayedState, Job, JobState, Output, OutputState, displayed_state
from broker.domain.plans.variable_uses import VariableUse
from broker.domain.ports import ListFilter, Ports
from broker.domain.projects.project import ResearchProject
from broker.domain.projects.saved_definitions import PROJECT_SCHEMA
from broker.policy.policy_set import PolicySet
from broker.workflow import timing_channel
from broker.workflow.access import RelationLookup, reach_job, relation_lookup, relation_of
from broker.workflow.checking.stored_checks import check_of_job, job_check_of
from broker.workflow.checking.submission_check import CheckedSubmission
from broker.workflow.policies_in_force import policies_in_force


@dataclass(frozen=True, slots=True)
class OutputView:
    """An output as the caller may see it. Researchers see an undecided one by name only."""

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
    """A job as the caller may see it. Researchers see whole minutes, because exact times are an output."""

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
    uses: tuple[VariableUse, ...]
    outputs: tuple[OutputView, ...]
    released: bool
    replaces: str | None
    kept: tuple[str, ...] = ()


def my_projects(ports: Ports, person: Person) -> list[ResearchProject]:
    """Return the projects that name this person, including expired ones."""
    policies = policies_in_force(ports.store)
    return [p for p in policies.projects if person.ident in p.researchers]


def usual_project(ports: Ports, person: Person) -> str:
    """Return the id of the project that a new job is most likely for: that of the newest job, else the first that
    accepts jobs, else ''."""
    today = ports.clock.now().date()
    live = [p.ident for p in my_projects(ports, person) if p.is_live(today)]
    newest = [j.project for j in visible_jobs(ports, person, limit=1)]
    return next((ident for ident in [*newest, *live] if ident in live), "")


def visible_jobs(
    ports: Ports, person: Person, project: str | None = None, after: str | None = None, limit: int = 50
) -> list[JobView]:
    """Return the jobs that the person may see, newest first, without text and outputs. Raises Unknown for a project or
    job that they may not see."""
    policies = policies_in_force(ports.store)
    visible = {p.ident for p in policies.projects if _may_see(ports, policies, person, p)}
    if project is not None and project not in visible:
        raise Unknown("project", project)
    # The cursor must not reveal whether a job of another project exists.
    if after is not None and ports.store.job(after).submission.project not in visible:
        raise Unknown("job", after)
    wanted = visible if project is None else {project}
    found = ports.store.jobs(ListFilter(projects=frozenset(wanted), limit=limit, after=after))
    data = _view_data(ports, policies, person, found)
    return [_job_view(ports, policies, person, j, whole=False, data=data) for j in found]


def view_job(ports: Ports, person: Person, ident: str, *, whole: bool = True) -> JobView:
    """Return a job; without text and outputs unless `whole`, which is cheap enough to be requested again and again."""
    reached = reach_job(ports, person, Action.VIEW_JOB, ident)
    return _job_view(ports, reached.policies, person, reached.job, whole=whole)


def view_new_job(ports: Ports, person: Person, job: Job, checked: CheckedSubmission) -> JobView:
    """Return a job that this person has just submitted, as it was accepted. Nothing of it has run, so the store is not
    asked for it again."""
    policies = policies_in_force(ports.store)
    data = _ViewData(relation_lookup(ports, person, policies), {}, frozenset())
    return _job_view(ports, policies, person, job, whole=True, data=data, checked=checked)


def my_project(ports: Ports, person: Person, ident: str) -> ResearchProject:
    """Return one of the projects that name this person. Raises Unknown for any other."""
    found = next((p for p in my_projects(ports, person) if p.ident == ident), None)
    if found is None:
        raise Unknown("project", ident)
    return found


def _may_see(ports: Ports, policies: PolicySet, person: Person, project: ResearchProject) -> bool:
    return is_permitted(person, Action.VIEW_JOB, relation_of(ports, policies, person, project, None), JobState.QUEUED)


@dataclass(frozen=True, slots=True)
class _ViewData:
    """What views of several jobs need, read for all of them at once."""

    relation: RelationLookup
    outputs: dict[str, list[Output]]
    handled: frozenset[str]


def _view_data(ports: Ports, policies: PolicySet, person: Person, jobs: list[Job]) -> _ViewData:
    outputs = ports.store.outputs_of_jobs(frozenset(j.ident for j in jobs))
    handled = timing_channel.handled_by_people(ports, outputs)
    return _ViewData(relation_lookup(ports, person, policies), outputs, handled)


def _job_view(
    ports: Ports, policies: PolicySet, person: Person, job: Job, *, whole: bool, data: _ViewData | None = None,
    checked: CheckedSubmission | None = None,
) -> JobView:  # fmt: skip
    data = data or _view_data(ports, policies, person, [job])
    relation, outputs = data.relation(job), data.outputs.get(job.ident, [])
    # A checker who is not independent of the project sees no more than others.
    staff = Role.CHECKER in person.roles and relation.independent
    reads_text = whole and is_permitted(person, Action.VIEW_TEXT, relation, job.state)
    check = (job_check_of(checked) if checked else check_of_job(ports, job)) if reads_text else None
    return JobView(
        ident=job.ident,
        project=job.submission.project,
        title=job.submission.title,
        purpose=job.submission.purpose,
        kind=job.submission.kind.value,
        dialect=job.submission.dialect,
        researcher=job.researcher,
        # Only independent checkers see exact states and times (invariants 9 and 10).
        state=job.state.value if staff else _displayed_state(ports, policies, job, outputs, data.handled).value,
        created=job.created if staff else timing_channel.minute_of(job.created),
        updated=job.updated if staff else _displayed_time(ports, policies, job, outputs, data.handled),
        text=job.submission.text if reads_text else None,
        refusals=() if check is None else check.refusals,
        uses=() if check is None else check.uses,
        outputs=_visible_outputs(outputs, staff, relation.member, job.names_its_outputs) if whole else (),
        released=any(o.state is OutputState.RELEASED for o in outputs),
        replaces=job.submission.replaces,
        kept=tuple(f"{PROJECT_SCHEMA}.{name}" for name in job.saved_names) if staff or relation.member else (),
    )


def _displayed_state(
    ports: Ports, policies: PolicySet, job: Job, outputs: list[Output], handled: frozenset[str]
) -> DisplayedState:
    runs = timing_channel.appears_running(ports, policies, job, outputs, handled)
    hide = timing_channel.withheld_hidden_until(ports, policies, job, outputs, handled) is not None
    return displayed_state(job.state, job.failure, tuple(o.state for o in outputs), hide, bool(job.saved_names), runs)


def _visible_outputs(outputs: list[Output], staff: bool, member: bool, named: bool) -> tuple[OutputView, ...]:
    """Return all outputs for staff, the decided ones for researchers of the project, and none for administrators."""
    if staff:
        return tuple(_output_view(o) for o in outputs)
    return _decided_outputs(outputs, named) if member else ()


def _decided_outputs(outputs: list[Output], named: bool) -> tuple[OutputView, ...]:
    """Return the decided outputs. Names and number of a script's outputs are outputs themselves, so those that did not
    leave become one nameless line for each state and reason."""
    lines: dict[tuple[str, str | None], OutputView] = {}
    for output in outputs:
        if output.state not in DISCLOSED_STATES:
            continue
        left = output.state in {OutputState.RELEASED, OutputState.RECALLED}
        if left or named:
            lines[output.ident, None] = _output_view(output)
        else:
            nameless = replace(_output_view(output), name="files of the script", description="")
            lines.setdefault((output.state.value, output.reason), nameless)
    return tuple(lines.values())


def _output_view(output: Output) -> OutputView:
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


def _displayed_time(
    ports: Ports, policies: PolicySet, job: Job, outputs: list[Output], handled: frozenset[str]
) -> datetime:
    """Return when the job last changed, as far as its researcher may know."""
    if job.started is not None and timing_channel.appears_running(ports, policies, job, outputs, handled):
        return timing_channel.whole_minute(job.started)
    return timing_channel.whole_minute(timing_channel.disclosed_end(ports, policies, job) or job.updated)

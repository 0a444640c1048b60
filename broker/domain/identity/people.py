"""People and their roles, and who may do what in which state: one table of roles, actions and states, and the relations
that it requires. `check_permission` raises with a message that the user can read; `is_permitted` is derived from it.
Rules about the project of an object are here too, so no view compares names."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from broker.domain.described_words import DescribedWord
from broker.domain.errors import Conflict, Forbidden, Invalid, Unknown
from broker.domain.jobs.job import JobState, OutputState
from broker.domain.projects.saved_definitions import LISTED_STATES, SavedState


class Role(DescribedWord):
    """Roles of a person. SYSTEM is the broker acting on its own behalf."""

    RESEARCHER = "researcher", "Submits jobs for their projects, and downloads released results."
    CHECKER = "checker", "Reviews outputs with their evidence, and votes on them."
    ADMINISTRATOR = (
        "administrator",
        "Manages people, policies and snapshots, and can stop or recall anything. Cannot read outputs.",
    )
    SYSTEM = "system", "The broker's own steps."


@dataclass(frozen=True, slots=True)
class Person:
    """A person with an account. `ident` is their name in policies, audit and API. The dates limit their accreditation
    as a researcher, both included. `email` receives notices."""

    ident: str
    name: str
    roles: frozenset[Role]
    active: bool = True
    accredited_from: date | None = None
    accredited_until: date | None = None
    email: str = ""

    def check_accredited(self, today: date) -> None:
        """Raises Conflict("not-accredited") outside the dates of an accreditation. Without stored dates, there is no
        check."""
        if self.accredited_from is not None and today < self.accredited_from:
            raise Conflict("not-accredited", f"Your accreditation begins on {self.accredited_from:%-d %B %Y}.")
        if self.accredited_until is not None and today > self.accredited_until:
            raise Conflict("not-accredited", f"Your accreditation ended on {self.accredited_until:%-d %B %Y}.")


SYSTEM = Person("broker", "The broker", frozenset({Role.SYSTEM}))


SubjectState = JobState | OutputState | SavedState | None


class Action(StrEnum):
    """Every action that a person can request, in alphabetical order."""

    APPLY_POLICY = "apply-policy"
    CLAIM_OUTPUT = "claim-output"
    DECIDE_LOOKUP = "decide-lookup"
    DISCUSS_OUTPUT = "discuss-output"
    DOWNLOAD_RELEASE = "download-release"
    DROP_SAVED = "drop-saved"
    MANAGE_PUBLIC_TABLES = "keep-public-tables"
    MANAGE_SNAPSHOTS = "keep-snapshots"
    MANAGE_PEOPLE = "manage-people"
    PROPOSE_LOOKUP = "propose-lookup"
    PROPOSE_POLICY = "propose-policy"
    READ_SCRIPT = "read-script"
    RECALL_OUTPUT = "recall-output"
    REHEARSE_JOB = "rehearse-job"
    RESTORE_LEDGER = "restore-ledger"
    RESTORE_HISTORY = "restore-memory"
    STOP_ALL = "stop-all"
    STOP_JOB = "stop-job"
    SUBMIT_JOB = "submit-job"
    VERIFY_AUDIT = "verify-audit"
    VIEW_BUDGET = "view-budget"
    VIEW_EVIDENCE = "view-evidence"
    VIEW_JOB = "view-job"
    VIEW_LEDGER = "view-ledger"
    VIEW_HISTORY = "view-memory"
    VIEW_SAVED = "view-saved"
    VIEW_TEXT = "view-text"
    VOTE_OUTPUT = "vote-output"
    WITHDRAW_JOB = "withdraw-job"


NO_STATE: frozenset[SubjectState] = frozenset({None})
DISCLOSED_STATES: frozenset[SubjectState] = frozenset(
    {OutputState.RELEASED, OutputState.RECALLED, OutputState.RETURNED, OutputState.REJECTED}
)
"""Output states that researchers may see."""

ACTIVE_JOB_STATES: frozenset[SubjectState] = frozenset({JobState.QUEUED, JobState.RUNNING, JobState.ASSESSING})
ENDED_JOB_STATES: frozenset[SubjectState] = frozenset(
    {JobState.ASSESSING, JobState.DECIDED, JobState.FAILED, JobState.WITHDRAWN}
)
"""Job states in which the sandbox no longer exists."""


PERMISSIONS: dict[tuple[Role, Action], frozenset[SubjectState]] = {
    (Role.RESEARCHER, Action.DISCUSS_OUTPUT): DISCLOSED_STATES,
    (Role.RESEARCHER, Action.DOWNLOAD_RELEASE): frozenset({OutputState.RELEASED}),
    (Role.RESEARCHER, Action.DROP_SAVED): LISTED_STATES,
    (Role.RESEARCHER, Action.PROPOSE_LOOKUP): NO_STATE,
    (Role.RESEARCHER, Action.REHEARSE_JOB): NO_STATE,
    (Role.RESEARCHER, Action.SUBMIT_JOB): NO_STATE,
    (Role.RESEARCHER, Action.VIEW_BUDGET): NO_STATE,
    (Role.RESEARCHER, Action.VIEW_JOB): frozenset(JobState),
    (Role.RESEARCHER, Action.VIEW_SAVED): LISTED_STATES,
    (Role.RESEARCHER, Action.VIEW_TEXT): frozenset(JobState),
    (Role.RESEARCHER, Action.WITHDRAW_JOB): ACTIVE_JOB_STATES,
    (Role.CHECKER, Action.CLAIM_OUTPUT): frozenset({OutputState.IN_REVIEW}),
    (Role.CHECKER, Action.DECIDE_LOOKUP): frozenset({SavedState.IN_REVIEW}),
    (Role.CHECKER, Action.DISCUSS_OUTPUT): frozenset(OutputState) - {OutputState.WITHDRAWN},
    (Role.CHECKER, Action.READ_SCRIPT): ENDED_JOB_STATES,
    (Role.CHECKER, Action.RECALL_OUTPUT): frozenset({OutputState.RELEASED}),
    (Role.CHECKER, Action.VIEW_BUDGET): NO_STATE,
    (Role.CHECKER, Action.VIEW_EVIDENCE): frozenset(OutputState) - {OutputState.WITHDRAWN},
    (Role.CHECKER, Action.VIEW_JOB): frozenset(JobState),
    (Role.CHECKER, Action.VIEW_SAVED): frozenset(SavedState),
    (Role.CHECKER, Action.VIEW_TEXT): frozenset(JobState),
    (Role.CHECKER, Action.VOTE_OUTPUT): frozenset({OutputState.IN_REVIEW}),
    (Role.ADMINISTRATOR, Action.APPLY_POLICY): NO_STATE,
    (Role.ADMINISTRATOR, Action.MANAGE_PUBLIC_TABLES): NO_STATE,
    (Role.ADMINISTRATOR, Action.MANAGE_SNAPSHOTS): NO_STATE,
    (Role.ADMINISTRATOR, Action.MANAGE_PEOPLE): NO_STATE,
    (Role.ADMINISTRATOR, Action.PROPOSE_POLICY): NO_STATE,
    (Role.ADMINISTRATOR, Action.RECALL_OUTPUT): frozenset({OutputState.RELEASED}),
    (Role.ADMINISTRATOR, Action.RESTORE_LEDGER): NO_STATE,
    (Role.ADMINISTRATOR, Action.RESTORE_HISTORY): NO_STATE,
    (Role.ADMINISTRATOR, Action.STOP_ALL): NO_STATE,
    (Role.ADMINISTRATOR, Action.STOP_JOB): ACTIVE_JOB_STATES,
    (Role.ADMINISTRATOR, Action.VERIFY_AUDIT): NO_STATE,
    (Role.ADMINISTRATOR, Action.VIEW_BUDGET): NO_STATE,
    (Role.ADMINISTRATOR, Action.VIEW_JOB): frozenset(JobState),
    (Role.ADMINISTRATOR, Action.VIEW_LEDGER): NO_STATE,
    (Role.ADMINISTRATOR, Action.VIEW_HISTORY): NO_STATE,
}
"""A missing entry means never. A researcher may act only in a project that names them, a checker only if they are
independent of the project. An administrator sees that a job exists, but neither its text nor any output."""

UNDISCLOSED_STATES: frozenset[OutputState] = frozenset(OutputState) - DISCLOSED_STATES
"""Outputs in these states do not exist for researchers. An output that waits and one that is withheld give the same
answer."""


@dataclass(frozen=True, slots=True)
class ProjectRelation:
    """Relation of a person to the project of an object, as the workflow found it.

    - `member`: the project names them as a researcher.
    - `submitted_job`: they submitted the job.
    - `live_grant_on_same_data`: one of their live projects has a grant on a table that this project has a grant on.
    - `checked_by_member`: a researcher of this project has voted on one of their projects (reciprocal checks).
    - `was_member`: the project named them when the job was accepted. Leaving the project makes nobody its checker."""

    member: bool = False
    submitted_job: bool = False
    live_grant_on_same_data: bool = False
    checked_by_member: bool = False
    was_member: bool = False

    @property
    def independent(self) -> bool:
        own = self.member or self.submitted_job or self.was_member
        return not (own or self.live_grant_on_same_data or self.checked_by_member)


def _roles_for(person: Person, action: Action, relation: ProjectRelation) -> list[Role]:
    """Roles of the person that allow the action at all, given this relation."""
    closed = set()
    if not relation.member:
        closed.add(Role.RESEARCHER)
    if not relation.independent:
        closed.add(Role.CHECKER)
    return [role for role in person.roles - closed if (role, action) in PERMISSIONS]


def check_permission(
    person: Person, action: Action, relation: ProjectRelation, state: SubjectState, what: str, ident: str
) -> None:
    """Raises Unknown if the person may not know of the object, and Forbidden or Conflict if they may know of it but not
    act. `what` and `ident` name the object as the person did. A person who may view a job of the project gets the
    reason; everybody else gets the answer for an object that does not exist."""
    roles = _roles_for(person, action, relation) if person.active else []
    if any(state in PERMISSIONS[role, action] for role in roles):
        return
    # before the Conflict below, which would reveal that the output exists
    if isinstance(state, OutputState) and state in UNDISCLOSED_STATES and not _is_staff(person, relation):
        raise Unknown(what, ident)
    if roles:
        raise Conflict("wrong-state", f"This {what} is {state}, so it cannot be {_past_participle(action)} now.")
    if not person.active or not may_know_jobs(person, relation):
        raise Unknown(what, ident)
    raise Forbidden("not-permitted", "You do not have permission to do that here.")


def is_permitted(person: Person, action: Action, relation: ProjectRelation, state: SubjectState) -> bool:
    try:
        check_permission(person, action, relation, state, "thing", "")
    except (Unknown, Forbidden, Conflict):
        return False
    return True


def check_roles(person: Person) -> None:
    """Raises Invalid for roles that nobody may have, or that exclude each other."""
    if Role.SYSTEM in person.roles:
        raise Invalid("roles", "You cannot give a person the role of the broker itself.", "/roles")
    if {Role.ADMINISTRATOR, Role.CHECKER} <= person.roles:
        message = "A person cannot be both an administrator and a checker, because administrators do not read outputs."
        raise Invalid("roles", message, "/roles")


def may_know_jobs(person: Person, relation: ProjectRelation) -> bool:
    """Whether a person may know that jobs of a project exist."""
    return relation.member or _is_staff(person, relation)


def _is_staff(person: Person, relation: ProjectRelation) -> bool:
    checks = Role.CHECKER in person.roles and relation.independent
    return checks or Role.ADMINISTRATOR in person.roles


def _past_participle(action: Action) -> str:
    return {
        Action.CLAIM_OUTPUT: "claimed",
        Action.DECIDE_LOOKUP: "decided on",
        Action.DISCUSS_OUTPUT: "discussed",
        Action.DOWNLOAD_RELEASE: "downloaded",
        Action.DROP_SAVED: "dropped",
        Action.RECALL_OUTPUT: "recalled",
        Action.STOP_JOB: "stopped",
        Action.VIEW_EVIDENCE: "looked at",
        Action.VOTE_OUTPUT: "voted on",
        Action.WITHDRAW_JOB: "withdrawn",
    }.get(action, "changed")


NO_RELATION = ProjectRelation()
"""Relation for objects that belong to no project."""

"""Definitions that a project saves: cohorts from its jobs, and lookup tables that a checker approves."""

import csv
import io
import re
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from broker.domain.errors import Conflict, Invalid, Unknown
from broker.domain.identifiers import new_ident
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import Action, Person, check_permission, is_permitted
from broker.domain.jobs.job import Job
from broker.domain.jobs.reviews import VoteChoice
from broker.domain.plans.scalars import ScalarType
from broker.domain.ports import Ports, WorkerPorts
from broker.domain.projects import saved_definitions
from broker.policy.policy_set import PolicySet
from broker.policy.service_limits import ServiceLimits
from broker.workflow.access import PersonRelations, project_or_unknown, reach_project
from broker.workflow.policies_in_force import policies_in_force


def readable_definitions(ports: Ports, project: str) -> list[saved_definitions.SavedEntry]:
    """Return the definitions that a project's jobs may read now."""
    return ports.store.saved(project, saved_definitions.READABLE_STATES)


def saved_of(entries: Sequence[saved_definitions.SavedEntry]) -> saved_definitions.ReadableDefinitions:
    return saved_definitions.ReadableDefinitions(tuple(e.definition for e in entries))


def saved_at_submission(ports: Ports | WorkerPorts, job: Job) -> saved_definitions.ReadableDefinitions:
    """Return the definitions that a job read when it was accepted, whatever happened to them since: the plan must come
    out the same."""
    if not job.read_saved:
        return saved_definitions.ReadableDefinitions()
    # Also dropped and replaced ones: the job read them when it was accepted.
    every = frozenset(saved_definitions.SavedState)
    return saved_of(ports.store.saved(job.submission.project, every, frozenset(job.read_saved)))


def entries_saved_by(job: Job, definitions: Sequence[saved_definitions.Cohort]) -> list[saved_definitions.SavedEntry]:
    """Return the entries for the definitions that an accepted job saves."""
    return [
        saved_definitions.SavedEntry(
            ident=new_ident(),
            project=job.submission.project,
            definition=k,
            about=job.submission.title,
            by=job.researcher,
            created=job.created,
            policy=job.policy,
            state=saved_definitions.SavedState.SAVED,
        )
        for k in definitions
    ]


def check_saved_room(
    entries: Sequence[saved_definitions.SavedEntry], names: Sequence[str], policies: PolicySet
) -> None:
    """Raises Conflict if a project would save too many definitions. One that replaces a name needs no room."""
    limit = policies.service.max_saved
    if len({e.name.casefold() for e in entries} | {n.casefold() for n in names}) > limit and names:
        raise Conflict(
            "too-many-saved", f"The project has saved {limit} cohorts and lookups, which is the limit. Drop one first."
        )


def definition_event(entry: saved_definitions.SavedEntry, person: Person, action: str, now: datetime) -> AuditEvent:
    """Return an audit event that names a definition by ids and hash, never by its content."""
    codes = (("project", entry.project), ("sha256", saved_definitions.definition_digest(entry.definition)))
    return AuditEvent(now, person.ident, action, entry.ident, codes)


def list_saved(ports: Ports, person: Person, project: str) -> list[saved_definitions.SavedEntry]:
    """Return the definitions that a project has saved or proposed, for its researchers and checkers."""
    reach_project(ports, person, Action.VIEW_SAVED, project, saved_definitions.SavedState.SAVED)
    return ports.store.saved(project, saved_definitions.LISTED_STATES)


def drop_saved(ports: Ports, person: Person, project: str, name: str) -> None:
    """Drop the definition of a name and any that waits under it. Accepted jobs still have what they read."""
    schema = f"{saved_definitions.PROJECT_SCHEMA}."
    bare = name[len(schema) :] if name.casefold().startswith(schema) else name
    entries = [e for e in list_saved(ports, person, project) if e.name.casefold() == bare.casefold()]
    reach_project(ports, person, Action.DROP_SAVED, project, saved_definitions.SavedState.SAVED)
    if not entries:
        raise Unknown("saved definition", f"{schema}{bare}")
    now = ports.clock.now()
    for entry in entries:
        event = definition_event(entry, person, "saved.dropped", now)
        ports.store.move_saved(entry.ident, entry.state, saved_definitions.SavedState.DROPPED, [event])


WHOLE = re.compile(r"0|-?[1-9][0-9]{0,14}")
"""A number with a leading zero is a code and stays text. Fifteen digits are exact everywhere."""
DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
MOST_DIGITS = 15
AS_TEXT = ":text"
"""Ending of a column's name in the first line that makes the column text, for codes that look like numbers."""


def read_lookup(name: str, text: str, service: ServiceLimits) -> saved_definitions.Lookup:
    """Parse the CSV text of a lookup. Raises Invalid; its message never quotes a value."""
    if not saved_definitions.NAME_PATTERN.fullmatch(name):
        message = "Use letters, digits and _ for the name. Begin with a letter, and use at most 64 characters."
        raise Invalid("name", message, "/name")
    # Some editors write a byte order mark.
    names, rows = _header_and_rows(text.removeprefix("\ufeff"), service)
    values = [[row[i].strip() or None for row in rows] for i in range(len(names))]
    columns = [_column(n, v, i) for i, (n, v) in enumerate(zip(names, values, strict=True))]
    typed = zip(*(_typed_values(c, v) for c, v in zip(columns, values, strict=True)), strict=True)
    return saved_definitions.Lookup(name, tuple(columns), tuple(typed))


def _header_and_rows(text: str, service: ServiceLimits) -> tuple[list[str], list[list[str]]]:
    if len(text.encode("utf-8", "surrogatepass")) > service.lookup_bytes:
        raise Invalid("lookup-size", f"A lookup can have at most {service.lookup_bytes} bytes.", "/text")
    try:
        lines = [line for line in csv.reader(io.StringIO(text, newline=""), strict=True) if line]
    except csv.Error as error:
        raise Invalid(
            "lookup-csv", "This is not valid CSV: a quote does not end, or a line is broken.", "/text"
        ) from error
    if len(lines) < 2:
        raise Invalid("lookup-csv", "A lookup needs a line of names and at least one row.", "/text")
    names, rows = [n.strip() for n in lines[0]], lines[1:]
    if len(rows) > service.lookup_rows or len(names) > service.lookup_columns:
        message = f"A lookup can have at most {service.lookup_rows} rows and {service.lookup_columns} columns."
        raise Invalid("lookup-size", message, "/text")
    bare = [n.removesuffix(AS_TEXT) for n in names]
    if not all(saved_definitions.NAME_PATTERN.fullmatch(n) for n in bare) or len({n.casefold() for n in bare}) != len(
        names
    ):
        raise Invalid("lookup-columns", "Each column needs its own name, with letters, digits and _.", "/text")
    for number, row in enumerate(rows, 2):
        _check_row(row, len(names), number, service)
    return names, rows


def _check_row(row: Sequence[str], width: int, number: int, service: ServiceLimits) -> None:
    if len(row) != width:
        raise Invalid(
            "lookup-csv", f"Row {number} has {len(row)} values, but the first line names {width} columns.", "/text"
        )
    if any(len(v) > service.lookup_cell or not v.isprintable() for v in row):
        message = (
            f"Row {number} has a value of more than {service.lookup_cell} characters, or a value that is not "
            "plain text."
        )
        raise Invalid("lookup-value", message, "/text")


def _column(name: str, values: Sequence[str | None], index: int) -> saved_definitions.LookupColumn:
    there = [v for v in values if v is not None]
    if not there:
        raise Invalid("lookup-columns", f"Column {index + 1} has no values.", "/text")
    # Codes that only look like numbers must stay text, so a column is a number only if all values are.
    kind = ScalarType.TEXT
    if name.endswith(AS_TEXT):
        name = name.removesuffix(AS_TEXT)
    elif all(WHOLE.fullmatch(v) for v in there):
        kind = ScalarType.INT
    elif all(DECIMAL.fullmatch(v) for v in there) and _fit_one_decimal(there):
        kind = ScalarType.DECIMAL
    # Text is compared without case, so values that differ only in case are not unique.
    unique = len(there) == len(values) and len({v.casefold() for v in there}) == len(there)
    return saved_definitions.LookupColumn(name, kind, unique and index == 0 and kind is not ScalarType.DECIMAL)


def _fit_one_decimal(values: Sequence[str]) -> bool:
    """Whether one decimal type holds all values exactly."""
    whole = max(len(v.lstrip("-").partition(".")[0]) for v in values)
    return whole + max(len(v.partition(".")[2]) for v in values) <= MOST_DIGITS


def _typed_values(
    column: saved_definitions.LookupColumn, values: Sequence[str | None]
) -> list[saved_definitions.LookupValue]:
    if column.type is ScalarType.TEXT:
        return list(values)
    if column.type is ScalarType.INT:
        return [None if v is None else int(v) for v in values]
    places = max(len(v.partition(".")[2]) for v in values if v is not None)
    return [None if v is None else Decimal(v).quantize(Decimal(1).scaleb(-places)) for v in values]


LOOKUP_ABOUT_LENGTH = 1000
LOOKUP_REASONS: dict[str, str] = {
    "public-values": "The values are public or the project's own, and reveal nothing about any person.",
    "about-people": "The lookup has values about people, or keys of people.",
    "not-described": "The description does not say where the lookup comes from.",
    "ask-us": "Contact the output checkers.",
}
"""Fixed list of reasons that a checker gives."""
LOOKUP_APPROVING = "public-values"


def propose_lookup(
    ports: Ports, person: Person, project: str, name: str, about: str, text: str
) -> saved_definitions.SavedEntry:
    """Propose a lookup for review. The definition that has the name now stays readable until a checker approves."""
    reached, policies = reach_project(ports, person, Action.PROPOSE_LOOKUP, project)
    if not about.strip() or len(about) > LOOKUP_ABOUT_LENGTH or not about.replace("\n", " ").isprintable():
        raise Invalid(
            "about", f"Describe the lookup and its source in 1 to {LOOKUP_ABOUT_LENGTH} characters.", "/about"
        )
    lookup = read_lookup(name, text, policies.service)
    waiting = ports.store.saved(reached.ident, frozenset({saved_definitions.SavedState.IN_REVIEW}))
    check_saved_room([*readable_definitions(ports, reached.ident), *waiting], [name], policies)
    now = ports.clock.now()
    state = saved_definitions.SavedState.IN_REVIEW
    entry = saved_definitions.SavedEntry(
        new_ident(), reached.ident, lookup, about.strip(), person.ident, now, policies.fingerprint, state
    )
    ports.store.propose_saved(entry, [definition_event(entry, person, "saved.proposed", now)])
    return entry


def view_definition(ports: Ports, person: Person, ident: str) -> saved_definitions.SavedEntry:
    """Return a definition with its content. Each view is in the audit log."""
    entry = _reach_definition(ports, person, Action.VIEW_SAVED, ident)
    ports.store.record([definition_event(entry, person, "saved.viewed", ports.clock.now())])
    return entry


def may_decide_lookup(ports: Ports, person: Person, entry: saved_definitions.SavedEntry) -> bool:
    policies = policies_in_force(ports.store)
    project = project_or_unknown(policies, entry.project)
    relation = PersonRelations(ports, policies, person).to_entry(project, entry)
    return is_permitted(person, Action.DECIDE_LOOKUP, relation, entry.state)


def decide_lookup(
    ports: Ports, person: Person, ident: str, choice: VoteChoice, reason: str
) -> saved_definitions.SavedState:
    """Record the decision of a checker who is independent of the project. One checker is enough, because a lookup has
    no data about people."""
    entry = _reach_definition(ports, person, Action.DECIDE_LOOKUP, ident)
    approves = choice is VoteChoice.APPROVE
    if choice is VoteChoice.RETURN:
        raise Invalid("choice", "Choose whether to approve or reject the lookup.", "/choice")
    # The reason has to fit the choice.
    if reason not in LOOKUP_REASONS or approves != (reason == LOOKUP_APPROVING):
        allowed = [LOOKUP_APPROVING] if approves else [r for r in LOOKUP_REASONS if r != LOOKUP_APPROVING]
        raise Invalid("reason", f"Choose one of these reasons: {', '.join(allowed)}.", "/reason")
    after = saved_definitions.SavedState.APPROVED if approves else saved_definitions.SavedState.REJECTED
    event = definition_event(entry, person, f"saved.{after.value}", ports.clock.now())
    ports.store.move_saved(
        ident, saved_definitions.SavedState.IN_REVIEW, after, [event], by=person.ident, reason=reason
    )
    return after


def lookups_waiting(ports: Ports, person: Person) -> list[saved_definitions.SavedEntry]:
    """Return the lookups that wait for this checker, oldest first."""
    policies = policies_in_force(ports.store)
    person_relations, found = PersonRelations(ports, policies, person), []
    for entry in ports.store.saved(None, frozenset({saved_definitions.SavedState.IN_REVIEW})):
        project = policies.project(entry.project)
        if project is None:
            continue
        relation = person_relations.to_entry(project, entry)
        if is_permitted(person, Action.DECIDE_LOOKUP, relation, entry.state):
            found.append(entry)
    return found


def _reach_definition(ports: Ports, person: Person, action: Action, ident: str) -> saved_definitions.SavedEntry:
    policies = policies_in_force(ports.store)
    entry = ports.store.saved_entry(ident)
    project = policies.project(entry.project)
    if project is None:
        raise Unknown("saved definition", ident)
    relation = PersonRelations(ports, policies, person).to_entry(project, entry)
    check_permission(person, action, relation, entry.state, "saved definition", ident)
    return entry

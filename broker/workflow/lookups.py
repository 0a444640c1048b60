"""Lookups: a researcher's own small table, readable once an independent checker has looked at it."""

from broker.domain.errors import Invalid, Unknown
from broker.domain.idents import new_ident
from broker.domain.people import Person
from broker.domain.permissions import Action, check_may, may
from broker.domain.ports import Ports
from broker.domain.reviews import Choice
from broker.domain.saved import SavedEntry, SavedState
from broker.workflow.cohorts import check_room, readable, told
from broker.workflow.lookup_file import read_lookup
from broker.workflow.policies import policies_in_force
from broker.workflow.relations import project_or_unknown, reach_project
from broker.workflow.standing import Standing

ABOUT_LENGTH = 1000
REASONS: dict[str, str] = {
    "public-values": "Its values are public or the project's own, and tell nothing of anybody.",
    "about-people": "It has values about people, or keys of theirs.",
    "not-described": "The description does not say where it comes from.",
    "ask-us": "Please talk to the output checkers.",
}
"""The closed list of reasons that a checker gives."""
APPROVING = "public-values"


def propose(ports: Ports, person: Person, project: str, name: str, about: str, text: str) -> SavedEntry:
    """Ask for a lookup to be kept. What has the name now stays readable until a checker has approved."""
    reached, policies = reach_project(ports, person, Action.PROPOSE_LOOKUP, project)
    if not about.strip() or len(about) > ABOUT_LENGTH or not about.replace("\n", " ").isprintable():
        raise Invalid("about", f"Say in 1 to {ABOUT_LENGTH} characters what it is and where it comes from.", "/about")
    lookup = read_lookup(name, text, policies.service)
    waiting = ports.store.saved(reached.ident, frozenset({SavedState.IN_REVIEW}))
    check_room([*readable(ports, reached.ident), *waiting], [name], policies)
    now = ports.clock.now()
    state = SavedState.IN_REVIEW
    entry = SavedEntry(
        new_ident(), reached.ident, lookup, about.strip(), person.ident, now, policies.fingerprint, state
    )
    ports.store.propose_saved(entry, [told(entry, person, "saved.proposed", now)])
    return entry


def look(ports: Ports, person: Person, ident: str) -> SavedEntry:
    """A definition with all that is in it; every look of a checker is in the audit log."""
    entry = _reach(ports, person, Action.VIEW_SAVED, ident)
    ports.store.record([told(entry, person, "saved.viewed", ports.clock.now())])
    return entry


def may_decide(ports: Ports, person: Person, entry: SavedEntry) -> bool:
    policies = policies_in_force(ports.store)
    project = project_or_unknown(policies, entry.project)
    relation = Standing(ports, policies, person).to_entry(project, entry)
    return may(person, Action.DECIDE_LOOKUP, relation, entry.state)


def decide(ports: Ports, person: Person, ident: str, choice: Choice, reason: str) -> SavedState:
    """A checker's word, who is independent of the project: one is enough, since nothing of anybody is in it."""
    entry = _reach(ports, person, Action.DECIDE_LOOKUP, ident)
    approves = choice is Choice.APPROVE
    if choice is Choice.RETURN:
        raise Invalid("choice", "A lookup is approved or rejected.", "/choice")
    if reason not in REASONS or approves != (reason == APPROVING):
        allowed = [APPROVING] if approves else [r for r in REASONS if r != APPROVING]
        raise Invalid("reason", f"The reason must be one of {', '.join(allowed)}.", "/reason")
    after = SavedState.APPROVED if approves else SavedState.REJECTED
    event = told(entry, person, f"saved.{after.value}", ports.clock.now())
    ports.store.move_saved(ident, SavedState.IN_REVIEW, after, [event], by=person.ident, reason=reason)
    return after


def inbox(ports: Ports, person: Person) -> list[SavedEntry]:
    """Lookups that wait for this checker, oldest first."""
    policies = policies_in_force(ports.store)
    standing, found = Standing(ports, policies, person), []
    for entry in ports.store.saved(None, frozenset({SavedState.IN_REVIEW})):
        project = policies.project(entry.project)
        if project is None:
            continue
        relation = standing.to_entry(project, entry)
        if may(person, Action.DECIDE_LOOKUP, relation, entry.state):
            found.append(entry)
    return found


def _reach(ports: Ports, person: Person, action: Action, ident: str) -> SavedEntry:
    policies = policies_in_force(ports.store)
    entry = ports.store.saved_entry(ident)
    try:
        project = project_or_unknown(policies, entry.project)
    except Unknown:
        raise Unknown("kept definition", ident) from None
    relation = Standing(ports, policies, person).to_entry(project, entry)
    check_may(person, action, relation, entry.state, "kept definition", ident)
    return entry

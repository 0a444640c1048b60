"""Stage 7: checkers find, claim, look at and vote on outputs; enough equal votes decide one."""

import json
from dataclasses import dataclass

from broker.domain.audit import AuditEvent
from broker.domain.errors import Conflict, Invalid
from broker.domain.jobs import Job
from broker.domain.outputs import Output, OutputKind, OutputState, Verdict
from broker.domain.people import Person
from broker.domain.permissions import Action, may
from broker.domain.ports import Filter, Ports
from broker.domain.reviews import Choice, Decided, Vote, decision, votes_needed
from broker.policy.models import Policies
from broker.workflow.policies import policies_in_force, rules_stand
from broker.workflow.relations import ReachedOutput, project_of, reach_output, relation_of
from broker.workflow.settle import settle

REASONS: dict[str, str] = {
    "meets-rules": "The output meets the rules of its profile.",
    "described-and-safe": "The description fits and a person can see that it is safe.",
    "small-groups": "Groups are too small: merge categories or years.",
    "not-described": "The description does not say what the output is.",
    "out-of-purpose": "The output does not serve the approved purpose.",
    "row-level": "The output shows single persons.",
    "ask-us": "Please talk to the output checkers.",
}
"""The closed list of reasons that a checker gives: free text could carry figures to the researcher."""

APPROVING = frozenset({"meets-rules", "described-and-safe"})
"""Reasons to let an output go: a researcher whose output does not leave is told another."""

AFTER: dict[Choice, OutputState] = {
    Choice.APPROVE: OutputState.APPROVED,
    Choice.REJECT: OutputState.REJECTED,
    Choice.RETURN: OutputState.RETURNED,
}


@dataclass(frozen=True, slots=True)
class Look:
    """An output as a checker sees it. `staff` is the staff JSON with evidence and findings; `votes` are hidden
    until the checker's own is cast, so that two checkers look independently."""

    output: Output
    job: Job
    staff: bytes
    candidate: bytes | None
    votes: tuple[Vote, ...]
    needed: int
    memory_version: str


@dataclass(frozen=True, slots=True)
class Ballot:
    """A checker's word as it arrives: hashes say what they saw."""

    choice: Choice
    reason: str
    staff_hash: str
    findings_hash: str
    memory_version: str
    overrides: tuple[str, ...] = ()


def inbox(ports: Ports, person: Person) -> list[tuple[Output, Job]]:
    """Outputs in review that this checker may decide, oldest first."""
    policies = policies_in_force(ports.store)
    waiting = ports.store.outputs(Filter(states=frozenset({OutputState.IN_REVIEW.value}), limit=1000))
    pairs = [(o, ports.store.job(o.job)) for o in waiting]
    mine = [(o, j) for o, j in pairs if _may_vote(ports, policies, person, o, j)]
    return sorted(mine, key=lambda pair: pair[0].created)


def _may_vote(ports: Ports, policies: Policies, person: Person, output: Output, job: Job) -> bool:
    project = project_of(ports, policies, job)
    relation = relation_of(ports, policies, person, project, job)
    return may(person, Action.VOTE_OUTPUT, relation, output.state)


def look(ports: Ports, person: Person, output_ident: str) -> Look:
    """Evidence and candidate of an output; every look is in the audit log."""
    reached = reach_output(ports, person, Action.VIEW_EVIDENCE, output_ident)
    output = reached.output
    votes = tuple(ports.store.votes_of(output_ident))
    own = any(v.checker == person.ident for v in votes)
    ports.store.record([AuditEvent(ports.clock.now(), person.ident, "output.viewed", output_ident)])
    return Look(
        output=output,
        job=reached.job,
        staff=ports.shelf.get("staff", ports.store.evidence_digest(output_ident)),
        candidate=None if output.release_hash is None else ports.shelf.get("staff", output.release_hash),
        votes=votes if own or output.state is not OutputState.IN_REVIEW else (),
        needed=_needed(reached, any(v.overrides for v in votes)),
        memory_version=memory_version(ports),
    )


def claim(ports: Ports, person: Person, output_ident: str, take: bool) -> None:
    """Say that one works on an output, or no longer; another's claim is theirs to give up."""
    output = reach_output(ports, person, Action.CLAIM_OUTPUT, output_ident).output
    if output.claimed_by not in {None, person.ident}:
        raise Conflict("claimed", f"{output.claimed_by} works on this output.")
    action = "output.claimed" if take else "output.unclaimed"
    event = AuditEvent(ports.clock.now(), person.ident, action, output_ident)
    ports.store.claim(output_ident, person.ident if take else None, [event])


def cast_vote(ports: Ports, person: Person, output_ident: str, ballot: Ballot) -> OutputState:
    """Cast a vote and, where enough equal ones are in, decide the output. Returns the output's state after it."""
    reached = reach_output(ports, person, Action.VOTE_OUTPUT, output_ident)
    _check_ballot(ports, reached, ballot)
    now = ports.clock.now()
    vote = Vote(
        output=output_ident,
        checker=person.ident,
        choice=ballot.choice,
        reason=ballot.reason,
        staff_hash=ballot.staff_hash,
        findings_hash=ballot.findings_hash,
        memory_version=ballot.memory_version,
        cast=now,
        overrides=ballot.overrides if ballot.choice is Choice.APPROVE else (),
    )
    codes = (("choice", ballot.choice.value), ("reason", ballot.reason))
    event = AuditEvent(now, person.ident, "output.voted", output_ident, codes)
    void = _void(ports, reached)
    ports.store.cast(vote, [event], decide=lambda votes: decide(reached, votes, void))
    settle(ports, reached.job.ident)
    return ports.store.output(output_ident).state


def _void(ports: Ports, reached: ReachedOutput) -> frozenset[str]:
    """Checkers whose vote counts no more: they have left, or are independent of the project no longer."""
    voters = {v.checker for v in ports.store.votes_of(reached.output.ident)}
    people = (ports.store.person(ident) for ident in voters)
    return frozenset(p.ident for p in people if not _may_vote(ports, reached.policies, p, reached.output, reached.job))


def decide(reached: ReachedOutput, votes: tuple[Vote, ...], void: frozenset[str] = frozenset()) -> Decided | None:
    """What the votes on an output decide, if they do; those of `void` checkers do not count."""
    votes = tuple(v for v in votes if v.checker not in void)
    choice = decision(votes, _needed(reached, any(v.overrides for v in votes)))
    if choice is None:
        return None
    last, after = votes[-1], AFTER[choice]
    reason = next(v.reason for v in votes if v.choice is choice)
    event = AuditEvent(last.cast, last.checker, f"output.{after.value}", reached.output.ident, (("reason", reason),))
    return after, reason, [event]


def memory_version(ports: Ports) -> str:
    """Which state of everything released a vote saw: the number of releases made."""
    return str(ports.store.releases_made())


def _needed(reached: ReachedOutput, overriding: bool) -> int:
    refused = reached.output.verdict is Verdict.REFUSE
    return votes_needed(reached.project.votes, overriding or refused)


def _check_ballot(ports: Ports, reached: ReachedOutput, ballot: Ballot) -> None:
    output = reached.output
    if ballot.reason not in REASONS:
        raise Invalid("reason", f"The reason must be one of {', '.join(REASONS)}.", "/reason")
    if ballot.choice is not Choice.APPROVE and ballot.reason in APPROVING:
        others = ", ".join(r for r in REASONS if r not in APPROVING)
        raise Invalid("reason", f"{ballot.reason} is no reason to {ballot.choice}: take one of {others}.", "/reason")
    if (ballot.staff_hash, ballot.findings_hash) != (output.staff_hash, output.findings_hash):
        raise Conflict("changed", "The output is not what you looked at; look at it again.")
    if ballot.memory_version != memory_version(ports):
        raise Conflict("memory-changed", "Something was released since you looked; look at the output again.")
    if ballot.choice is Choice.APPROVE:
        _check_approvable(ports, reached)
        _check_overrides(ports, output, ballot)


def _check_approvable(ports: Ports, reached: ReachedOutput) -> None:
    if reached.output.release_hash is None:
        raise Invalid("nothing-to-release", "Nothing of this output can leave.", "/choice")
    if not rules_stand(ports.store, reached.job, reached.policies):
        raise Conflict("rules-changed", "The project's rules have changed since this was judged: return it instead.")


def _check_overrides(ports: Ports, output: Output, ballot: Ballot) -> None:
    """What is set aside are findings of this output, and where the rules refuse it, every one that does."""
    staff = json.loads(ports.shelf.get("staff", ports.store.evidence_digest(output.ident)))
    found = {(f["rule"], f["verdict"]) for f in staff.get("findings", ())}
    if not set(ballot.overrides) <= {rule for rule, _ in found}:
        raise Invalid("override", "Only findings of this output can be set aside.", "/overrides")
    refusing = {rule for rule, verdict in found if verdict == Verdict.REFUSE.value}
    unsafe = output.verdict is Verdict.REFUSE and output.kind is OutputKind.TABLE
    if unsafe and not (ballot.overrides and refusing <= set(ballot.overrides)):
        raise Invalid(
            "override", "The rules refuse this output: approving it must name every finding set aside.", "/overrides"
        )

"""Stage 7: checkers claim, look at and vote on outputs; enough equal votes decide one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from broker.domain.audit import AuditEvent
from broker.domain.errors import Conflict
from broker.domain.findings import Verdict
from broker.domain.jobs import Job
from broker.domain.messages import Audience
from broker.domain.outputs import Output, OutputState
from broker.domain.people import Person
from broker.domain.permissions import Action, Relation, may
from broker.domain.ports import Cast, Ports
from broker.domain.reviews import Choice, Decided, Vote, decision, votes_needed
from broker.policy.models import Policies
from broker.workflow.ballots import Ballot, check_ballot, memory_version, to_set_aside
from broker.workflow.relations import ReachedOutput, project_of, reach_output, relation_of
from broker.workflow.reviewing.thread import message
from broker.workflow.settle import settle

AFTER: dict[Choice, OutputState] = {
    Choice.APPROVE: OutputState.APPROVED,
    Choice.REJECT: OutputState.REJECTED,
    Choice.RETURN: OutputState.RETURNED,
}


@dataclass(frozen=True, slots=True)
class Look:
    """An output as a checker sees it. `staff` is the staff JSON with evidence and findings; `votes` are hidden
    until the checker's own is cast, so that two checkers look independently. `relation`: how the checker stands to
    its job."""

    output: Output
    job: Job
    staff: bytes
    candidate: bytes | None
    votes: tuple[Vote, ...]
    needed: int
    memory_version: str
    relation: Relation


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
    seen = votes if own or output.state is not OutputState.IN_REVIEW else ()
    ports.store.record([AuditEvent(ports.clock.now(), person.ident, "output.viewed", output_ident)])
    staff = ports.shelf.get("staff", ports.store.evidence_digest(output_ident))
    aside = bool(to_set_aside(output, json.loads(staff)))
    return Look(
        output=output,
        job=reached.job,
        staff=staff,
        candidate=None if output.release_hash is None else ports.shelf.get("staff", output.release_hash),
        votes=seen,
        needed=_needed(reached, aside or any(v.overrides for v in seen)),
        memory_version=memory_version([output]),
        relation=reached.relation,
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
    return cast_votes(ports, person, {output_ident: ballot})[output_ident]


def cast_votes(ports: Ports, person: Person, ballots: Mapping[str, Ballot]) -> dict[str, OutputState]:
    """Cast votes on several outputs, all of them or none: the states after it."""
    reached = {ident: reach_output(ports, person, Action.VOTE_OUTPUT, ident) for ident in ballots}
    for ident, ballot in ballots.items():
        check_ballot(ports, reached[ident], ballot)
    now = ports.clock.now()
    ports.store.cast_all([_cast(ports, person, reached[ident], ballot, now) for ident, ballot in ballots.items()])
    for job in {r.job.ident for r in reached.values()}:
        settle(ports, job)
    return {o.ident: o.state for o in ports.store.outputs_named(frozenset(ballots))}


def _cast(ports: Ports, person: Person, reached: ReachedOutput, ballot: Ballot, now: datetime) -> Cast:
    """The vote with what is said beside it, and what it decides once it is in."""
    ident = reached.output.ident
    overrides = ballot.overrides if ballot.choice is Choice.APPROVE else ()
    vote = Vote(
        output=ident,
        checker=person.ident,
        choice=ballot.choice,
        reason=ballot.reason,
        staff_hash=ballot.staff_hash,
        findings_hash=ballot.findings_hash,
        memory_version=ballot.memory_version,
        cast=now,
        overrides=overrides,
        why=ballot.reasons if overrides else "",
    )
    codes = (("choice", ballot.choice.value), ("reason", ballot.reason))
    events, says = [AuditEvent(now, person.ident, "output.voted", ident, codes)], []
    if ballot.words.strip():
        said, event = message(person, ident, ballot.words, Audience.RESEARCHERS, now)
        says.append(said)
        events.append(event)
    void = _void(ports, reached)
    return Cast(vote, events, lambda votes: decide(reached, votes, void), says)


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


def _needed(reached: ReachedOutput, overriding: bool) -> int:
    refused = reached.output.verdict is Verdict.REFUSE
    return votes_needed(reached.project.votes, overriding or refused)

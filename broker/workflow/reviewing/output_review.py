"""Stage 7: checkers claim, view and vote on outputs, with reasons of a closed list; enough equal votes decide one."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from broker.domain.errors import Conflict, Invalid
from broker.domain.findings import Verdict
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import Person
from broker.domain.identity.permissions import Action, ProjectRelation, is_permitted
from broker.domain.jobs.job import Job
from broker.domain.jobs.outputs import Output, OutputKind, OutputState
from broker.domain.jobs.reviews import (
    Audience,
    OutputDecision,
    Vote,
    VoteChoice,
    agreed_choice,
    check_message_text,
    votes_needed,
)
from broker.domain.ports import Ports, VoteRecord
from broker.policy.policy_set import PolicySet
from broker.workflow.access import ReachedOutput, project_of, reach_output, relation_of
from broker.workflow.pipeline.output_routing import route_job
from broker.workflow.policies_in_force import rules_unchanged
from broker.workflow.reviewing.output_thread import new_message

VOTE_REASONS: dict[str, str] = {
    "meets-rules": "The output meets the rules of its profile.",
    "described-and-safe": "The description fits and a person can see that it is safe.",
    "small-groups": "Groups are too small: merge categories or years.",
    "not-described": "The description does not say what the output is.",
    "out-of-purpose": "The output does not serve the approved purpose.",
    "row-level": "The output shows single persons.",
    "ask-us": "Please talk to the output checkers.",
}
"""The closed list of reasons that a checker gives: free text could carry figures to the researcher."""

APPROVING_REASONS = frozenset({"meets-rules", "described-and-safe"})
"""Reasons to let an output go: a researcher whose output does not leave is told another."""


@dataclass(frozen=True, slots=True)
class Ballot:
    """Hashes say what the checker saw. `why` findings are set aside is for staff, and `whys` of each by itself; `words`
    are for the researchers, beside the reason."""

    choice: VoteChoice
    reason: str
    staff_hash: str
    findings_hash: str
    memory_version: str
    overrides: tuple[str, ...] = ()
    why: str = ""
    words: str = ""
    whys: Mapping[str, str] = field(default_factory=dict)

    @property
    def reasons(self) -> str:
        """All that is kept of why findings are set aside: a line each."""
        given = ((finding, self.whys.get(finding, "").strip()) for finding in self.overrides)
        lines = (f"{finding}: {why}" for finding, why in given if why)
        return "\n".join(line for line in (self.why.strip(), *lines) if line)


def memory_version(outputs: Iterable[Output]) -> str:
    """Which state of everything released whoever looks at these outputs sees: the newest that one of them was compared
    with."""
    return str(max((int(o.memory_version or 0) for o in outputs), default=0))


def check_ballot(ports: Ports, reached: ReachedOutput, ballot: Ballot) -> None:
    output = reached.output
    if ballot.reason not in VOTE_REASONS:
        raise Invalid("reason", f"The reason must be one of {', '.join(VOTE_REASONS)}.", "/reason")
    if ballot.choice is not VoteChoice.APPROVE and ballot.reason in APPROVING_REASONS:
        others = ", ".join(r for r in VOTE_REASONS if r not in APPROVING_REASONS)
        raise Invalid("reason", f"{ballot.reason} is no reason to {ballot.choice}: take one of {others}.", "/reason")
    if ballot.words:
        check_message_text(ballot.words, "/words")
    if (ballot.staff_hash, ballot.findings_hash) != (output.staff_hash, output.findings_hash):
        raise Conflict("changed", "The output is not what you looked at; look at it again.")
    if not _has_seen(ballot.memory_version, output):
        raise Conflict("memory-changed", "The output was compared anew since you looked; look at it again.")
    if ballot.choice is VoteChoice.APPROVE:
        _check_approvable(ports, reached)
        _check_overrides(ports, output, ballot)


def _has_seen(version: str, output: Output) -> bool:
    return version.isascii() and version.isdigit() and int(version) >= int(output.memory_version or 0)


def _check_approvable(ports: Ports, reached: ReachedOutput) -> None:
    if reached.output.release_hash is None:
        raise Invalid("nothing-to-release", "Nothing of this output can leave.", "/choice")
    if not rules_unchanged(ports.store, reached.job, reached.policies):
        raise Conflict("rules-changed", "The project's rules have changed since this was judged: return it instead.")


def findings_to_set_aside(output: Output, staff: Mapping[str, Any]) -> dict[str, str]:
    """Findings that an approval has to set aside, each with its sentence: of a table that the rules refuse every rule
    that does, of a script's file every finding for which a table of the broker's would hide a figure."""
    if output.kind is OutputKind.FILE:
        return {f["finding"]: f["sentence"] for f in staff.get("set_aside", ())}
    if output.verdict is not Verdict.REFUSE:
        return {}
    return {f["rule"]: f["sentence"] for f in staff.get("findings", ()) if f["verdict"] == Verdict.REFUSE.value}


def _check_overrides(ports: Ports, output: Output, ballot: Ballot) -> None:
    """What is set aside are findings of this output, and every one that has to be; with why."""
    staff = json.loads(ports.content_store.get("staff", ports.store.evidence_digest(output.ident)))
    needed = findings_to_set_aside(output, staff)
    refused = output.verdict is Verdict.REFUSE and output.kind is OutputKind.TABLE
    if not refused and not needed and not ballot.overrides:
        return
    if not set(ballot.overrides) <= {*needed, *(f["rule"] for f in staff.get("findings", ()))}:
        raise Invalid("override", "Only findings of this output can be set aside.", "/overrides")
    if not ballot.overrides or not needed.keys() <= set(ballot.overrides):
        sentence = f"Approving this output must name every finding set aside: {', '.join(needed)}."
        raise Invalid("override", sentence, "/overrides")
    if output.kind is OutputKind.FILE:
        for finding in ballot.overrides:
            _check_why(ballot.whys.get(finding, ""), f"Say why {finding} can be set aside: it is kept with your vote.")
    else:
        _check_why(ballot.reasons, "Say why these findings can be set aside: it is kept with your vote.")


def _check_why(why: str, sentence: str) -> None:
    if not why.strip():
        raise Invalid("why", sentence, "/why")
    check_message_text(why, "/why")


STATE_AFTER: dict[VoteChoice, OutputState] = {
    VoteChoice.APPROVE: OutputState.APPROVED,
    VoteChoice.REJECT: OutputState.REJECTED,
    VoteChoice.RETURN: OutputState.RETURNED,
}


@dataclass(frozen=True, slots=True)
class OutputUnderReview:
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
    relation: ProjectRelation


def _may_vote(ports: Ports, policies: PolicySet, person: Person, output: Output, job: Job) -> bool:
    project = project_of(ports, policies, job)
    relation = relation_of(ports, policies, person, project, job)
    return is_permitted(person, Action.VOTE_OUTPUT, relation, output.state)


def view_output(ports: Ports, person: Person, output_ident: str) -> OutputUnderReview:
    """Evidence and candidate of an output; every look is in the audit log."""
    reached = reach_output(ports, person, Action.VIEW_EVIDENCE, output_ident)
    output = reached.output
    votes = tuple(ports.store.votes_of(output_ident))
    own = any(v.checker == person.ident for v in votes)
    seen = votes if own or output.state is not OutputState.IN_REVIEW else ()
    ports.store.record([AuditEvent(ports.clock.now(), person.ident, "output.viewed", output_ident)])
    staff = ports.content_store.get("staff", ports.store.evidence_digest(output_ident))
    aside = bool(findings_to_set_aside(output, json.loads(staff)))
    return OutputUnderReview(
        output=output,
        job=reached.job,
        staff=staff,
        candidate=None if output.release_hash is None else ports.content_store.get("staff", output.release_hash),
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
        route_job(ports, job)
    return {o.ident: o.state for o in ports.store.outputs_named(frozenset(ballots))}


def _cast(ports: Ports, person: Person, reached: ReachedOutput, ballot: Ballot, now: datetime) -> VoteRecord:
    """The vote with what is said beside it, and what it decides once it is in."""
    ident = reached.output.ident
    overrides = ballot.overrides if ballot.choice is VoteChoice.APPROVE else ()
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
        said, event = new_message(person, ident, ballot.words, Audience.RESEARCHERS, now)
        says.append(said)
        events.append(event)
    void = _void_voters(ports, reached)
    return VoteRecord(vote, events, lambda votes: decide(reached, votes, void), says)


def _void_voters(ports: Ports, reached: ReachedOutput) -> frozenset[str]:
    """Checkers whose vote counts no more: they have left, or are independent of the project no longer."""
    voters = {v.checker for v in ports.store.votes_of(reached.output.ident)}
    people = (ports.store.person(ident) for ident in voters)
    return frozenset(p.ident for p in people if not _may_vote(ports, reached.policies, p, reached.output, reached.job))


def decide(
    reached: ReachedOutput, votes: tuple[Vote, ...], void: frozenset[str] = frozenset()
) -> OutputDecision | None:
    """What the votes on an output decide, if they do; those of `void` checkers do not count."""
    votes = tuple(v for v in votes if v.checker not in void)
    choice = agreed_choice(votes, _needed(reached, any(v.overrides for v in votes)))
    if choice is None:
        return None
    last, after = votes[-1], STATE_AFTER[choice]
    reason = next(v.reason for v in votes if v.choice is choice)
    event = AuditEvent(last.cast, last.checker, f"output.{after.value}", reached.output.ident, (("reason", reason),))
    return after, reason, [event]


def _needed(reached: ReachedOutput, overriding: bool) -> int:
    refused = reached.output.verdict is Verdict.REFUSE
    return votes_needed(reached.project.votes, overriding or refused)

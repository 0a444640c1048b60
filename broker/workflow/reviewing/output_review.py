"""Stage review: checkers claim, view and vote on outputs. Reasons come from a fixed list; enough equal votes decide an
output."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from broker.disclosure.records.staff_record_json import staff_record_from_bytes
from broker.domain.errors import Conflict, Invalid
from broker.domain.findings import Finding, Verdict
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import Action, Person, ProjectRelation, is_permitted
from broker.domain.jobs import reviews
from broker.domain.jobs.job import Job, Output, OutputKind, OutputState
from broker.domain.ports import Ports, VoteRecord
from broker.domain.staff_records import StaffRecord
from broker.policy.policy_set import PolicySet
from broker.workflow.access import ReachedOutput, project_of, reach_output, relation_of
from broker.workflow.pipeline.draft_output import candidate_of, staff_record_of
from broker.workflow.pipeline.output_routing import route_after_decision
from broker.workflow.policies_in_force import rules_unchanged
from broker.workflow.reviewing.output_thread import new_message

VOTE_REASONS: dict[str, str] = {
    "meets-rules": "The output meets its disclosure rules.",
    "described-and-safe": "The description is correct, and a checker can see that the output is safe.",
    "small-groups": "Groups are too small: merge categories or years.",
    "not-described": "The description does not say what the output is.",
    "out-of-purpose": "The output does not serve the approved purpose.",
    "row-level": "The output shows individual persons.",
    "ask-us": "Contact the output checkers.",
}
"""Fixed list of reasons: free text could carry figures to the researcher."""

APPROVING_REASONS = frozenset({"meets-rules", "described-and-safe"})
"""Reasons for approving. A researcher whose output does not leave gets one of the others."""


@dataclass(frozen=True, slots=True)
class Ballot:
    """A vote as entered. The hashes and `memory_version` state what the checker saw.

    `why` (all) and `whys` (each) say for staff why findings are set aside; `words` is a message for the researchers
    besides the reason.
    """

    choice: reviews.VoteChoice
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
        """All that is stored of why findings are set aside, one line each."""
        given = ((finding, self.whys.get(finding, "").strip()) for finding in self.overrides)
        lines = (f"{finding}: {why}" for finding, why in given if why)
        return "\n".join(line for line in (self.why.strip(), *lines) if line)


def memory_version(outputs: Iterable[Output]) -> str:
    """Return the version of the release history that a viewer of these outputs sees: the newest that one of them was
    compared with."""
    return str(max((int(o.memory_version or 0) for o in outputs), default=0))


def check_ballot(ports: Ports, reached: ReachedOutput, ballot: Ballot) -> None:
    output = reached.output
    if ballot.reason not in VOTE_REASONS:
        raise Invalid("reason", f"Choose one of these reasons: {', '.join(VOTE_REASONS)}.", "/reason")
    if ballot.choice is not reviews.VoteChoice.APPROVE and ballot.reason in APPROVING_REASONS:
        others = ", ".join(r for r in VOTE_REASONS if r not in APPROVING_REASONS)
        raise Invalid(
            "reason",
            f"You cannot use the reason {ballot.reason} to {ballot.choice}. Choose one of {others}.",
            "/reason",
        )
    if ballot.words:
        reviews.check_message_text(ballot.words, "/words")
    # A vote holds only for what the checker saw.
    if (ballot.staff_hash, ballot.findings_hash) != (output.staff_hash, output.findings_hash):
        raise Conflict("changed", "The output has changed since you viewed it. Review it again.")
    if not _has_seen(ballot.memory_version, output):
        raise Conflict("memory-changed", "The output was compared again since you viewed it. Review it again.")
    if ballot.choice is reviews.VoteChoice.APPROVE:
        _check_approvable(ports, reached)
        _check_overrides(ports, output, ballot)


def _has_seen(version: str, output: Output) -> bool:
    return version.isascii() and version.isdigit() and int(version) >= int(output.memory_version or 0)


def _check_approvable(ports: Ports, reached: ReachedOutput) -> None:
    if reached.output.release_hash is None:
        raise Invalid("nothing-to-release", "Nothing in this output can be released.", "/choice")
    # An approval under the earlier rules says nothing about the present ones.
    if not rules_unchanged(ports.store, reached.job, reached.policies):
        raise Conflict(
            "rules-changed",
            "The project's disclosure rules have changed since this output was assessed. Return it instead.",
        )


def findings_to_set_aside(output: Output, record: StaffRecord) -> dict[str, str]:
    """Return the findings that an approval has to set aside, with their sentences.

    For a table that the rules refuse: every refusing rule. For a script's file: every finding for which the broker
    would hide a figure of its own tables.
    """
    if record.file is not None:
        return dict(record.file.set_aside)
    if output.verdict is not Verdict.REFUSE:
        return {}
    return {f.rule: f.sentence for f in _rule_findings(record) if f.verdict is Verdict.REFUSE}


def _rule_findings(record: StaffRecord) -> tuple[Finding, ...]:
    return () if record.table is None else record.table.findings


def _check_overrides(ports: Ports, output: Output, ballot: Ballot) -> None:
    """Raises Invalid unless the ballot sets aside every finding that it has to, only findings of this output, and says
    why."""
    record = staff_record_of(ports, output)
    needed = findings_to_set_aside(output, record)
    refused = output.verdict is Verdict.REFUSE and output.kind is OutputKind.TABLE
    if not refused and not needed and not ballot.overrides:
        return
    if not set(ballot.overrides) <= {*needed, *(f.rule for f in _rule_findings(record))}:
        raise Invalid("override", "You can set aside only findings of this output.", "/overrides")
    if not ballot.overrides or not needed.keys() <= set(ballot.overrides):
        sentence = f"To approve this output, set aside each of its findings: {', '.join(needed)}."
        raise Invalid("override", sentence, "/overrides")
    if output.kind is OutputKind.FILE:
        # Findings on a script's file are independent, so each needs its own reason.
        for finding in ballot.overrides:
            _check_why(
                ballot.whys.get(finding, ""),
                f"Say why {finding} can be set aside. The broker stores this with your vote.",
            )
    else:
        _check_why(ballot.reasons, "Say why these findings can be set aside. The broker stores this with your vote.")


def _check_why(why: str, sentence: str) -> None:
    if not why.strip():
        raise Invalid("why", sentence, "/why")
    reviews.check_message_text(why, "/why")


STATE_AFTER: dict[reviews.VoteChoice, OutputState] = {
    reviews.VoteChoice.APPROVE: OutputState.APPROVED,
    reviews.VoteChoice.REJECT: OutputState.REJECTED,
    reviews.VoteChoice.RETURN: OutputState.RETURNED,
}


@dataclass(frozen=True, slots=True)
class OutputUnderReview:
    """An output as a checker sees it. `staff` is the stored form of `record`, with evidence and findings;
    `relation` is the checker's to the job.

    `votes` are hidden until the checker has voted, so that two checkers decide independently.
    """

    output: Output
    job: Job
    staff: bytes
    record: StaffRecord
    candidate: bytes | None
    votes: tuple[reviews.Vote, ...]
    needed: int
    memory_version: str
    relation: ProjectRelation


def _may_vote(ports: Ports, policies: PolicySet, person: Person, output: Output, job: Job) -> bool:
    project = project_of(ports, policies, job)
    relation = relation_of(ports, policies, person, project, job)
    return is_permitted(person, Action.VOTE_OUTPUT, relation, output.state)


def view_output(ports: Ports, person: Person, output_ident: str) -> OutputUnderReview:
    """Return evidence and candidate of an output. Each view is in the audit log."""
    reached = reach_output(ports, person, Action.VIEW_EVIDENCE, output_ident)
    output = reached.output
    votes = tuple(ports.store.votes_of(output_ident))
    own = any(v.checker == person.ident for v in votes)
    # Hidden until the checker has voted, so that two checkers decide independently.
    seen = votes if own or output.state is not OutputState.IN_REVIEW else ()
    # Recorded before the evidence is read.
    ports.store.record([AuditEvent(ports.clock.now(), person.ident, "output.viewed", output_ident)])
    staff = ports.content_store.get("staff", ports.store.evidence_digest(output_ident))
    record = staff_record_from_bytes(staff)
    aside = bool(findings_to_set_aside(output, record))
    return OutputUnderReview(
        output=output,
        job=reached.job,
        staff=staff,
        record=record,
        candidate=candidate_of(ports, output),
        votes=seen,
        needed=_needed(reached, aside or any(v.overrides for v in seen)),
        memory_version=memory_version([output]),
        relation=reached.relation,
    )


def claim(ports: Ports, person: Person, output_ident: str, take: bool) -> None:
    """Claim an output, or give up one's claim. Raises Conflict if somebody else has claimed it."""
    output = reach_output(ports, person, Action.CLAIM_OUTPUT, output_ident).output
    if output.claimed_by not in {None, person.ident}:
        raise Conflict("claimed", f"{output.claimed_by} has claimed this output.")
    action = "output.claimed" if take else "output.unclaimed"
    event = AuditEvent(ports.clock.now(), person.ident, action, output_ident)
    ports.store.claim(output_ident, person.ident if take else None, [event])


def cast_vote(ports: Ports, person: Person, output_ident: str, ballot: Ballot) -> OutputState:
    """Cast a vote, decide the output if there are enough equal votes, and return its new state."""
    return cast_votes(ports, person, {output_ident: ballot})[output_ident]


def cast_votes(ports: Ports, person: Person, ballots: Mapping[str, Ballot]) -> dict[str, OutputState]:
    """Cast votes on several outputs, on all or none, and return the new states by output."""
    reached = {ident: reach_output(ports, person, Action.VOTE_OUTPUT, ident) for ident in ballots}
    for ident, ballot in ballots.items():
        check_ballot(ports, reached[ident], ballot)
    now = ports.clock.now()
    ports.store.cast_all([_cast(ports, person, reached[ident], ballot, now) for ident, ballot in ballots.items()])
    # Only after all votes are stored, so that a job's outputs are routed together.
    for job in {r.job.ident for r in reached.values()}:
        route_after_decision(ports, job)
    return {o.ident: o.state for o in ports.store.outputs_named(frozenset(ballots))}


def _cast(ports: Ports, person: Person, reached: ReachedOutput, ballot: Ballot, now: datetime) -> VoteRecord:
    """Return the vote with its message, and a function that gives what it decides."""
    ident = reached.output.ident
    # Only an approval sets findings aside.
    overrides = ballot.overrides if ballot.choice is reviews.VoteChoice.APPROVE else ()
    vote = reviews.Vote(
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
        said, event = new_message(person, ident, ballot.words, reviews.Audience.RESEARCHERS, now)
        says.append(said)
        events.append(event)
    # Evaluated now: a voter may have joined the project or left since.
    void = _void_voters(ports, reached)
    return VoteRecord(vote, events, lambda votes: decide(reached, votes, void), says)


def _void_voters(ports: Ports, reached: ReachedOutput) -> frozenset[str]:
    """Return the checkers whose votes no longer count: they have left, or are no longer independent of the project."""
    voters = {v.checker for v in ports.store.votes_of(reached.output.ident)}
    people = (ports.store.person(ident) for ident in voters)
    return frozenset(p.ident for p in people if not _may_vote(ports, reached.policies, p, reached.output, reached.job))


def decide(
    reached: ReachedOutput, votes: tuple[reviews.Vote, ...], void: frozenset[str] = frozenset()
) -> reviews.OutputDecision | None:
    """Return what the votes on an output decide, or None. Votes of `void` checkers do not count."""
    votes = tuple(v for v in votes if v.checker not in void)
    choice = reviews.agreed_choice(votes, _needed(reached, any(v.overrides for v in votes)))
    if choice is None:
        return None
    last, after = votes[-1], STATE_AFTER[choice]
    # Researchers read one reason: the first of the deciding votes.
    reason = next(v.reason for v in votes if v.choice is choice)
    event = AuditEvent(last.cast, last.checker, f"output.{after.value}", reached.output.ident, (("reason", reason),))
    return after, reason, [event]


def _needed(reached: ReachedOutput, overriding: bool) -> int:
    refused = reached.output.verdict is Verdict.REFUSE
    return reviews.votes_needed(reached.project.votes, overriding or refused)

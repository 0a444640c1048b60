"""A checker's word as it arrives, the closed list of reasons, and whether it may be cast. Casts nothing."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from broker.domain.errors import Conflict, Invalid
from broker.domain.findings import Verdict
from broker.domain.messages import check_words
from broker.domain.outputs import Output, OutputKind
from broker.domain.ports import Ports
from broker.domain.reviews import Choice
from broker.workflow.policies import rules_stand
from broker.workflow.relations import ReachedOutput

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


@dataclass(frozen=True, slots=True)
class Ballot:
    """Hashes say what the checker saw. `why` findings are set aside is for staff, and `whys` of each by itself; `words`
    are for the researchers, beside the reason."""

    choice: Choice
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
    if ballot.reason not in REASONS:
        raise Invalid("reason", f"The reason must be one of {', '.join(REASONS)}.", "/reason")
    if ballot.choice is not Choice.APPROVE and ballot.reason in APPROVING:
        others = ", ".join(r for r in REASONS if r not in APPROVING)
        raise Invalid("reason", f"{ballot.reason} is no reason to {ballot.choice}: take one of {others}.", "/reason")
    if ballot.words:
        check_words(ballot.words, "/words")
    if (ballot.staff_hash, ballot.findings_hash) != (output.staff_hash, output.findings_hash):
        raise Conflict("changed", "The output is not what you looked at; look at it again.")
    if not _saw(ballot.memory_version, output):
        raise Conflict("memory-changed", "The output was compared anew since you looked; look at it again.")
    if ballot.choice is Choice.APPROVE:
        _check_approvable(ports, reached)
        _check_overrides(ports, output, ballot)


def _saw(version: str, output: Output) -> bool:
    return version.isascii() and version.isdigit() and int(version) >= int(output.memory_version or 0)


def _check_approvable(ports: Ports, reached: ReachedOutput) -> None:
    if reached.output.release_hash is None:
        raise Invalid("nothing-to-release", "Nothing of this output can leave.", "/choice")
    if not rules_stand(ports.store, reached.job, reached.policies):
        raise Conflict("rules-changed", "The project's rules have changed since this was judged: return it instead.")


def to_set_aside(output: Output, staff: Mapping[str, Any]) -> dict[str, str]:
    """Findings that an approval has to set aside, each with its sentence: of a table that the rules refuse every rule
    that does, of a script's file every finding for which a table of the broker's would hide a figure."""
    if output.kind is OutputKind.FILE:
        return {f["finding"]: f["sentence"] for f in staff.get("set_aside", ())}
    if output.verdict is not Verdict.REFUSE:
        return {}
    return {f["rule"]: f["sentence"] for f in staff.get("findings", ()) if f["verdict"] == Verdict.REFUSE.value}


def _check_overrides(ports: Ports, output: Output, ballot: Ballot) -> None:
    """What is set aside are findings of this output, and every one that has to be; with why."""
    staff = json.loads(ports.shelf.get("staff", ports.store.evidence_digest(output.ident)))
    needed = to_set_aside(output, staff)
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
    check_words(why, "/why")

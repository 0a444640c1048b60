"""Messages on an output: between checkers, and with its researchers once it is decided.

Checkers' messages reach researchers only with the decision: until then nobody outside may learn that somebody reviews
the output (invariant 9). A message with a digit waits for a second checker. While checkers vote, each reads only their
own messages.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from broker.domain.errors import Invalid, Unknown
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import DISCLOSED_STATES, Action, Person
from broker.domain.jobs.job import Job, Output, OutputState
from broker.domain.jobs.reviews import Audience, Message, check_message_text, has_figure
from broker.domain.ports import Ports
from broker.workflow.access import reach_job, reach_output
from broker.workflow.timing_channel import minute_of

LEFT_STATES = frozenset({OutputState.RELEASED, OutputState.RECALLED})


@dataclass(frozen=True, slots=True)
class ResearcherMessage:
    """A message as researchers read it. `about` is an output; not set for a script's output that did not leave. `by` is
    a person of the project; not set for a checker: checkers are not named."""

    about: str | None
    by: str | None
    at: datetime
    text: str


def new_message(
    person: Person, output: str, text: str, audience: Audience, now: datetime, *, by_researcher: bool = False
) -> tuple[Message, AuditEvent]:
    """Return a message and its audit event. Raises Invalid if the text is empty or not allowed."""
    words = check_message_text(text, "/text")
    # A checker could disclose a hidden figure to researchers, so a second one reads it first.
    held = audience is Audience.RESEARCHERS and not by_researcher and has_figure(words)
    codes = (("to", audience.value), ("held", "yes" if held else "no"))
    event = AuditEvent(now, person.ident, "message.said", output, codes)
    return Message(output, person.ident, now, audience, words, held), event


def write_message(ports: Ports, person: Person, output_ident: str, text: str, audience: Audience) -> None:
    """Write in an output's thread. A message from a researcher is always for everybody in the thread; Invalid
    otherwise."""
    reached = reach_output(ports, person, Action.DISCUSS_OUTPUT, output_ident)
    member = person.ident in reached.project.researchers
    if member and audience is Audience.STAFF:
        raise Invalid("audience", "Checkers and your project can read your message.", "/audience")
    said, event = new_message(person, output_ident, text, audience, ports.clock.now(), by_researcher=member)
    ports.store.say(said, [event])


def confirm_message(ports: Ports, person: Person, output_ident: str, number: int) -> None:
    """Confirm, as a second checker, that researchers may read a message with a figure."""
    output = reach_output(ports, person, Action.VIEW_EVIDENCE, output_ident).output
    if not any(m.number == number for m in messages_for_checker(ports, person, output)):
        raise Unknown("message", f"{output_ident}/{number}")
    event = AuditEvent(ports.clock.now(), person.ident, "message.confirmed", output_ident)
    ports.store.confirm(output_ident, number, person.ident, [event])


def view_thread(ports: Ports, person: Person, output_ident: str) -> tuple[Message, ...]:
    """Return an output's thread, for people who may view its evidence."""
    return messages_for_checker(ports, person, reach_output(ports, person, Action.VIEW_EVIDENCE, output_ident).output)


def messages_for_checker(ports: Ports, person: Person, output: Output) -> tuple[Message, ...]:
    """Return the messages that this checker may read now."""
    found = ports.store.messages_on(frozenset({output.ident}))
    voted = bool(ports.store.voted_by(person.ident, frozenset({output.ident})))
    return tuple(readable_messages(found, person, output, voted))


def readable_messages(found: Sequence[Message], person: Person, output: Output, voted: bool) -> list[Message]:
    """Return the messages that a checker may read. While an output is in review, a checker who has not voted reads
    only their own."""
    # So that checkers vote independently.
    alone = output.state is OutputState.IN_REVIEW and not voted
    return [m for m in found if not alone or m.author == person.ident]


def messages_for_researchers(ports: Ports, person: Person, job_ident: str) -> list[ResearcherMessage]:
    """Return the messages between checkers and researchers about decided outputs of a job, oldest first, in whole
    minutes."""
    reached = reach_job(ports, person, Action.VIEW_JOB, job_ident)
    members = reached.project.researchers
    if person.ident not in members:
        raise Unknown("job", job_ident)
    decided = {o.ident: o for o in ports.store.outputs_of(job_ident) if o.state in DISCLOSED_STATES}
    lines: dict[ResearcherMessage, None] = {}
    for m in ports.store.messages_on(frozenset(decided)):
        if m.audience is Audience.RESEARCHERS and not m.waits:
            at = minute_of(m.at)
            about = _about(decided[m.output], reached.job)
            # Equal lines are shown once: their number would reveal how many nameless outputs there are.
            lines.setdefault(ResearcherMessage(about, m.author if m.author in members else None, at, m.text))
    return list(lines)


def _about(output: Output, job: Job) -> str | None:
    """Return the output's name if researchers may read it. Names that a script chose are outputs themselves until they
    have left."""
    named = job.names_its_outputs or output.state in LEFT_STATES
    return output.name if named else None


def answer_checkers(ports: Ports, person: Person, job_ident: str, output_ident: str, text: str) -> None:
    """Write a researcher's message on a decided output of the job."""
    outputs = ports.store.outputs_of(job_ident)
    if output_ident not in {o.ident for o in outputs}:
        raise Unknown("output", output_ident)
    write_message(ports, person, output_ident, text, Audience.RESEARCHERS)

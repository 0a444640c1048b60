"""Commands for administrators: policy plan and apply, audit verify, and the first people and tokens of a broker."""

from typing import Annotated

import typer

from broker.cli.command_options import POLICIES, AsJson, PoliciesFolder
from broker.cli.commands.job_commands import broker_client
from broker.cli.local_broker import local_ports, read_policy_folder
from broker.cli.output.console import print_answer
from broker.domain.errors import Invalid
from broker.policy.policy_changes import policy_changes

policy = typer.Typer(help="Policies: plan a change, and apply it with two administrators.", no_args_is_help=True)
audit = typer.Typer(help="The audit log.", no_args_is_help=True)


@policy.command()
def plan(policies: PoliciesFolder = POLICIES, as_json: AsJson = False) -> int:
    """Show what the files would change in the policy in force. Nothing is changed."""
    from broker.policy.stored_policies import policies_from_json

    wanted = read_policy_folder(policies)
    current = policies_from_json(broker_client().policy_in_force())
    changes = policy_changes(current, wanted)
    document = {"fingerprint": wanted.fingerprint, "in_force": current.fingerprint, "changes": changes}
    lines = [*changes, f"{len(changes)} changes; fingerprint {wanted.fingerprint}"]
    return print_answer(document, as_json, "\n".join(lines))


@policy.command()
def apply(policies: PoliciesFolder = POLICIES, as_json: AsJson = False) -> int:
    """Propose the files' policy set, or put it in force if another administrator has proposed it."""
    wanted = read_policy_folder(policies)
    state = broker_client().apply_policy(wanted.fingerprint, wanted.text)
    sentence = f"in force: {wanted.fingerprint}"
    if state == "proposed":
        sentence = f"proposed {wanted.fingerprint}: a second administrator applies it with the same command"
    return print_answer({"fingerprint": wanted.fingerprint, "state": state}, as_json, sentence)


@audit.command()
def verify(as_json: AsJson = False) -> int:
    """Verify the audit log's hash chain from its first line to its head."""
    found = local_ports().store.verify_audit()
    document = {"lines": found.lines, "head": found.hash, "broken_at": found.broken}
    sentence = f"{found.lines} lines hold" if found.broken is None else f"broken at line {found.broken}"
    print_answer(document, as_json, f"audit log: {sentence}; head {found.hash}")
    return 0 if found.broken is None else 1


def init(
    administrators: Annotated[list[str], typer.Argument(help="Two or more administrators, each as id=Name.")],
    as_json: AsJson = False,
) -> int:
    """Create the first administrators of an empty broker and print their API tokens, once."""
    from broker.domain.identity.people import Person, Role
    from broker.settings import read_settings
    from broker.wiring.broker_ports import build_ports
    from broker.workflow.administration.user_accounts import initialise_broker, make_token

    ports = build_ports(read_settings())
    people = [Person(*_read_administrator(text), frozenset({Role.ADMINISTRATOR})) for text in administrators]
    initialise_broker(ports, [(person, None) for person in people])
    tokens = {person.ident: make_token(ports, person, person.ident) for person in people}
    return print_answer(tokens, as_json, "\n".join(f"{ident} {token}" for ident, token in tokens.items()))


def token(
    person: Annotated[str, typer.Argument(help="The id of a person with an account.")], as_json: AsJson = False
) -> int:
    """Create an API token for a person and print it, once. Put it into BROKER_TOKEN.

    Run it on the server, with the server's BROKER_DATA. The audit log records that the token was made there."""
    from broker.domain.identity.audit import AuditEvent
    from broker.domain.identity.people import SYSTEM
    from broker.workflow.administration.user_accounts import make_token

    ports = local_ports()
    holder = ports.store.person(person)
    ports.store.record([AuditEvent(ports.clock.now(), SYSTEM.ident, "token.asked-on-server", holder.ident)])
    made = make_token(ports, holder, holder.ident)
    return print_answer({"person": holder.ident, "token": made}, as_json, made)


def _read_administrator(text: str) -> tuple[str, str]:
    ident, sign, name = text.partition("=")
    if not sign or not ident.strip() or not name.strip():
        raise Invalid("administrator", f"Write an administrator as id=Name, not {text!r}.")
    return ident.strip(), name.strip()

"""`broker found` and `broker token`: first people and tokens, by whoever has the server's shell, on the store."""

from typing import Annotated

import typer

from broker.cli.here import ports_here
from broker.cli.show import out, print_json
from broker.domain.errors import Invalid

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def register(app: typer.Typer) -> None:
    app.command()(found)
    app.command()(token)


def found(
    administrators: Annotated[list[str], typer.Argument(help="Two or more administrators, each as id=Name.")],
    as_json: AsJson = False,
) -> int:
    """Make the first administrators of an empty broker and print their API tokens, once."""
    from broker.domain.people import Person, Role
    from broker.settings import read_settings
    from broker.wiring.ports import build_ports
    from broker.workflow.administer import found_broker, make_token

    ports = build_ports(read_settings())
    people = [Person(*_named(text), frozenset({Role.ADMINISTRATOR})) for text in administrators]
    found_broker(ports, [(person, None) for person in people])
    tokens = {person.ident: make_token(ports, person, person.ident) for person in people}
    if as_json:
        print_json(tokens)
    else:
        for ident, token in tokens.items():
            out.print(f"{ident} {token}", markup=False)
    return 0


def token(
    person: Annotated[str, typer.Argument(help="The id of a person with an account.")], as_json: AsJson = False
) -> int:
    """Make an API token for a person and print it, once: it is what BROKER_TOKEN takes.

    Run on the server, with BROKER_DATA as the server has it. The audit log says that it was made there."""
    from broker.domain.audit import AuditEvent
    from broker.domain.people import SYSTEM
    from broker.workflow.administer import make_token

    ports = ports_here()
    holder = ports.store.person(person)
    ports.store.record([AuditEvent(ports.clock.now(), SYSTEM.ident, "token.asked-on-server", holder.ident)])
    made = make_token(ports, holder, holder.ident)
    if as_json:
        print_json({"person": holder.ident, "token": made})
    else:
        out.print(made, markup=False)
    return 0


def _named(text: str) -> tuple[str, str]:
    ident, sign, name = text.partition("=")
    if not sign or not ident.strip() or not name.strip():
        raise Invalid("administrator", f"An administrator is written id=Name, not {text!r}.")
    return ident.strip(), name.strip()

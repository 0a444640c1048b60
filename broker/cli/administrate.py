"""Commands for administrators: policy plan and apply, audit verify. They speak to a server with their token,
but for `audit verify`, which reads the store itself: it must not trust a server."""

from pathlib import Path
from typing import Annotated

import typer

from broker.cli.here import policies_of, ports_here
from broker.cli.show import out, print_json
from broker.policy.changes import differences

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
PoliciesFolder = Annotated[Path, typer.Option("--policies", envvar="BROKER_POLICIES", help="Folder of policy files.")]

policy = typer.Typer(help="Policies: plan a change, apply it with two administrators.", no_args_is_help=True)
audit = typer.Typer(help="The audit log.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(policy, name="policy")
    app.add_typer(audit, name="audit")


@policy.command()
def plan(policies: PoliciesFolder = Path("policies"), as_json: AsJson = False) -> int:
    """Show what the files would change in the policy in force. Changes nothing."""
    from broker.cli.remote import client
    from broker.policy.stored import policies_from_json

    wanted = policies_of(policies)
    current = policies_from_json(client().policy_in_force())
    changes = differences(current, wanted)
    if as_json:
        print_json({"fingerprint": wanted.fingerprint, "in_force": current.fingerprint, "changes": changes})
    else:
        for change in changes:
            out.print(change, markup=False)
        out.print(f"{len(changes)} changes; fingerprint {wanted.fingerprint}", markup=False)
    return 0


@policy.command()
def apply(policies: PoliciesFolder = Path("policies"), as_json: AsJson = False) -> int:
    """Propose the files' policy set, or put it in force if another administrator has proposed it."""
    from broker.cli.remote import client
    from broker.policy.stored import policies_to_json

    wanted = policies_of(policies)
    state = client().apply_policy(wanted.fingerprint, policies_to_json(wanted))
    if as_json:
        print_json({"fingerprint": wanted.fingerprint, "state": state})
    elif state == "proposed":
        out.print(
            f"proposed {wanted.fingerprint}: a second administrator applies it with the same command", markup=False
        )
    else:
        out.print(f"in force: {wanted.fingerprint}", markup=False)
    return 0


@audit.command()
def verify(as_json: AsJson = False) -> int:
    """Verify the audit log's hash chain from its first line to its head."""
    found = ports_here().store.verify_audit()
    document = {"lines": found.lines, "head": found.hash, "broken_at": found.broken}
    if as_json:
        print_json(document)
    else:
        sentence = f"{found.lines} lines hold" if found.broken is None else f"broken at line {found.broken}"
        out.print(f"audit log: {sentence}; head {found.hash}", markup=False)
    return 0 if found.broken is None else 1

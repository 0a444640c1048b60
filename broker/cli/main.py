"""The `broker` command: assembles the sub-commands, and turns every error into an exit code and one sentence.

Exit 0: done or accepted. 2: refused. 1: any error, including wrong usage.
"""

from collections.abc import Callable, Iterable
from importlib import import_module

import typer
from typer.exceptions import TyperException

from broker.cli.output.console import print_problem
from broker.domain.errors import BrokerError, Refused

COMMANDS = {
    "offline_commands": ("check", "assess", "attack", "synth"),
    "rehearse_command": ("rehearse",),
    "catalogue_command": ("catalogue",),
    "job_commands": ("submit", "status", "outputs", "withdraw", "release", "register"),
    "saved_commands": ("saved", "drop", "lookup"),
    "review_commands": ("review", "recall", "read"),
    "budget_commands": ("budget",),
    "history_commands": ("history",),
    "administration_commands": ("policy", "audit", "init", "token"),
    "server_commands": ("ingest", "images"),
}
"""By module, the names of its commands and groups of commands. Only the module of the command that runs is imported, so
that a check starts at once."""
RENAMED = {"found": "init", "memory": "history", "reenter": "restore", "vouch": "attest"}
"""Earlier names of commands, with their present ones."""

Doors = Iterable[Callable[..., int | None]]
"""Commands that start the other doors, passed in, because no door imports another."""


def _is_group() -> None:
    """Does nothing. Without a callback, typer would take the name of an only command for its first argument."""


def make_app(doors: Doors, first: str = "") -> typer.Typer:
    """Return the whole command line, or only the part that the command `first` needs."""
    app = typer.Typer(
        name="broker",
        help="The NPD job broker: your code runs where the data are, and only checked results are released.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        callback=_is_group,
    )
    for module in [m for m, commands in COMMANDS.items() if first in commands] or COMMANDS:
        for name in COMMANDS[module]:
            command = getattr(import_module(f"broker.cli.commands.{module}"), name)
            if isinstance(command, typer.Typer):
                app.add_typer(command, name=name)
            else:
                app.command(name)(command)
    for door in doors:
        app.command()(door)
    return app


def run(arguments: list[str], doors: Doors) -> int:
    """Run one command and return its exit code. Every error becomes one sentence on standard error."""
    as_json = "--json" in arguments
    try:
        # Not standalone: typer would print errors itself and end the process.
        code = make_app(doors, arguments[0] if arguments else "")(
            args=arguments, prog_name="broker", standalone_mode=False
        )
        return int(code or 0)
    except TyperException as error:
        return _usage(error.format_message().strip(), as_json)
    except Refused as refused:
        message = "\n".join(f"{r.code}: {r.message} {r.advice}".rstrip() for r in refused.refusals)
        print_problem("refused", message, "", as_json)
        return 2
    except BrokerError as error:
        code_name = getattr(error, "code", type(error).__name__.lower())
        return print_problem(str(code_name), str(error), str(getattr(error, "pointer", "")), as_json)
    # Files that cannot be read or written.
    except (OSError, UnicodeError) as error:
        return print_problem("input", str(error), "", as_json)
    except (KeyboardInterrupt, typer.Abort):
        return print_problem("stopped", "Stopped.", "", as_json)


def _usage(message: str, as_json: bool) -> int:
    """Print a usage error. A command without its sub-command has already printed its help, and has no sentence."""
    if not message and not as_json:
        return 1
    advice = ""
    if message.startswith("No such command"):
        old = message.split("'")[1]
        if old in RENAMED:
            message = f"The command `{old}` is now called `{RENAMED[old]}`."
        else:
            advice = "See `broker --help`."
    return print_problem("usage", f"{message or 'A command is missing.'} {advice}".strip(), "", as_json)

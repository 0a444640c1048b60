"""The command line against a door in this process: the real API, store and policies, and no socket."""

from collections.abc import Callable

import pytest

from broker.cli.commands import (
    administration_commands,
    budget_commands,
    history_commands,
    job_commands,
    log_commands,
    review_commands,
    saved_commands,
)
from broker.cli.main import run
from tests.integration.web.conftest import Site, founded, policies, site

__all__ = ["founded", "policies", "site"]

ROOMS = (
    administration_commands, budget_commands, history_commands, job_commands, log_commands, review_commands,
    saved_commands,
)  # fmt: skip
"""Modules with commands that call a broker."""

Ended = tuple[int, str, str]
"""Exit code, standard output, standard error."""


@pytest.fixture
def at(site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """`at(person, "status", job)`: the command as that person, run to its end."""

    def command(person: str, *arguments: str) -> Ended:
        for room in ROOMS:
            monkeypatch.setattr(room, "broker_client", lambda: site.client(person))
        code = run(list(arguments), ())
        return code, *capsys.readouterr()

    return command

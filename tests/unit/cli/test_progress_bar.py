"""The progress bar shows at a terminal only: not to a program, and not in a file."""

import io
import time
from contextlib import nullcontext
from decimal import Decimal
from pathlib import Path

import pytest
from rich.console import Console

from broker.cli.commands import rehearse_command
from broker.cli.output import progress_bar
from broker.policy.files import load_policies
from broker.python_jobs.private_directive import BlockEstimator, ScriptDirective

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(("quiet", "terminal"), [(False, True), (True, True), (False, False)])
def test_a_bar_is_drawn_at_a_terminal_only(quiet, terminal, monkeypatch):
    seen = io.StringIO()
    monkeypatch.setattr(progress_bar, "err", Console(file=seen, force_terminal=terminal, width=80))
    with progress_bar.progress_bar("an audit", quiet) as tell:
        tell("cell 3", 3, 10)
    if terminal and not quiet:
        assert "an audit" in seen.getvalue()
        assert "cell 3" in seen.getvalue()
    else:
        assert seen.getvalue() == ""


def test_what_is_said_is_said_anew_while_a_part_lasts(monkeypatch):
    seen, said = io.StringIO(), iter(range(100))

    class Said:
        def __str__(self):
            return f"look {next(said)}"

    monkeypatch.setattr(progress_bar, "err", Console(file=seen, force_terminal=True, width=80))
    with progress_bar.progress_bar("a rehearsal", texts={"run": Said()}) as tell:
        tell("run", 0, 1)
        while "look 2" not in seen.getvalue():
            time.sleep(0.05)


def test_a_part_that_has_ended_is_followed_by_the_next_one(monkeypatch):
    shown, laps = [], []
    monkeypatch.setattr(progress_bar, "progress_bar", lambda *given: nullcontext(lambda *what: shown.append(what)))
    parts = {"data": "the vault", "run": "the query runs"}
    with progress_bar.parts_bar("a rehearsal", False, parts, laps.append) as on:
        assert shown == [("data", 0, 2)]
        on("run", 1, 2)
        on("attack", 3, 10)
        assert laps == ["data"], "steps within a part are shown, and end no part"
    assert shown == [("data", 0, 2), ("run", 1, 2), ("attack", 3, 10)]
    assert laps == ["data", "run"]


@pytest.mark.parametrize(("passed", "slot"), [(0, 1), (1.19, 1), (1.21, 2), (1000, 5)])
def test_blocks_are_shown_by_their_schedule_and_nothing_else(passed, slot, monkeypatch):
    """Nine blocks of a second with a rest of 200 ms, two at a time: five slots, whatever blocks do."""
    asks = ScriptDirective("epsilon", Decimal("0.5"), 9, (), BlockEstimator.MEAN, Decimal(1))
    service = load_policies(ROOT / "policies").service
    assert (service.threads, service.block_rest_milliseconds) == (2, 200)
    clock = iter([100.0, 100.0, 100.0 + passed])
    monkeypatch.setattr(rehearse_command.time, "monotonic", lambda: next(clock))
    slots = rehearse_command.private_script_parts(asks, service)["run"]
    assert str(slots) == "slot 1 of 5 is running by the schedule"
    assert str(slots) == f"slot {slot} of 5 is running by the schedule"

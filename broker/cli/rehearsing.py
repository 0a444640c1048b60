"""`broker rehearse`: a submission on the synthetic NPD, from check to the table as it would be released. No server."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from broker.cli.check_document import check_document
from broker.cli.here import policies_of, project_of
from broker.cli.offline import POLICIES, AsJson, PoliciesFolder, dialect_of
from broker.cli.private import offline_forecast
from broker.cli.rehearsal_stage import stage_of
from broker.cli.show import print_json, read_text
from broker.cli.show_check import print_check
from broker.cli.show_rehearsal import print_rehearsal, rehearsal_document
from broker.domain.errors import Invalid
from broker.domain.jobs import Kind
from broker.domain.ports import SandboxEnd
from broker.domain.projects import Project
from broker.domain.saved import NOTHING
from broker.policy.models import Policies

if TYPE_CHECKING:
    from broker.workflow.check import Checked
    from broker.workflow.rehearsal_data import Wanted
    from broker.workflow.rehearse import Rehearsed, Stage
    from broker.workflow.rehearse_script import ScriptStage

SEED = 1
DATA = Path("data/rehearsal")


class Stopwatch:
    """Seconds of each part, told when it ends."""

    def __init__(self) -> None:
        self._began = self._last = time.monotonic()
        self._parts: dict[str, float] = {}

    def lap(self, part: str) -> None:
        now = time.monotonic()
        self._parts[part] = now - self._last
        self._last = now

    def seconds(self) -> dict[str, float]:
        return {k: round(v, 3) for k, v in (self._parts | {"total": time.monotonic() - self._began}).items()}


def register(app: typer.Typer) -> None:
    app.command()(rehearse)


def rehearse(
    file: Annotated[str, typer.Argument(help="A .sql or .py file; - reads SQL from standard input.")],
    project: Annotated[str, typer.Option(help="The project to rehearse for.")] = "P0421",
    dialect: Annotated[str | None, typer.Option(help="tsql or duckdb.")] = None,
    saved: Annotated[
        Path | None, typer.Option(help="A YAML or JSON file of what the project keeps: cohorts and lookups.")
    ] = None,
    pupils: Annotated[int, typer.Option(min=500, help="Pupils in the synthetic NPD.")] = 100_000,
    data: Annotated[
        Path, typer.Option("--data", help="Folder that keeps the synthetic data between rehearsals.")
    ] = DATA,
    python: Annotated[
        Path | None,
        typer.Option(help="Of a script: a Python that has the library npd, in place of the sandbox. No isolation."),
    ] = None,
    policies: PoliciesFolder = POLICIES,
    as_json: AsJson = False,
) -> int:
    """Check, plan, run and assess a submission on the synthetic NPD, and show what would be released, or of a script
    what it printed and would hand over. Nothing is sent, and no real data are read."""
    from broker.cli.progress import bar, by_parts
    from broker.cli.rehearsal_parts import PRIVATE, SQL
    from broker.cli.saved_file import saved_of
    from broker.workflow.check import check_submission
    from broker.workflow.rehearsal_data import wanted

    watch = Stopwatch()
    text, loaded = read_text(file), policies_of(policies)
    asker = project_of(loaded, project)
    if file.endswith(".py"):
        return _script(text, asker, loaded, (pupils, data, python), watch, as_json)
    kept = saved_of(saved, loaded.service) if saved is not None else NOTHING
    spoken, today = dialect_of(text, dialect, asker.dialect), datetime.now(UTC).date()
    checked = check_submission(text, Kind.SQL, spoken, asker, loaded, today, kept)
    watch.lap("check")
    if not checked.accepted or checked.plan is None:
        return _refused(checked, text, watch, as_json)
    from broker.wiring.data import synthetic_years
    from broker.workflow.private.asking import PrivateJob
    from broker.workflow.rehearse import rehearse as run

    asked = wanted(asker, loaded.catalogue, synthetic_years(), pupils, SEED)
    outputs: tuple[Rehearsed, ...] = ()
    if checked.plan.outputs:
        stage = stage_of(loaded, asker, asked, data, as_json)
        with bar("rehearsal", as_json) as tell:
            if isinstance(checked.private, PrivateJob):
                from broker.workflow.private.rehearsing import rehearse_private

                lap = by_parts(tell, PRIVATE, watch.lap)
                outputs = rehearse_private(checked.private, asker, loaded, stage, lap)
            else:
                outputs = run(checked.plan, asker, loaded, stage, by_parts(tell, SQL, watch.lap), tell)
    _print(
        rehearsal_document(checked, outputs, asked, watch.seconds(), offline_forecast(checked, asker, loaded)),
        as_json,
        print_rehearsal,
    )
    return 0


def _script(
    text: str,
    asker: Project,
    policies: Policies,
    where: tuple[int, Path, Path | None],
    watch: Stopwatch,
    as_json: bool,
) -> int:
    """0 where it ran to its end, 2 where the check refuses it, 1 where it failed: a job would fail in the same way."""
    from broker.cli.progress import bar, by_parts
    from broker.cli.rehearsal_parts import SCRIPT
    from broker.cli.show_script import print_script, script_document
    from broker.wiring.data import synthetic_years
    from broker.wiring.rehearsing import build_script_stage
    from broker.workflow.check import check_submission
    from broker.workflow.rehearsal_data import wanted
    from broker.workflow.rehearse_script import rehearse_script

    pupils, data, python = where
    checked = check_submission(text, Kind.PYTHON, asker.dialect, asker, policies, datetime.now(UTC).date())
    watch.lap("check")
    if not checked.accepted:
        return _refused(checked, text, watch, as_json)
    asked = wanted(asker, policies.catalogue, synthetic_years(), pupils, SEED)
    stage = stage_of(policies, asker, asked, data, as_json)
    if checked.private is not None:
        if python is not None:
            sentence = "Blocks are put apart by the sandbox alone: leave --python out, or run `python -m npd` at home."
            raise Invalid("rehearse-python", sentence, "--python")
        return _blocks(
            checked, asker, policies, (asked, stage, build_script_stage(stage, data, python)), watch, as_json
        )
    script_stage = build_script_stage(stage, data, python)
    with bar("rehearsal", as_json) as tell:
        ran = rehearse_script(checked, asker, policies, script_stage, by_parts(tell, SCRIPT, watch.lap))
    _print(script_document(checked, ran, asked, watch.seconds()), as_json, print_script)
    return 0 if ran.end is SandboxEnd.ENDED else 1


def _blocks(
    checked: "Checked",
    asker: Project,
    policies: Policies,
    where: "tuple[Wanted, Stage, ScriptStage]",
    watch: Stopwatch,
    as_json: bool,
) -> int:
    """A private script: 1 where no block had an answer."""
    from broker.cli.progress import bar, by_parts
    from broker.cli.rehearsal_parts import of_blocks
    from broker.cli.show_blocks import blocks_document, print_blocks
    from broker.workflow.private.by_blocks.asking import PrivateScript
    from broker.workflow.private.by_blocks.rehearsing import BlockStage, rehearse_blocks

    asked, stage, script_stage = where
    script = checked.private
    assert isinstance(script, PrivateScript)
    assert stage.private is not None
    on = BlockStage(stage.vaults, stage.snapshot, script_stage.sandbox, stage.private)
    with bar("rehearsal", as_json) as tell:
        lap = by_parts(tell, of_blocks(script.asks, policies.service), watch.lap)
        found = rehearse_blocks(script, asker, policies, on, lap)
    worth = offline_forecast(checked, asker, policies)
    _print(blocks_document(checked, script, found, asked, worth, watch.seconds()), as_json, print_blocks)
    return 1 if found.failed == script.asks.blocks else 0


def _refused(checked: "Checked", text: str, watch: Stopwatch, as_json: bool) -> int:
    document = check_document(checked) | {"data": None, "seconds": watch.seconds()}
    _print(document, as_json, lambda found: print_check(found, text))
    return 2


def _print(document: dict[str, Any], as_json: bool, as_text: Callable[[dict[str, Any]], None]) -> None:
    if as_json:
        print_json(document)
    else:
        as_text(document)

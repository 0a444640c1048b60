"""`broker rehearse`: takes a submission on the synthetic NPD from check to the releasable table. No server."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from broker.cli.command_options import POLICIES, AsJson, PoliciesFolder
from broker.cli.commands.offline_commands import read_saved_file, submission_dialect
from broker.cli.local_broker import find_project, read_policy_folder
from broker.cli.output.check_document import check_document
from broker.cli.output.check_output import print_check
from broker.cli.output.console import err, print_answer, read_input
from broker.cli.output.forecast_output import offline_forecast
from broker.cli.output.progress_bar import StepTexts, parts_bar, progress_bar
from broker.cli.output.rehearsal_output import (
    blocks_document,
    print_blocks,
    print_rehearsal,
    print_script,
    rehearsal_document,
    script_document,
)
from broker.domain.errors import Invalid
from broker.domain.jobs.job import JobKind
from broker.domain.ports import SandboxEnd
from broker.domain.progress import Progress, no_progress
from broker.domain.projects.project import ResearchProject
from broker.domain.projects.saved_definitions import NO_READABLE_DEFINITIONS
from broker.domain.sql_dialects import SQL_DIALECTS
from broker.policy.policy_set import PolicySet
from broker.policy.service_limits import ServiceLimits
from broker.python_jobs.private_directive import ScriptDirective, slot_by_schedule, slot_count
from broker.wiring.data_intake import synthetic_years
from broker.workflow.checking.submission_check import CheckedSubmission, check_submission
from broker.workflow.rehearsal.query_rehearsal import RehearsedOutput, rehearse_query
from broker.workflow.rehearsal.rehearsal_data import RehearsalData
from broker.workflow.rehearsal.script_rehearsal import rehearse_script
from broker.workflow.rehearsal.synthetic_data import BEGINNING, WAITING, SyntheticDataSpec, synthetic_data_spec
from broker.workflow.run_context import RunContext

VAULT_PART = "the project's vault"

SQL_PARTS: StepTexts = {"data": VAULT_PART, "run": "the query runs", "assess": "rules and audit"}
PRIVATE_SQL_PARTS: StepTexts = {
    "data": VAULT_PART,
    "run": "the query runs",
    "noise": "noise is drawn",
    "assess": "the figures without noise",
}
SCRIPT_PARTS: StepTexts = {"data": VAULT_PART, "run": "the script runs", "assess": "outputs of the script"}


def private_script_parts(requests: ScriptDirective, service: ServiceLimits) -> StepTexts:
    slots = ScheduledSlot(requests, service)
    return {"data": VAULT_PART, "cut": "rows are cut into blocks", "run": slots, "noise": "noise is drawn"}


class ScheduledSlot:
    """Text with the slot that runs by the schedule, counted from the first call. All slots have the same length,
    whatever their blocks do."""

    def __init__(self, requests: ScriptDirective, service: ServiceLimits) -> None:
        self._requests, self._service, self._began = requests, service, 0.0

    def __call__(self) -> str:
        # From the first display, because that is when the blocks start.
        self._began = self._began or time.monotonic()
        slot = slot_by_schedule(self._requests, self._service, time.monotonic() - self._began)
        return f"slot {slot} of {slot_count(self._requests, self._service)} is running by the schedule"


SEED = 1
DATA = Path("data/rehearsal")


class Stopwatch:
    """Seconds that each part took, recorded when it ends."""

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
    dialect: Annotated[str | None, typer.Option(help=f"{' or '.join(SQL_DIALECTS)}.")] = None,
    saved: Annotated[
        Path | None, typer.Option(help="A YAML or JSON file with the saved cohorts and lookups of the project.")
    ] = None,
    pupils: Annotated[int, typer.Option(min=500, help="Pupils in the synthetic NPD.")] = 100_000,
    data: Annotated[
        Path, typer.Option("--data", help="Folder that stores the synthetic data between rehearsals.")
    ] = DATA,
    python: Annotated[
        Path | None,
        typer.Option(
            help="For a script: a Python with the library npd, used instead of the sandbox. The script is not isolated."
        ),
    ] = None,
    policies: PoliciesFolder = POLICIES,
    as_json: AsJson = False,
) -> int:
    """Check, plan, run and assess a submission on the synthetic NPD, and show what would be released. For a script,
    also show what it printed and would submit. Nothing is sent, and no real data are read."""
    watch = Stopwatch()
    text, loaded = read_input(file), read_policy_folder(policies)
    chosen_project = find_project(loaded, project)
    kind, chosen_dialect, definitions = JobKind.PYTHON, chosen_project.dialect, NO_READABLE_DEFINITIONS
    if not file.endswith(".py"):
        definitions = read_saved_file(saved, loaded.service) if saved is not None else definitions
        kind, chosen_dialect = JobKind.SQL, submission_dialect(text, dialect, chosen_dialect)
    today = datetime.now(UTC).date()
    checked = check_submission(text, kind, chosen_dialect, chosen_project, loaded, today, definitions)
    watch.lap("check")
    if not checked.accepted or (kind is JobKind.SQL and checked.plan is None):
        document = check_document(checked) | {"data": None, "seconds": watch.seconds()}
        print_answer(document, as_json, lambda found: print_check(found, text))
        return 2
    wanted = synthetic_data_spec(chosen_project, loaded.catalogue, synthetic_years(), pupils, SEED)
    rehearsal = _Rehearsal(checked, chosen_project, loaded, wanted, data, watch, as_json)
    return rehearsal.query() if kind is JobKind.SQL else rehearsal.script(python)


@dataclass(frozen=True)
class _Rehearsal:
    """An accepted submission, and the data, in the folder `data`, on which it is rehearsed."""

    checked: CheckedSubmission
    project: ResearchProject
    policies: PolicySet
    wanted: SyntheticDataSpec
    data: Path
    watch: Stopwatch
    as_json: bool

    def query(self) -> int:
        from broker.workflow.private_jobs.private_request import PrivateQuery

        private = self.checked.private
        outputs: tuple[RehearsedOutput, ...] = ()
        if self.checked.plan is not None and self.checked.plan.outputs:
            stage = self._made_data()
            if isinstance(private, PrivateQuery):
                from broker.workflow.rehearsal.private_rehearsal import rehearse_private

                with self._running(stage, PRIVATE_SQL_PARTS) as context:
                    outputs = rehearse_private(context, private)
            else:
                with self._running(stage, SQL_PARTS) as context:
                    outputs = rehearse_query(context)
        worth = offline_forecast(self.checked, self.project, self.policies)
        document = rehearsal_document(self.checked, outputs, self.wanted, self.watch.seconds(), worth)
        return print_answer(document, self.as_json, print_rehearsal)

    def script(self, python: Path | None) -> int:
        """Return 0 if the script ran to its end, and 1 if it failed: a job would fail in the same way."""
        from broker.wiring.rehearsal_adapters import build_script_data

        made = self._made_data()
        if self.checked.private is not None and python is not None:
            sentence = "Only the sandbox can separate blocks. Leave --python out, or run `python -m npd` yourself."
            raise Invalid("rehearse-python", sentence, "--python")
        stage = build_script_data(made, self.data, python)
        if self.checked.private is not None:
            return self._blocks(stage)
        with self._running(stage, SCRIPT_PARTS) as context:
            ran = rehearse_script(context)
        print_answer(script_document(self.checked, ran, self.wanted, self.watch.seconds()), self.as_json, print_script)
        return 0 if ran.end is SandboxEnd.ENDED else 1

    def _blocks(self, stage: RehearsalData) -> int:
        """Rehearse a private script. Returns 1 if no block had an answer."""
        from broker.workflow.private_jobs.private_request import PrivateScript
        from broker.workflow.rehearsal.private_rehearsal import rehearse_blocks

        script = self.checked.private
        assert isinstance(script, PrivateScript)
        with self._running(stage, private_script_parts(script.parameters, self.policies.service)) as context:
            found = rehearse_blocks(context, script)
        worth = offline_forecast(self.checked, self.project, self.policies)
        document = blocks_document(self.checked, script, found, self.wanted, worth, self.watch.seconds())
        print_answer(document, self.as_json, print_blocks)
        return 1 if found.failed == script.parameters.blocks else 0

    @contextmanager
    def _running(self, stage: RehearsalData, parts: StepTexts) -> Iterator[RunContext]:
        with parts_bar("rehearsal", self.as_json, parts, self.watch.lap) as progress:
            yield stage.context(self.checked, self.project, self.policies, progress)

    def _made_data(self) -> RehearsalData:
        """Return the adapters of a rehearsal. Prints nothing if the data exist already."""
        from broker.wiring.rehearsal_adapters import build_rehearsal_data

        # Ends the progress bar, if making the data has started one.
        with ExitStack() as stack:
            report: Progress = no_progress

            def progress(what: str, done: int, total: int) -> None:
                nonlocal report
                if what == WAITING:
                    self._say("Another rehearsal is making these data. Waiting for it to finish.")
                elif what == BEGINNING:
                    self._say(self._beginning())
                    report = stack.enter_context(progress_bar("synthetic NPD", self.as_json))
                else:
                    report(what, done, total)

            try:
                return build_rehearsal_data(self.policies, self.project.ident, self.wanted, self.data, progress)
            except OSError as fault:
                sentence = (
                    f"The synthetic data cannot be stored in {self.data}: {fault.strerror or fault}. Choose another "
                    "folder with --data."
                )
                raise Invalid("rehearsal-folder", sentence, "--data") from fault

    def _beginning(self) -> str:
        first, last = self.wanted.years
        years = str(first) if first == last else f"{first}-{last}"
        return (
            f"Making the synthetic NPD of project {self.project.ident}: {self.wanted.pupils:,} pupils, {years}. This "
            f"happens once, takes about {self.wanted.about_seconds} seconds on two free cores, and is stored in "
            f"{self.data}."
        )

    def _say(self, sentence: str) -> None:
        if not self.as_json:
            err.print(sentence, markup=False)

"""`broker rehearse`: takes a submission on the synthetic NPD from check to the releasable table. No server."""

import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from broker.cli.command_options import POLICIES, AsJson, PoliciesFolder
from broker.cli.commands.offline_commands import read_saved_file, submission_dialect
from broker.cli.local_broker import find_project, read_policy_folder
from broker.cli.output.check_document import check_document
from broker.cli.output.check_output import print_check
from broker.cli.output.console import err, print_answer, read_input
from broker.cli.output.forecast_output import offline_forecast
from broker.cli.output.progress_bar import StepTexts, parts_bar, progress_bar
from broker.cli.output.rehearsal_output import print_rehearsal, rehearsal_document
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
from broker.workflow.private_jobs.private_request import PrivateQuery, PrivateScript
from broker.workflow.rehearsal.rehearsal_data import RehearsalData
from broker.workflow.rehearsal.rehearsal_document import rehearsed_document
from broker.workflow.rehearsal.synthetic_data import BEGINNING, WAITING, SyntheticDataSpec, synthetic_data_spec

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
    """Text with the slot that runs by the schedule, counted from the first display. All slots have the same length,
    whatever their blocks do."""

    def __init__(self, requests: ScriptDirective, service: ServiceLimits) -> None:
        self._requests, self._service, self._began = requests, service, 0.0

    def __str__(self) -> str:
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
    return _Rehearsal(checked, chosen_project, loaded, wanted, data, watch, as_json).run(python)


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

    def run(self, python: Path | None) -> int:
        """Return 1 if the script failed or no block had an answer, because a job would fail in the same way; else
        0."""
        found = self._found(python)
        worth = offline_forecast(self.checked, self.project, self.policies)
        document = rehearsal_document(self.checked, found, self.wanted, self.watch.seconds(), worth)
        print_answer(document, self.as_json, print_rehearsal)
        blocks = found.get("rehearsed")
        failed = blocks["failed"] == blocks["blocks"] if blocks else found.get("end", "ended") != SandboxEnd.ENDED
        return int(failed)

    def _found(self, python: Path | None) -> dict[str, Any]:
        if self.checked.plan is not None and not self.checked.plan.outputs:
            return {"outputs": []}
        data = self._made_data()
        if self.checked.kind is JobKind.PYTHON:
            data = self._script_data(data, python)
        with parts_bar("rehearsal", self.as_json, self._parts(), self.watch.lap) as progress:
            return rehearsed_document(data.context(self.checked, self.project, self.policies, progress))

    def _script_data(self, made: RehearsalData, python: Path | None) -> RehearsalData:
        from broker.wiring.rehearsal_adapters import build_script_data

        if self.checked.private is not None and python is not None:
            sentence = "Only the sandbox can separate blocks. Leave --python out, or run `python -m npd` yourself."
            raise Invalid("rehearse-python", sentence, "--python")
        return build_script_data(made, self.data, python)

    def _parts(self) -> StepTexts:
        match self.checked.private:
            case PrivateScript() as script:
                return private_script_parts(script.parameters, self.policies.service)
            case PrivateQuery():
                return PRIVATE_SQL_PARTS
        return SCRIPT_PARTS if self.checked.kind is JobKind.PYTHON else SQL_PARTS

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

"""`broker rehearse`: takes a submission on the synthetic NPD from check to the releasable table. No server."""

import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from broker.cli.command_options import POLICIES, AsJson, PoliciesFolder
from broker.cli.commands.offline_commands import submission_dialect
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
from broker.workflow.rehearsal.synthetic_data import BEGINNING, WAITING, synthetic_data_spec

if TYPE_CHECKING:
    from broker.workflow.checking.submission_check import CheckedSubmission
    from broker.workflow.rehearsal.query_rehearsal import RehearsedOutput
    from broker.workflow.rehearsal.rehearsal_data import RehearsalData
    from broker.workflow.rehearsal.synthetic_data import SyntheticDataSpec

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


def prepare_stage(
    policies: PolicySet, project: ResearchProject, wanted: "SyntheticDataSpec", data: Path, quiet: bool
) -> "RehearsalData":
    """Return the adapters of a rehearsal. Prints nothing if the data exist already."""
    from broker.wiring.rehearsal_adapters import build_rehearsal_data

    # Ends the progress bar, if making the data has started one.
    with ExitStack() as stack:
        making = _DataProgress(project.ident, wanted, data, quiet, stack)
        try:
            return build_rehearsal_data(policies, project.ident, wanted, data, making.progress)
        except OSError as fault:
            sentence = (
                f"The synthetic data cannot be stored in {data}: {fault.strerror or fault}. Choose another folder "
                "with --data."
            )
            raise Invalid("rehearsal-folder", sentence, "--data") from fault


class _DataProgress:
    """Reports on standard error that data are made, how long that takes, and how far it is."""

    def __init__(self, project: str, wanted: "SyntheticDataSpec", data: Path, quiet: bool, stack: ExitStack) -> None:
        self._project, self._wanted, self._data, self._quiet, self._stack = project, wanted, data, quiet, stack
        self._report: Progress = no_progress

    def progress(self, what: str, done: int, total: int) -> None:
        if what == WAITING:
            self._say("Another rehearsal is making these data. Waiting for it to finish.")
        elif what == BEGINNING:
            self._begin()
        else:
            self._report(what, done, total)

    def _begin(self) -> None:
        first, last = self._wanted.years
        years = str(first) if first == last else f"{first}-{last}"
        self._say(
            f"Making the synthetic NPD of project {self._project}: {self._wanted.pupils:,} pupils, {years}. This "
            f"happens once, takes about {self._wanted.about_seconds} seconds on two free cores, and is stored in "
            f"{self._data}."
        )
        self._report = self._stack.enter_context(progress_bar("synthetic NPD", self._quiet))

    def _say(self, sentence: str) -> None:
        if not self._quiet:
            err.print(sentence, markup=False)


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
    from broker.cli.commands.offline_commands import read_saved_file
    from broker.workflow.checking.submission_check import check_submission

    watch = Stopwatch()
    text, loaded = read_input(file), read_policy_folder(policies)
    chosen_project = find_project(loaded, project)
    if file.endswith(".py"):
        return _rehearse_script_file(text, chosen_project, loaded, (pupils, data, python), watch, as_json)
    definitions = read_saved_file(saved, loaded.service) if saved is not None else NO_READABLE_DEFINITIONS
    chosen_dialect, today = submission_dialect(text, dialect, chosen_project.dialect), datetime.now(UTC).date()
    checked = check_submission(text, JobKind.SQL, chosen_dialect, chosen_project, loaded, today, definitions)
    watch.lap("check")
    if not checked.accepted or checked.plan is None:
        return _print_refused(checked, text, watch, as_json)
    from broker.wiring.data_intake import synthetic_years
    from broker.workflow.private_jobs.private_request import PrivateQuery
    from broker.workflow.rehearsal.query_rehearsal import rehearse_query as run

    data_wanted = synthetic_data_spec(chosen_project, loaded.catalogue, synthetic_years(), pupils, SEED)
    outputs: tuple[RehearsedOutput, ...] = ()
    if checked.plan.outputs:
        stage = prepare_stage(loaded, chosen_project, data_wanted, data, as_json)
        parts = PRIVATE_SQL_PARTS if isinstance(checked.private, PrivateQuery) else SQL_PARTS
        with parts_bar("rehearsal", as_json, parts, watch.lap) as progress:
            context = stage.context(checked, chosen_project, loaded, progress)
            if isinstance(checked.private, PrivateQuery):
                from broker.workflow.rehearsal.private_rehearsal import rehearse_private

                outputs = rehearse_private(context, checked.private)
            else:
                outputs = run(context)
    worth = offline_forecast(checked, chosen_project, loaded)
    document = rehearsal_document(checked, outputs, data_wanted, watch.seconds(), worth)
    return print_answer(document, as_json, print_rehearsal)


def _rehearse_script_file(
    text: str,
    project: ResearchProject,
    policies: PolicySet,
    where: tuple[int, Path, Path | None],
    watch: Stopwatch,
    as_json: bool,
) -> int:
    """Rehearse a script. Returns 0 if it ran to its end, 2 if the check refuses it, 1 if it failed: a job would fail
    in the same way."""
    from broker.cli.output.rehearsal_output import print_script, script_document
    from broker.wiring.data_intake import synthetic_years
    from broker.wiring.rehearsal_adapters import build_script_data
    from broker.workflow.checking.submission_check import check_submission
    from broker.workflow.rehearsal.script_rehearsal import rehearse_script

    pupils, data, python = where
    checked = check_submission(text, JobKind.PYTHON, project.dialect, project, policies, datetime.now(UTC).date())
    watch.lap("check")
    if not checked.accepted:
        return _print_refused(checked, text, watch, as_json)
    data_wanted = synthetic_data_spec(project, policies.catalogue, synthetic_years(), pupils, SEED)
    stage = prepare_stage(policies, project, data_wanted, data, as_json)
    if checked.private is not None:
        if python is not None:
            sentence = "Only the sandbox can separate blocks. Leave --python out, or run `python -m npd` yourself."
            raise Invalid("rehearse-python", sentence, "--python")
        return _rehearse_private_script(
            checked, project, policies, (data_wanted, build_script_data(stage, data, python)), watch, as_json
        )
    script_stage = build_script_data(stage, data, python)
    with parts_bar("rehearsal", as_json, SCRIPT_PARTS, watch.lap) as progress:
        ran = rehearse_script(script_stage.context(checked, project, policies, progress))
    print_answer(script_document(checked, ran, data_wanted, watch.seconds()), as_json, print_script)
    return 0 if ran.end is SandboxEnd.ENDED else 1


def _rehearse_private_script(
    checked: "CheckedSubmission",
    project: ResearchProject,
    policies: PolicySet,
    where: "tuple[SyntheticDataSpec, RehearsalData]",
    watch: Stopwatch,
    as_json: bool,
) -> int:
    """Rehearse a private script. Returns 1 if no block had an answer."""
    from broker.cli.output.rehearsal_output import blocks_document, print_blocks
    from broker.workflow.private_jobs.private_request import PrivateScript
    from broker.workflow.rehearsal.private_rehearsal import rehearse_blocks

    data_wanted, stage = where
    script = checked.private
    assert isinstance(script, PrivateScript)
    parts = private_script_parts(script.parameters, policies.service)
    with parts_bar("rehearsal", as_json, parts, watch.lap) as progress:
        found = rehearse_blocks(stage.context(checked, project, policies, progress), script)
    worth = offline_forecast(checked, project, policies)
    print_answer(blocks_document(checked, script, found, data_wanted, worth, watch.seconds()), as_json, print_blocks)
    return 1 if found.failed == script.parameters.blocks else 0


def _print_refused(checked: "CheckedSubmission", text: str, watch: Stopwatch, as_json: bool) -> int:
    document = check_document(checked) | {"data": None, "seconds": watch.seconds()}
    print_answer(document, as_json, lambda found: print_check(found, text))
    return 2

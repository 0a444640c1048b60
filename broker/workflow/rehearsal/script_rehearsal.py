"""Rehearses a script: runs it on synthetic data, and returns all that it printed and what would become of
its outputs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from broker.domain.findings import Assessment
from broker.domain.jobs.script_files import RebuiltFile
from broker.domain.jobs.script_requests import ScriptFigure
from broker.domain.ports import SandboxResult
from broker.python_jobs.raw_outputs import RawRequest, released_name
from broker.workflow.pipeline import trusted_stage
from broker.workflow.pipeline.script_computation import compute_outputs
from broker.workflow.pipeline.script_outputs import draft_file
from broker.workflow.pipeline.script_run import ScriptExecution, read_outputs, run_script
from broker.workflow.rehearsal.query_rehearsal import output_document, rehearsed_output
from broker.workflow.run_context import Failed, RunContext

WITHHELD_REASONS = {
    "name": "An output cannot have this name.",
    "type": (
        "The content does not match the file's ending. Text must be UTF-8, and a Parquet table can have numbers, "
        "texts and dates."
    ),
    "size": "The file, or with it the job's files together, has more bytes or rows than may be released.",
}
"""Why a file cannot leave, if reading it gave no more exact reason."""


def rehearse_script(context: RunContext) -> dict[str, Any]:
    """Run the script, and return how it ended, what it printed and left, the declared outputs that it did not leave,
    and the tables that the broker computed."""
    context.progress("run", 1, 3)
    try:
        result = run_script(context)
    except Failed as failed:
        if failed.result is None:
            raise
        return _outcome(failed.result)
    context.progress("assess", 2, 3)
    declared = [name for name, _ in context.checked.declared]
    ran = read_outputs(context, result, compute=_compute_or_explain)
    left = [*_requests_left(ran, declared), *_files_left(context, ran.outputs, declared)]
    absent = [name for name in declared if name not in {o["declared"] for o in left}]
    tables = [rehearsed_output(c.result, context) for c in ran.computed if isinstance(c.result, Assessment)]
    return _outcome(result) | {"left": left, "absent": absent, "outputs": [output_document(t) for t in tables]}


def _outcome(result: SandboxResult) -> dict[str, Any]:
    log = result.log.decode(errors="replace")
    return {"end": result.end.value, "runtime": result.runtime, "log": log, "left": [], "absent": [], "outputs": []}


def _left(
    name: str, kind: str, size: int, declared: str | None, problem: str = "", notes: Sequence[str] = ()
) -> dict[str, object]:
    """Return one output that the script left: a request to the broker, or a file. `declared` is its name in the header,
    or None; `problem` why the broker could make nothing of it; `notes` what a checker would read about a file."""
    return {"name": name, "kind": kind, "bytes": size, "declared": declared, "problem": problem, "look_at": list(notes)}


def _compute_or_explain(
    context: RunContext, requests: Sequence[RawRequest]
) -> tuple[trusted_stage.ComputedOutput, ...]:
    """Compute what the script requested; nothing without an engine for that."""
    if context.ports.microdata_engine is None:
        return ()
    try:
        return compute_outputs(context, requests)
    # The rest of the rehearsal is still useful to the author.
    except Failed as failed:
        problem = trusted_stage.OutputProblem(
            failed.code.value, f"The broker could not compute this output: {failed.code.value}."
        )
        return tuple(trusted_stage.ComputedOutput(r.name, r.kind, "", problem) for r in requests)


def _requests_left(ran: ScriptExecution, declared: Sequence[str]) -> Iterator[dict[str, object]]:
    """Yield the requests. A request belongs to the declared output with its stem; its size includes its rows."""
    problems = dict(_problems(ran.computed))
    for one in ran.outputs.requests:
        name = next((d for d in declared if d.rpartition(".")[0] == one.name), None)
        yield _left(one.name, one.kind, len(one.request) + len(one.rows), name, problems.get(one.name, ""))


def _problems(computed: Sequence[trusted_stage.ComputedOutput]) -> Iterator[tuple[str, str]]:
    """Yield the problems by the output's name. The data are synthetic, so the author may also know how often a problem
    occurred."""
    tables = {c.name.casefold() for c in computed if isinstance(c.result, Assessment)}
    for one in computed:
        if isinstance(one.result, trusted_stage.OutputProblem):
            times = dict(one.result.figures).get("times", "0")
            yield one.name, one.result.sentence + (f" Here: {times} times." if times != "0" else "")
        elif isinstance(one.result, ScriptFigure) and one.result.data.casefold() not in tables:
            yield one.name, f"The figure cannot be drawn, because the table {one.result.data} has no result."


def _files_left(
    context: RunContext, rebuilt: trusted_stage.RebuiltOutputs, declared: Sequence[str]
) -> Iterator[dict[str, object]]:
    """Yield each file as the broker rebuilds it. The data are synthetic, so the author may know why a file could not
    be rebuilt."""
    for file in rebuilt.files:
        yield _left(file.name, "file", file.size, file.name, *_file_review(file, context))
    for stayed in rebuilt.stayed:
        name = next((d for d in declared if d.casefold() == released_name(stayed.name).casefold()), None)
        yield _left(stayed.name, "file", stayed.size, name, WITHHELD_REASONS[stayed.problem] if name else "")


def _file_review(file: RebuiltFile, context: RunContext) -> tuple[str, tuple[str, ...]]:
    found = draft_file(file, context.policies, context.profile).record.file
    assert found is not None
    if found.problem is not None:
        return found.facts.get("sentence") or WITHHELD_REASONS[found.problem], ()
    return "", tuple(f"{note.sentence}{_named(dict(note.figures))}" for note in found.notes)


def _named(figures: Mapping[str, str]) -> str:
    return f" ({figures['name']})" if "name" in figures else ""

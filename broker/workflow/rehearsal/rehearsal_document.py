"""Rehearses a submission by its kind on synthetic data: a JSON document of what its author sees, whose form the command
line and the pages rely on, and the part of it that is stored. Judges nothing."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from broker.disclosure.records.released_tables import text_of_value
from broker.domain.errors import Invalid
from broker.domain.findings import Assessment, Verdict
from broker.domain.jobs.job import JobKind, OutputState
from broker.domain.jobs.script_files import RebuiltFile
from broker.domain.jobs.script_requests import ScriptFigure
from broker.domain.plans.scalars import Value
from broker.domain.ports import SandboxResult
from broker.domain.projects.project import ResearchProject
from broker.policy.policy_set import PolicySet
from broker.privacy.noise.noise_client import MechanismAnswer
from broker.privacy.results.noise_intervals import Floats
from broker.privacy.sample_and_aggregate import block_answers, clamped_answers
from broker.python_jobs.private_directive import BlockEstimator
from broker.python_jobs.raw_outputs import RawRequest, released_name
from broker.workflow.pipeline import trusted_stage
from broker.workflow.pipeline.script_computation import compute_outputs
from broker.workflow.pipeline.script_outputs import draft_file
from broker.workflow.pipeline.script_run import ScriptExecution, read_outputs, run_script
from broker.workflow.private_jobs.private_answers import NoisyAnswer, noisy_answer
from broker.workflow.private_jobs.private_blocks import block_table, cut_rows, draw_noise, run_blocks
from broker.workflow.private_jobs.private_outputs import noisy_tables
from broker.workflow.private_jobs.private_ports import ExactAnswers
from broker.workflow.private_jobs.private_request import PrivateQuery, PrivateScript, plan_private_query
from broker.workflow.rehearsal.query_rehearsal import (
    RehearsedOutput,
    engine_words,
    output_document,
    reasons_of_votes,
    rehearse_query,
    rehearsed_output,
)
from broker.workflow.run_context import Failed, RunContext
from broker.workflow.verdict_routes import route_of

LOG_CHARACTERS = 100_000
"""Characters at the end of a script's log that are stored."""


def rehearsed_document(context: RunContext) -> dict[str, Any]:
    """Rehearse the submission. Raises Invalid where a job would fail too and there is nothing more to show, and Failed
    if the broker cannot read the files of a script."""
    match context.checked.private:
        case PrivateScript() as script:
            return {"rehearsed": rehearse_blocks(context, script)}
        case PrivateQuery() as query:
            return {"outputs": [output_document(o) for o in rehearse_private(context, query)]}
    if context.checked.kind is JobKind.PYTHON:
        return rehearse_script(context)
    return {"outputs": [output_document(o) for o in rehearse_query(context)]}


def shorten_document(document: dict[str, Any], most_rows: int, most_bytes: int) -> dict[str, Any]:
    """Return the part of a document that is stored: for each output its first rows and how much is hidden, and the end
    of the log.

    Raises Invalid if even that exceeds `most_bytes`.
    """
    log = document.get("log", "")
    short = document | {"outputs": [_first_rows(o, most_rows) for o in document["outputs"]]}
    # The end of a log has the error.
    short |= {"log": log[-LOG_CHARACTERS:], "log_cut": max(0, len(log) - LOG_CHARACTERS)} if "log" in document else {}
    if len(json.dumps(short)) > most_bytes:
        sentence = "The result is too large for a page. Rehearse fewer outputs at a time."
        raise Invalid("too-large", sentence)
    return short


def _first_rows(output: dict[str, Any], most: int) -> dict[str, Any]:
    keys = frozenset(output["key_columns"])
    figures = [gone for row in output["hidden"] for n, gone in enumerate(row) if n not in keys]
    counted = {"all_rows": len(output["rows"]), "figures": len(figures), "figures_hidden": sum(figures)}
    return output | {name: output[name][:most] for name in ("rows", "hidden", "rules")} | counted


DIGITS = 6
"""Digits of the figures over the blocks of a private script."""


def rehearse_blocks(context: RunContext, script: PrivateScript) -> dict[str, Any]:
    """Rehearse a private script, and return its table, what is known of its blocks and what these printed. Nothing is
    charged: the data are synthetic."""
    context.progress("cut", 1, 4)
    try:
        rows = cut_rows(context, script)
        context.progress("run", 2, 4)
        content, result = run_blocks(context, script, rows)
    except Failed as failed:
        sentence = "The blocks did not finish. A job would fail in the same way, and would not be refunded."
        raise Invalid(failed.code.value.replace("_", "-"), sentence) from None
    context.progress("noise", 3, 4)
    answers = block_answers(content, script.design)
    table = block_table(script, draw_noise(script.design, content, context.private_ports.noise))
    lines = [[text_of_value(v) for v in row.released] for row in table.rows]
    return {
        "runtime": result.runtime,
        "blocks": script.parameters.blocks,
        "estimator": script.parameters.estimator.value,
        "failed": int((~np.isfinite(answers)).any(axis=1).sum()),
        "numbers": list(_numbers(script, answers)),
        "output": {"name": table.name, "columns": list(table.columns), "rows": lines},
        "notes": list(table.notes),
        "log": result.log.decode(errors="replace"),
    }


def _numbers(script: PrivateScript, answers: Floats) -> Iterator[dict[str, object]]:
    """Yield each number over the blocks: its mean or median without noise, the standard deviation of the blocks'
    answers, and how many of these are outside the range."""
    middle = np.median if script.parameters.estimator is BlockEstimator.MEDIAN else np.mean
    for n, of in enumerate(script.parameters.ranges):
        known = answers[:, n][np.isfinite(answers[:, n])]
        without, spread = float(middle(clamped_answers(answers[:, n], of))), float(known.std()) if len(known) else 0.0
        beyond = int(((known < float(of.low)) | (known > float(of.high))).sum())
        yield {"name": of.name, "without_noise": _rounded(without), "spread": _rounded(spread), "beyond": beyond}


def _rounded(number: float) -> float:
    return float(f"{number:.{DIGITS}g}")


def rehearse_private(context: RunContext, private: PrivateQuery) -> tuple[RehearsedOutput, ...]:
    """Rehearse a private query. Nothing is charged: the data are synthetic."""
    context.progress("run", 1, 4)
    project, policies, ports = context.project, context.policies, context.private_ports
    query = plan_private_query(private.plan, private.lines, project, policies, context.vaults.registers(context.vault))
    request = ports.engine.prepare(
        query.plan, query.measured, context.vault, context.subject, context.attempt, context.limits
    )
    with engine_words():
        frames = context.run(request).frames
    context.progress("noise", 2, 4)
    exact = ports.engine.read(query.plan, query.measured, query.design, frames)
    drawn = ports.noise.draw(query.design.bundle, exact.vectors)
    context.progress("assess", 3, 4)
    steps = context.profile.max_group_steps
    noisy = noisy_tables(query, noisy_answer(query.design, drawn, exact), steps)
    # The figures without noise are all shown, also those under the display floor.
    unseen = replace(query, profile=replace(query.profile, display_floor=0))
    real = noisy_tables(unseen, without_noise(query, exact), steps)
    return tuple(_rehearsed_private(n, e, project, policies) for n, e in zip(noisy, real, strict=True))


def without_noise(private: PrivateQuery, exact: ExactAnswers) -> NoisyAnswer:
    """Return the answer as if no noise had been drawn. A choice among candidates has no such value; it takes the best
    candidate."""
    drawn = []
    for part, vector in zip(private.design.parts, exact.vectors, strict=True):
        mechanism = private.design.mechanism(part)
        points = getattr(mechanism, "points", None)
        values = list(vector) if points is None else list(_best(vector, points))
        drawn.append(MechanismAnswer(values, tuple(range(len(vector))) if part.block is None else None))
    return noisy_answer(private.design, drawn, exact)


def _best(scores: Sequence[int], points: int) -> Iterator[int]:
    for start in range(0, len(scores), points):
        cell = scores[start : start + points]
        yield min(range(len(cell)), key=cell.__getitem__)


def _rehearsed_private(
    noisy: Assessment, real: Assessment, project: ResearchProject, policies: PolicySet
) -> RehearsedOutput:
    # Noise may hide or add rows, so the two tables are matched by keys.
    by_keys = {row.keys: row.released for row in real.rows}
    exact: tuple[tuple[Value, ...] | None, ...] = tuple(by_keys.get(row.keys) for row in noisy.rows)
    route = route_of(noisy.verdict, True, project, policies, 0)
    why = [f.sentence for f in noisy.findings if f.verdict is Verdict.REVIEW]
    if route is OutputState.IN_REVIEW:
        why += reasons_of_votes(project)
    return RehearsedOutput(noisy, route, tuple(why), exact)


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

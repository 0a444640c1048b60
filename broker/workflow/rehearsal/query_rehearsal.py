"""Rehearses a SQL submission: plans, runs and judges it on synthetic data, as a job would be. Also writes what its
author sees of an output."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from broker.disclosure.records.protection_cost import ProtectionCost, cost_of_output
from broker.disclosure.records.released_tables import text_of_value
from broker.disclosure.records.rule_catalogue import RULE_CATALOGUE
from broker.domain.errors import Invalid
from broker.domain.findings import AssessedRow, Assessment, Verdict
from broker.domain.jobs.job import FailureCode, OutputState
from broker.domain.plans.scalars import Value
from broker.domain.projects.project import ResearchProject
from broker.workflow.pipeline.executors import executor_of
from broker.workflow.run_context import Failed, RunContext
from broker.workflow.verdict_routes import route_of

LIMITS = {FailureCode.TIME_LIMIT: "time", FailureCode.MEMORY_LIMIT: "memory", FailureCode.OUTPUT_LIMIT: "output"}
ENGINE_FAILED = (
    "The engine could not run the query. A job would fail in the same way, unless the synthetic data are damaged."
)


@dataclass(frozen=True, slots=True)
class RehearsedOutput:
    """One output as the rules leave it, its route, and the reasons for a review in words that everybody may read."""

    assessment: Assessment
    route: OutputState
    why: tuple[str, ...]
    exact: tuple[tuple[Value, ...] | None, ...] | None = None
    """For a private output, its rows without noise. None for a row that is there only because of noise."""
    cost: ProtectionCost | None = None
    """What disclosure control costs; None for a private output."""


def rehearse_query(context: RunContext) -> tuple[RehearsedOutput, ...]:
    """Execute a query as a job does, and return every output. Raises Invalid if the engine does not finish: a job
    would fail in the same way."""
    with engine_words():
        drafts = executor_of(context.checked).execute(context).drafts
    return tuple(rehearsed_output(d.record.table, context) for d in drafts if d.record.table is not None)


@contextmanager
def engine_words() -> Iterator[None]:
    """Turn the end of a sandbox into an error with the engine's own words: the data are synthetic, so the author may
    read them."""
    try:
        yield
    except Failed as failed:
        words, limit = failed.log.decode(errors="replace").strip(), LIMITS.get(failed.code)
        sentence = ENGINE_FAILED if limit is None else f"The query reached the {limit} limit of a job."
        raise Invalid(failed.code.value.replace("_", "-"), f"{sentence} {words}".strip()) from None


def rehearsed_output(assessment: Assessment, context: RunContext) -> RehearsedOutput:
    """Return an output with the route that it would take."""
    route = route_of(assessment.verdict, True, context.project, context.policies, int(assessment.small))
    cost = cost_of_output(assessment, context.profile.t)
    return RehearsedOutput(assessment, route, tuple(_review_reasons(assessment, context.project)), cost=cost)


def _review_reasons(assessment: Assessment, project: ResearchProject) -> list[str]:
    """Return the rules' sentences. They have no figures."""
    severe = [f for f in assessment.findings if f.verdict in {Verdict.REVIEW, Verdict.REFUSE}]
    sentences = [*(f"{f.rule}: {f.sentence}" for f in severe), *reasons_of_votes(project)]
    if assessment.small:
        sentences.append(
            "The whole population, or every cell, is under the threshold: the job counts against a small quota."
        )
    return list(dict.fromkeys(sentences))


def reasons_of_votes(project: ResearchProject) -> list[str]:
    if not project.votes:
        return []
    return [f"A checker reviews every output of project {project.ident}, because its policy requires votes."]


def output_document(output: RehearsedOutput) -> dict[str, Any]:
    found = output.assessment
    hiding = {rule for row in found.rows for rules in row.rules for rule in rules}
    sentences = {rule: RULE_CATALOGUE[rule].sentence for rule in hiding & RULE_CATALOGUE.keys()}
    sentences |= {f.rule: f.sentence for f in found.findings}
    return {
        "name": found.name,
        "columns": list(found.columns),
        "key_columns": list(found.key_columns),
        "rows": [_values(row) for row in found.rows],
        "hidden": [list(row.suppressed) for row in found.rows],
        "rules": [[list(rules) for rules in row.rules] for row in found.rows],
        "meaning": dict(sorted(sentences.items())),
        "verdict": found.verdict.value,
        "way": output.route.value,
        "why": list(output.why),
        "notes": list(found.notes),
        "symbols": dict(found.symbols),
        **({} if output.exact is None else {"exact": [_exact(row) for row in output.exact]}),
        **({} if output.cost is None else {"cost": output.cost.as_json()}),
    }


def _exact(row: Sequence[Value] | None) -> list[object] | None:
    """Return the row of a private output that the synthetic data have without noise."""
    return None if row is None else [_plain(value) for value in row]


def _values(row: AssessedRow) -> list[object]:
    """Return the values that would be released, None for hidden ones. Numbers have the digits with which they are
    released."""
    pairs = zip(row.released, row.suppressed, strict=True)
    return [None if hidden else _plain(value) for value, hidden in pairs]


def _plain(value: Value) -> object:
    if value is None or isinstance(value, (bool, int, str)):
        return value
    text = text_of_value(value)
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        return text

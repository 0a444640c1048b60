"""The tables of one script, computed together as far as they are of the same rows: then they are linked like tables of
SQL, and what is hidden in one follows from no other. What is of other rows is computed, and judged, by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from broker.disclosure.judge_job import judge_job
from broker.disclosure.needs import needs_of
from broker.domain.errors import Breach, Invalid
from broker.domain.evidence import JobEvidence
from broker.domain.findings import Assessment
from broker.domain.handed import HandedTable, RowsChecked, RowsProblem
from broker.domain.jobs import Kind
from broker.domain.ports import HandedTo
from broker.workflow.handed_findings import Computed, Problem, told_others
from broker.workflow.handing import PlannedRows, planned_tables
from broker.workflow.limits import limits_for
from broker.workflow.release_history.handed import ComparedTable, HandedTables, compare_handed
from broker.workflow.trusted import Stage, told


@dataclass(frozen=True, slots=True)
class Table:
    """A request for a table, and its rows."""

    asked: HandedTable
    rows: bytes


def tables(stage: Stage, wanted: Sequence[Table]) -> tuple[Computed, ...]:
    """Every table, in the order of `wanted`."""
    found: dict[str, Computed] = {}
    rest, families = list(wanted), 0
    while rest:
        family = _alike(stage, rest)
        found |= {c.name: c for c in _together(stage, family, list(found.values()))}
        rest = [t for t in rest if t.asked.name not in found]
        families += 1
    made = (found[t.asked.name] for t in wanted)
    return tuple(map(told_others, made) if families > 1 else made)


def _alike(stage: Stage, wanted: Sequence[Table]) -> list[Table]:
    """The first, and all that take its columns for the same things."""
    family = [wanted[0]]
    for table in wanted[1:]:
        if _planned(stage, [*family, table]) is not None:
            family.append(table)
    return family


def _planned(stage: Stage, family: Sequence[Table]) -> PlannedRows | None:
    try:
        return planned_tables([t.asked for t in family], stage.inputs, stage.project, stage.policies)
    except Invalid:
        return None


def _together(stage: Stage, family: Sequence[Table], before: Sequence[Computed]) -> tuple[Computed, ...]:
    """Of a family, those that are of the first one's rows; all of them where these have no problem. Where one has, each
    is looked at alone, and those without are computed together once more. `before` were computed before the family."""
    checked, made = _run(stage, family, before)
    if len(family) == 1 or checked is None or checked.problem is None:
        return made
    if checked.problem is RowsProblem.APART:
        same = [t for n, t in enumerate(family) if not checked.times >> n & 1]
        if not same or len(same) == len(family):
            raise Breach("The sandbox told of other rows than there were.")
        return _together(stage, same, before)
    alone: list[Computed] = []
    for table in family:
        alone += _run(stage, [table], [*before, *alone])[1]
    sound = {c.name for c in alone if not isinstance(c.found, Problem)}
    if not 1 < len(sound) < len(family):
        return tuple(alone)
    again = _together(stage, [t for t in family if t.asked.name in sound], before)
    return (*again, *(c for c in alone if c.name not in sound))


def _run(
    stage: Stage, family: Sequence[Table], before: Sequence[Computed]
) -> tuple[RowsChecked | None, tuple[Computed, ...]]:
    """One container: what it says of the rows, and the tables. None where the request itself cannot be planned."""
    try:
        planned = planned_tables([t.asked for t in family], stage.inputs, stage.project, stage.policies)
    except Invalid as wrong:
        place = (("place", wrong.pointer),) if wrong.pointer else ()
        problem = Problem(wrong.code, wrong.message, place)
        return None, tuple(Computed(t.asked.name, "table", "", problem) for t in family)
    needs, sizes = needs_of(stage.profile), tuple(len(t.rows) for t in family)
    content, parts = b"".join(t.rows for t in family), sizes if len(family) > 1 else ()
    to = HandedTo(stage.vault, stage.checked.uses, content, stage.job, stage.attempt, parts)
    limits = limits_for(Kind.SQL, stage.policies)
    result = stage.run(stage.handed.prepare(planned.plan, planned.rows, to, limits, needs))
    checked, evidence = stage.handed.read(planned.plan, result.frames, needs)
    found = [_Found(None)] * len(family) if evidence is None else _judged(stage, planned, to, evidence, before)
    each = zip(family, found, planned.own, strict=True)
    return checked, tuple(
        replace(told(stage, t.asked, one.judged, checked, own.derived), compared=one.compared) for t, one, own in each
    )


@dataclass(frozen=True, slots=True)
class _Found:
    judged: Assessment | None
    compared: ComparedTable | None = None


def _judged(
    stage: Stage, planned: PlannedRows, to: HandedTo, evidence: JobEvidence, before: Sequence[Computed]
) -> list[_Found]:
    """By the rules alone on synthetic data; with everything released, and the job's own tables before these, else."""
    if stage.memory is None:
        registers = stage.vaults.registers(stage.vault)
        return [_Found(one) for one in judge_job(planned.plan, evidence, stage.profile, registers)]
    beside = [t for c in before if c.compared is not None for t in c.compared.tables]
    given = HandedTables(planned.plan, planned.rows, to, evidence, stage.vaults, beside)
    return [_Found(c.judged, c) for c in compare_handed(stage.memory, given, stage.project, stage.policies)]

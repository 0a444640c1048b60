"""The tables of one script, computed together as far as they are of the same rows: then they are linked like tables of
SQL, and what is hidden in one follows from no other. What is of other rows is computed, and judged, by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from broker.disclosure.judge_job import judge_job
from broker.disclosure.needs import needs_of
from broker.domain.errors import Breach, Invalid
from broker.domain.handed import HandedTable, RowsChecked, RowsProblem
from broker.domain.jobs import Kind
from broker.domain.outputs import Assessment
from broker.domain.ports import HandedTo
from broker.workflow.handed_findings import Computed, Problem, told_others
from broker.workflow.handing import PlannedRows, planned_tables
from broker.workflow.limits import limits_for
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
        found |= {c.name: c for c in _together(stage, family)}
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


def _together(stage: Stage, family: Sequence[Table]) -> tuple[Computed, ...]:
    """Of a family, those that are of the first one's rows; all of them where these have no problem. Where one has, each
    is looked at alone, and those without are computed together once more."""
    if len(family) == 1:
        return _run(stage, family)[1]
    checked, made = _run(stage, family)
    if checked is None or checked.problem is None:
        return made
    if checked.problem is RowsProblem.APART:
        same = [t for n, t in enumerate(family) if not checked.times >> n & 1]
        if not same or len(same) == len(family):
            raise Breach("The sandbox told of other rows than there were.")
        return _together(stage, same)
    alone = [c for t in family for c in _run(stage, [t])[1]]
    sound = {c.name for c in alone if not isinstance(c.found, Problem)}
    if not 1 < len(sound) < len(family):
        return tuple(alone)
    again = _together(stage, [t for t in family if t.asked.name in sound])
    return (*again, *(c for c in alone if c.name not in sound))


def _run(stage: Stage, family: Sequence[Table]) -> tuple[RowsChecked | None, tuple[Computed, ...]]:
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
    found: Sequence[Assessment | None] = [None] * len(family)
    if evidence is not None:
        found = judge_job(planned.plan, evidence, stage.profile, stage.vaults.registers(stage.vault))
    each = zip(family, found, planned.own, strict=True)
    return checked, tuple(told(stage, t.asked, one, checked, own.derived) for t, one, own in each)

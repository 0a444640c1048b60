"""What would leave of a text in each town, in this process: the broker's own compiler, engine text, evidence and rules
on tables that stay in memory. The workflow, its memory and its files are in `end_to_end`."""

import json
import pickle
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cache
from unittest.mock import patch
from zlib import crc32

import duckdb
import pyarrow as pa

from broker.disclosure.judge_job import judge_job
from broker.disclosure.linking import linked_pattern
from broker.disclosure.protected_means import mean_step
from broker.disclosure.protected_values import persons_of_both
from broker.disclosure.records.released_tables import released_csv, released_record
from broker.disclosure.rounded_counts import CellSize, count_ones, round_count, rows_each, rows_step
from broker.disclosure.rules import evidence_needs
from broker.disclosure.rules.percentage import least_count_shown_as
from broker.disclosure.suppression.secondary_suppression import SuppressionResult, suppress
from broker.disclosure.suppression.suppression_task import SuppressionTask
from broker.disclosure.table_findings import RowFigures, row_figures
from broker.domain.evidence import CellEvidence, OutputEvidence, StatisticEvidence
from broker.domain.findings import Assessment, JudgedStatistic
from broker.domain.jobs.job import JobKind, OutputState
from broker.domain.plans.lineage import statistics_read_by
from broker.domain.plans.measure import Measure
from broker.domain.plans.plan import Plan, PlannedOutput, PlannedStatistic, RowGrowth
from broker.domain.plans.scalars import Value
from broker.domain.ports import SandboxLimits, Vault
from broker.domain.progress import Progress, no_progress
from broker.engine.duckdb_engine import DuckDBEngine
from broker.engine.hardened_duckdb import arrow_stream, result_statement
from broker.policy.disclosure_rules import DisclosureRules
from broker.policy.policy_set import PolicySet
from broker.workflow.checking.submission_check import CheckedSubmission, check_submission
from broker.workflow.run_context import limits_for
from broker.workflow.verdict_routes import route_of
from tests.attacks.decoders.towns import PROJECT, Town, Way, build_town, lasting_folder, policies_of_town

TODAY = date(2026, 11, 24)
LEAVES = OutputState.APPROVED
Keys = tuple[Value, ...]
Numbers = dict[tuple[object, ...], tuple[int, ...]]
HOLE = "c"
Frames = Sequence[tuple[str, bytes]]
"""What the engine gives for a plan: of each table its kind and its rows."""
Place = tuple[int, Keys, int]
"""A statistic of a cell: the number of its table in the output, the cell's keys, and the statistic."""
Rounding = tuple[str, Value | Fraction]
"""An exact number that is rounded for a figure, and what it is the number of."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A statistic of a cell as it is protected, before anything is computed from it: its measure, what is shown (a hole
    or a value), each number that was rounded for it, how far it may move where these move to the next rounded value,
    and the largest error that is stated of it."""

    measure: str
    shown: Value
    roundings: tuple[Rounding, ...]
    step: Decimal
    max_error: Value = None

    @property
    def told(self) -> tuple[Value, Value]:
        return self.shown, self.max_error


@dataclass(frozen=True, slots=True)
class Left:
    """What leaves of one output: the state that policy gives it, its table and record, the figures that
    everything in them is computed from, and for staff how many persons stand behind each figure."""

    way: OutputState
    table: str
    record: str
    figures: Mapping[Place, Figure]
    small: bool
    numbers: Numbers
    """Numbers that rules compare with the threshold t: of each statistic of each cell, the persons and rows that it is
    of, and those of the cell that it leaves out; of each line of a table, the persons outside its largest cell, and
    whether these are a share that counts; of each joint cell, its persons."""


@contextmanager
def remembered_repairs() -> Iterator[None]:
    """Which cells to hide follows from a table's system alone: what is asked again, in another step or in a town whose
    figures are the same, is not worked out again."""
    known: dict[bytes, SuppressionResult] = {}

    def once(task: SuppressionTask, work: int | None = None, progress: Progress = no_progress) -> SuppressionResult:
        asked = pickle.dumps((task, work))
        if asked not in known:
            known[asked] = suppress(task, work, progress)
        return known[asked]

    with patch.object(linked_pattern, "suppress", once):
        yield


LARGE, LARGE_OF = 400, 20
"""A job with more figures to protect costs as much time as a hundred others: one text in twenty of those is judged."""


class Large(Exception):
    """A job that is left out for its size."""


@contextmanager
def large_ones_seldom(texts: Sequence[str]) -> Iterator[None]:
    """Raise Large where a job has too many figures to protect; which are judged all the same follows from the texts."""
    judge, is_judged = linked_pattern.suppress, crc32("".join(texts).encode()) % LARGE_OF == 0

    def guarded(task: SuppressionTask, work: int | None = None, progress: Progress = no_progress) -> SuppressionResult:
        if len(task.targets) > LARGE and not is_judged:
            raise Large
        return judge(task, work, progress)

    with patch.object(linked_pattern, "suppress", guarded):
        yield


class Rows:
    """One town in one way: its evidence rendering as tables in memory."""

    def __init__(self, town: Town, way: str) -> None:
        self.vault, self.registers = town.vault(way), town.keeper.registers(town.vault(way))
        self._con = duckdb.connect()
        self._con.execute("SET threads=1")
        self._con.execute("PRAGMA disable_optimizer")  # many small statements, each of which is made once
        for table in self.vault.tables:
            schema, _, name = table.name.partition(".")
            files = [str(self.vault.evidence / p) for p in table.paths]
            self._con.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
            rows = f"read_parquet({files!r}, union_by_name=true)"
            self._con.execute(f'CREATE TABLE "{schema}"."{name}" AS FROM {rows}')

    def frames(self, statements: Sequence[Mapping[str, str]], most: int) -> Frames:
        return [("table", arrow_stream(self._con, result_statement(self._con, s), most)) for s in statements]


def are_equal(one: Frames, other: Frames) -> bool:
    """Whether the engine gave the same values. Bytes of equal values may differ: nothing sets those of a NULL."""
    pairs = zip(one, other, strict=True)
    return all(a == b or (a[0] == b[0] and table_of(a[1]).equals(table_of(b[1]))) for a, b in pairs)


def table_of(content: bytes) -> pa.Table:
    return pa.ipc.open_stream(content).read_all()


class Kit:
    """A town whose texts are judged here, in every way that the child differs."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.project = town.policies.project(PROJECT)
        assert self.project is not None
        self.profile = town.policies.disclosure_rules(self.project.profile)
        self._limits: SandboxLimits = limits_for(JobKind.SQL, town.policies)
        self._engine, self._needs = DuckDBEngine(), evidence_needs(self.profile)
        self._rows = {way: Rows(town, way) for way in town.snapshots}

    @contextmanager
    def threshold(self, t: int) -> Iterator[None]:
        """Judge with another threshold; who would look at a text stays as it is."""
        before = self.profile, self._needs
        self.profile = replace(self.profile, t=t)
        self._needs = evidence_needs(self.profile)
        try:
            yield
        finally:
            self.profile, self._needs = before

    def plan(self, text: str) -> Plan | None:
        """None where the text is refused, or a person would look whatever the data are."""
        checked = self._checked(text)
        return checked.plan if checked.accepted and not checked.review else None

    def is_accepted(self, text: str) -> bool:
        return self._checked(text).accepted

    def _checked(self, text: str) -> CheckedSubmission:
        assert self.project is not None
        return check_submission(text, JobKind.SQL, "tsql", self.project, self.town.policies, TODAY)

    def asked(self, plan: Plan) -> dict[str, Frames]:
        """The frames of each way, as the engine gives them."""
        return {way: self.frames(plan, rows) for way, rows in self._rows.items()}

    def frames(self, plan: Plan, rows: Rows) -> Frames:
        return rows.frames(json.loads(self._prepared(plan, rows.vault)), self._limits.output_bytes)

    def _prepared(self, plan: Plan, vault: Vault) -> str:
        request = self._engine.prepare(plan, vault, "here", 1, self._limits, self._needs)
        return json.dumps(json.loads(request.frames[0][1])["statements"])

    def left(self, plan: Plan, way: str, frames: Frames) -> list[Left]:
        """What leaves of each output of a job."""
        evidence = self._engine.read(plan, frames, self._needs)
        found = judge_job(plan, evidence, self.profile, self._rows[way].registers)
        outputs = zip(found, plan.outputs, evidence.outputs, strict=True)
        joints = {("joint", n, c.keys): (c.persons,) for n, t in enumerate(evidence.joints) if t for c in t.cells}
        return [self._left(a, p, e, joints) for a, p, e in outputs]

    def _left(self, found: Assessment, planned: PlannedOutput, evidence: OutputEvidence, joints: Numbers) -> Left:
        assert self.project is not None
        way = route_of(found.verdict, True, self.project, self.town.policies, 0)
        table, record = released_csv(found).decode(), json.dumps(released_record(found, self.profile))
        read = statistics_read_by(planned)
        figures = {
            (n, cell.keys, s.ident): self._figure(s, row_figures(planned.tables[n], cell, self.profile), judged)
            for n, cell, judged in _judged_cells(found, evidence)
            for s in planned.tables[n].statistics
            if s.ident in read
        }
        numbers = numbers_of_cells(evidence) | numbers_of_lines(evidence, self.profile) | joints
        return Left(way, table, record, figures, found.small, numbers)

    def _figure(self, statistic: PlannedStatistic, row: RowFigures, cell: Mapping[int, JudgedStatistic]) -> Figure:
        judged = cell[statistic.ident]
        evidence, close = row.judged[statistic.ident], row.close.get(statistic.ident)
        shown = HOLE if judged.hidden else judged.released
        step = largest_step(statistic, evidence, self.profile, row.cell)
        error = None if judged.hidden else row.max_error(statistic, self.profile)
        return Figure(statistic.measure, shown, tuple(roundings_of(statistic, evidence, close, row.cell)), step, error)


def kit_of(seed: int, pupils: int, ways: Sequence[str] | Mapping[str, Way]) -> Kit:
    """A kit for all tests of a process."""
    return Kit(build_town(lasting_folder("kit"), seed, pupils, ways))


@cache
def _policies() -> PolicySet:
    return policies_of_town()


def checked(select: str) -> CheckedSubmission:
    """A text that is accepted, whatever the data are."""
    project = _policies().project(PROJECT)
    assert project is not None
    found = check_submission(f"-- output: t\n{select}", JobKind.SQL, "tsql", project, _policies(), TODAY)
    assert found.accepted, found.refusals
    return found


def _judged_cells(
    found: Assessment, evidence: OutputEvidence
) -> Iterator[tuple[int, CellEvidence, Mapping[int, JudgedStatistic]]]:
    """Each observed cell that a table's record has, by the number of the table."""
    for n, (known, record) in enumerate(zip(evidence.tables, found.tables, strict=True)):
        judged = {keys: {j.statistic: j for j in statistics} for keys, _, _, statistics in record.cells}
        yield from ((n, cell, judged[cell.keys]) for cell in known.cells if cell.keys in judged)


def numbers_of_cells(evidence: OutputEvidence) -> Numbers:
    return {
        (ident, cell.keys): (
            *(cell.rows, cell.persons, e.persons, e.rows, e.rest, e.rest_rows, abs(cell.rows - e.rows)),
            *((e.others, e.persons - e.others, e.rows - e.others) if e.others is not None else ()),
        )
        for table in evidence.tables
        for cell in table.cells
        for ident, e in cell.statistics.items()
    }


def numbers_of_lines(evidence: OutputEvidence, profile: DisclosureRules) -> Numbers:
    """A line fixes every key but one."""
    lines = defaultdict[tuple[object, ...], list[int]](list)
    for n, table in enumerate(evidence.tables):
        for cell in table.cells:
            for axis in range(len(cell.keys)) if len(cell.keys) > 1 else ():
                lines["line", n, axis, cell.keys[:axis], cell.keys[axis + 1 :]].append(cell.persons)
    found = Numbers()
    for line, persons in lines.items():
        others = sum(persons) - max(persons)
        is_full = max(persons) >= profile.full_share * sum(persons)
        found[line] = (others, max(persons), 0 if is_full else profile.t)
    return found


def roundings_of(
    statistic: PlannedStatistic, evidence: StatisticEvidence, close: StatisticEvidence | None, cell: CellSize
) -> Iterator[Rounding]:
    """The numbers that `protected_values` rounds for a statistic. Two figures of equal numbers move together. `close`:
    the count that is its base instead of its own."""
    growth = statistic.growth
    match statistic.measure:
        case Measure.COUNT_PERSONS | Measure.COUNT_DISTINCT | Measure.GAP:
            yield "count", evidence.value
        case Measure.COUNT_ROWS | Measure.COUNT_VALUES:
            yield from _rounded_rows(evidence.rows, evidence.persons, growth)
        case Measure.ONES:
            yield from _rounded_rows(count_ones(evidence), evidence.persons, growth)
        case Measure.SUM if statistic.counts:
            yield from _rounded_rows(count_ones(evidence), evidence.persons, growth)
        case Measure.SHARE:
            ones, rest = count_ones(evidence), evidence.rest_rows
            yield from _rounded_rows(ones, evidence.persons, growth)
            if close is not None:
                yield from _rounded_rows(close.rows, close.persons, growth)
            else:
                yield from _rounded_rows(ones + rest, persons_of_both(evidence, cell), growth)
        case Measure.SUM | Measure.MEAN:
            total = evidence.value if evidence.total is None else evidence.total
            rows = 1 if evidence.total is None else evidence.rows
            yield "mean", None if total is None or not rows else Fraction(str(total)) / rows
            if statistic.measure is Measure.SUM:
                yield from _summed_rows(statistic, evidence, close, cell)
        case _:
            yield "value", evidence.value


def _summed_rows(
    statistic: PlannedStatistic, evidence: StatisticEvidence, close: StatisticEvidence | None, cell: CellSize
) -> Iterator[Rounding]:
    if close is not None:
        yield from _rounded_rows(close.rows, close.persons, statistic.growth)
    else:
        yield from _rounded_rows(evidence.rows, min(evidence.rows, cell.persons), statistic.growth, cell)


def _rounded_rows(rows: int, persons: int, growth: RowGrowth, cell: CellSize | None = None) -> Iterator[Rounding]:
    """Rows; or persons and the rows of each, where some have several. If few have a second row, or joins multiply rows,
    these are rounded as if they were counted alone: another number of persons beside them changes nothing."""
    each = (cell or CellSize(rows, persons)).rows_each
    if each > 1 and growth.largest(each) == each:
        yield "count", Fraction(rows, each)
    elif rows <= persons:
        yield "count", rows
    else:
        yield "count", persons
        yield "second rows", rows - growth.evenly(each) * persons


def largest_step(
    statistic: PlannedStatistic, evidence: StatisticEvidence, profile: DisclosureRules, cell: CellSize
) -> Decimal:
    """How far a figure moves at most where the numbers that are rounded for it move to the next rounded value. A count
    of rows moves by one step of its persons, times the rows of each, and by one step of the rows. A sum or mean also
    moves by what so many ordinary contributions make."""
    n = max(1, evidence.rows)
    of_rows = _largest_step_of_rows(n, max(1, min(n, evidence.persons)), profile, statistic.growth)
    size = abs(Decimal(str((evidence.value if evidence.total is None else evidence.total) or 0)))
    match statistic.measure:
        case Measure.MEAN | Measure.SUM:
            unit = mean_step(statistic, evidence, profile, rows_each(statistic, cell)) * abs(statistic.scale[0])
            # A small factor leaves fewer digits than the step has.
            digits = min(profile.mean_digits, Decimal(least_count_shown_as(n, profile)).adjusted())
            unit = max(unit, Decimal(1).scaleb(-digits))
            if statistic.measure is Measure.MEAN:
                return 2 * unit + Decimal(1).scaleb(unit.adjusted())  # a mean with a factor is rounded again
            return of_rows * size / n + 2 * unit * Decimal(round_count(n, profile) or 0)
        case Measure.SHARE:
            least = max(1, evidence.rows + evidence.rest_rows - int(of_rows) // 2)
            return Decimal("2.5") * of_rows / least + Decimal("0.001")  # its digits follow from its error
        case Measure.DEVIATION | Measure.QUANTILE | Measure.LOWEST | Measure.HIGHEST | Measure.MODE:
            return abs(Decimal(str(evidence.value or 0))) / 10 + 1
        case Measure.COUNT_PERSONS | Measure.COUNT_DISTINCT | Measure.GAP:
            return Decimal(profile.round_base)
        case _:
            return of_rows


def _largest_step_of_rows(rows: int, persons: int, profile: DisclosureRules, growth: RowGrowth) -> Decimal:
    return Decimal(rows_step(rows, persons, profile, growth)) * (2 if rows > persons else 1)

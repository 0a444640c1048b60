"""What would leave of a text in each town, in this process: the broker's own compiler, engine text, evidence and rules
on tables that stay in memory. The workflow, its memory and its files are in `end_to_end`."""

import json
import pickle
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any
from unittest.mock import patch
from zlib import crc32

import duckdb

from broker.disclosure.judge_job import judge_job
from broker.disclosure.linking import linked_pattern
from broker.disclosure.protected_values import mean_digits, round_count
from broker.disclosure.records.released_tables import released_csv, released_record, text_of_value
from broker.disclosure.rules.rule_input import evidence_needs
from broker.disclosure.suppression.attack_intervals import Progress, no_progress
from broker.disclosure.suppression.secondary_suppression import SuppressionResult, suppress
from broker.disclosure.suppression.suppression_task import SuppressionTask
from broker.domain.evidence import OutputEvidence
from broker.domain.findings import Assessment
from broker.domain.jobs.job import JobKind
from broker.domain.jobs.outputs import OutputState
from broker.domain.plans.plan import Measure, Plan, PlannedOutput, PlannedStatistic
from broker.domain.plans.scalars import Value
from broker.domain.ports import SandboxLimits, Vault
from broker.engine.duckdb_engine import DuckDBEngine
from broker.engine.in_process_engine import arrow_stream, result_statement
from broker.workflow.attempts import limits_for
from broker.workflow.checking.submission_check import check_submission
from broker.workflow.pipeline.output_routing import route_of
from tests.attacks.decoders.towns import PROJECT, Town

TODAY = date(2026, 11, 24)
LEAVES = OutputState.APPROVED
Keys = tuple[Value, ...]
Numbers = dict[tuple[int, Keys], tuple[int, ...]]
HOLE = "c"
OF_COUNTS = frozenset({Measure.ONES, Measure.COUNT_ROWS, Measure.COUNT_VALUES, Measure.COUNT_PERSONS, Measure.GAP})
QUOTIENTS = {"mean": Decimal("0.1"), "ratio": Decimal("0.001"), "share": Decimal("0.001")}
"""By how much the last digit of one moves."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of a row: as it leaves (None: a hole), as it is, and how far it may move where one count moves to the
    next multiple of the base."""

    shown: str | None
    exact: Value
    step: Decimal
    statistic: str = ""


@dataclass(frozen=True, slots=True)
class Left:
    """What leaves of one output: the state that policy gives it, the bytes of its table and record, its rows in order,
    and for staff how many persons stand behind each figure."""

    way: OutputState
    content: bytes
    rows: Mapping[Keys, Mapping[str, Figure]]
    small: bool
    numbers: Numbers
    """Of each statistic of each cell, the persons and rows that it is of, and those of the cell that it leaves out. Of
    each joint cell, by a number below 0, its persons: from fewer than t of them something else is hidden."""


def numbered(rows: Mapping[Keys, object], keys: Sequence[str]) -> Keys:
    """Keys as a reader sees them; rows that look alike are told apart by their order."""
    return next(k for n in range(len(rows) + 1) if (k := (*keys, n)) not in rows)


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


@contextmanager
def one_class_of_sizes() -> Iterator[None]:
    """Which cells to hide does not follow from how many persons are in them, where there are t. What the broker makes
    of fewer stays as it is: that a hole depends on it is a finding."""
    coarse = linked_pattern.coarse_size
    with patch.object(linked_pattern, "coarse_size", lambda size, t: coarse(min(size, t), t)):
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

    def frames(self, statements: Sequence[Mapping[str, str]], most: int) -> list[tuple[str, bytes]]:
        return [("table", arrow_stream(self._con, result_statement(self._con, s), most)) for s in statements]


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

    def plan(self, text: str) -> Plan | None:
        """None where the text is refused, or a person would look whatever the data are."""
        assert self.project is not None
        checked = check_submission(text, JobKind.SQL, "tsql", self.project, self.town.policies, TODAY)
        return checked.plan if checked.accepted and not checked.review else None

    def asked(self, plan: Plan) -> dict[str, list[tuple[str, bytes]]]:
        """The frames of each way, as the engine gives them."""
        found, written = {}, {}
        for way, rows in self._rows.items():
            sql = self._prepared(plan, rows.vault)
            written[way] = sql
            found[way] = rows.frames(json.loads(sql), self._limits.output_bytes)
        return found

    def _prepared(self, plan: Plan, vault: Vault) -> str:
        request = self._engine.prepare(plan, vault, "here", 1, self._limits, self._needs)
        return json.dumps(json.loads(request.frames[0][1])["statements"])

    def left(self, plan: Plan, way: str, frames: Sequence[tuple[str, bytes]]) -> list[Left]:
        """What leaves of each output of a job."""
        evidence = self._engine.read(plan, frames, self._needs)
        found = judge_job(plan, evidence, self.profile, self._rows[way].registers)
        outputs = zip(found, plan.outputs, evidence.outputs, strict=True)
        joints = {(-n, c.keys): (c.persons,) for n, t in enumerate(evidence.joints, 1) if t for c in t.cells}
        return [self._left(a, Behind(a, p, e, self), p, joints) for a, p, e in outputs]

    def _left(self, found: Assessment, behind: "Behind", planned: PlannedOutput, joints: Numbers) -> Left:
        assert self.project is not None
        way = route_of(found.verdict, True, self.project, self.town.policies, 0)
        record = json.dumps(released_record(found, self.profile)).encode()
        keys = {i for i, c in enumerate(planned.columns) if c.is_key}
        rows: dict[Keys, dict[str, Figure]] = {}
        for row in found.rows:
            figures = {
                name: Figure(
                    None if row.suppressed[i] else text_of_value(row.released[i]),
                    row.exact[i],
                    behind.step(i, row.keys),
                    planned.columns[i].statistic,
                )
                for i, name in enumerate(found.columns)
                if i not in keys
            }
            rows[numbered(rows, [text_of_value(row.released[i]) for i in sorted(keys)])] = figures
        return Left(way, released_csv(found) + record, rows, found.small, behind.numbers | joints)


class Behind:
    """The statistics behind an output's figures, cell by cell."""

    def __init__(self, found: Assessment, planned: PlannedOutput, evidence: OutputEvidence, kit: Kit) -> None:
        self._found, self._planned, self._evidence, self._kit = found, planned, evidence, kit
        self._statistics: dict[int, PlannedStatistic] = {s.ident: s for t in planned.tables for s in t.statistics}

    @cached_property
    def _cells(self) -> dict[int, dict[Keys, Any]]:
        cells: dict[int, dict[Keys, Any]] = {i: {} for i in self._statistics}
        for cell in (c for table in self._evidence.tables for c in table.cells):
            for ident, evidence in cell.statistics.items():
                cells[ident][cell.keys] = (cell.rows, cell.persons, evidence)
        return cells

    @property
    def numbers(self) -> Numbers:
        return {
            (ident, keys): (rows, persons, e.persons, e.rows, e.rest, e.rest_rows, abs(rows - e.rows))
            for ident, cells in self._cells.items()
            for keys, (rows, persons, e) in cells.items()
        }

    def step(self, column: int, keys: Keys) -> Decimal:
        """The most of the steps of the statistics behind a column, in the row's own cell or else in any. What is made
        of counts alone moves by its constants, and a quotient by its share of the whole."""
        steps, counts, behind = [Decimal(0)], True, self._found.column_statistics[column]
        of_row = [self._cells[i][keys][0] for i in behind if keys in self._cells[i]]
        elsewhere = [rows for i in behind for rows, _, _ in self._cells[i].values()]
        most = max([1, *(of_row or elsewhere)])
        for ident in behind:
            cells, statistic = self._cells[ident], self._statistics[ident]
            own = [cells[keys]] if keys in cells else list(cells.values())
            steps += [self._step(statistic, *cell) for cell in own]
            counts = counts and statistic.measure in OF_COUNTS
        kind = self._planned.columns[column].statistic
        made_of_counts = kind in {"sum", "ones", *QUOTIENTS} or (kind == "count" and not self._is_bare(column))
        if not counts or not made_of_counts:
            return max(steps)
        made = max(steps) * self._largest_constant
        return 2 * made / most + QUOTIENTS[kind] if kind in QUOTIENTS else made

    def _is_bare(self, column: int) -> bool:
        """Whether a column is a statistic as it stands, not worked out from some."""
        return getattr(self._planned.columns[column].expression, "ident", None) in self._statistics

    @cached_property
    def _largest_constant(self) -> Decimal:
        written = re.findall(r"Literal\(value=(?:Decimal\(')?-?([\d.]+)", repr(self._planned))
        return max([Decimal(1), *map(Decimal, written)])

    def _step(self, statistic: PlannedStatistic, rows: int, persons: int, evidence: Any) -> Decimal:
        """A count's is the base for each time that it is rounded, and for each row that a person has; that of a sum or
        mean is what so many ordinary contributions make, and a unit of its last digit."""
        base, n = self._kit.profile.round_base, max(1, evidence.rows)
        each = max(1, round(evidence.rows / max(1, evidence.persons)))
        match statistic.measure:
            case Measure.MEAN | Measure.SUM:
                unit = Decimal(10) ** -mean_digits(statistic, evidence, self._kit.profile)
                if statistic.measure is Measure.SUM:
                    total = abs(Decimal(str((evidence.value if evidence.total is None else evidence.total) or 0)))
                    usual = total / max(1, evidence.persons)
                    return base * usual + unit * Decimal(round_count(rows, self._kit.profile) or 0)
                return base * each * abs(Decimal(str(evidence.value or 0))) / n + unit
            case Measure.SHARE:
                whole = max(1, evidence.rows + evidence.rest_rows)
                return Decimal(2 * base * each) / whole + Decimal("0.001")
            case Measure.DEVIATION | Measure.QUANTILE | Measure.LOWEST | Measure.HIGHEST | Measure.MODE:
                return abs(Decimal(str(evidence.value or 0))) / 10 + 1
            case Measure.COUNT_PERSONS | Measure.COUNT_DISTINCT:
                return Decimal(base)
            case _:  # rows of more than one a person are rounded by persons first, and then again
                return Decimal(base * each + (base if evidence.rows > evidence.persons else 0))

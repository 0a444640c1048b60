"""A released output as its researchers collect it: table, chart, Parquet, all made from the released bytes alone."""

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from broker.disclosure.figures import MOST_POINTS, draw_points
from broker.disclosure.records.released_table import ReleasedTable, points_of, read_released, released_parquet
from broker.domain.audit import AuditEvent
from broker.domain.errors import Invalid, Unknown
from broker.domain.handed import HandedFigure, Mark
from broker.domain.jobs import Job, Kind
from broker.domain.outputs import Output
from broker.domain.people import Person
from broker.domain.permissions import Action
from broker.domain.ports import Ports
from broker.workflow import cohorts
from broker.workflow.check import check_submission
from broker.workflow.policies import policies_of
from broker.workflow.records import shelved_record
from broker.workflow.relations import project_or_unknown, reach_output
from broker.workflow.release import Download

PARQUET = "application/vnd.apache.parquet"
MOST_COLOURS = 10
"""More cannot be told apart."""


@dataclass(frozen=True, slots=True)
class Axes:
    """Columns of a chart by their places: along, up, and apart by colour."""

    x: int
    y: int
    colour: int | None = None


@dataclass(frozen=True, slots=True)
class Collected:
    """What was released of an output. `table` is None for what is no table, `axes` where nothing can be drawn."""

    output: Output
    job: Job
    record: dict[str, Any]
    table: ReleasedTable | None
    axes: Axes | None


def collected(ports: Ports, person: Person, ident: str, x: str = "", y: str = "") -> Collected:
    """The output with its record, and the axes of its chart: those that were asked for, where the table has them."""
    reached = reach_output(ports, person, Action.DOWNLOAD_RELEASE, ident)
    output, job = reached.output, reached.job
    record = json.loads(shelved_record(ports, output))
    ports.store.record([AuditEvent(ports.clock.now(), person.ident, "output.downloaded", ident)])
    table = _table(ports, output, job, record)
    return Collected(output, job, record, table, None if table is None else axes_of(table, x, y))


def chart(ports: Ports, person: Person, ident: str, x: str = "", y: str = "") -> bytes:
    """The table's SVG. Unknown where there is nothing to draw."""
    found = collected(ports, person, ident, x, y)
    if found.table is None or found.axes is None:
        raise Unknown("chart", ident)
    axes, columns = found.axes, found.table.columns
    colour = None if axes.colour is None else columns[axes.colour]
    mark = _mark(found.table, axes)
    figure = HandedFigure(found.output.name, found.output.name, mark, columns[axes.x], columns[axes.y], colour, "")
    points = points_of(found.table, axes.x, axes.y, axes.colour)
    if mark is not Mark.LINE:  # a key is a code, not an amount
        points = [p | {"x": str(p["x"])} for p in points]
    return _drawn(figure, json.dumps(points))


def parquet(ports: Ports, person: Person, ident: str) -> Download:
    """The table for programs, with its record. Unknown for what is no table."""
    found = collected(ports, person, ident)
    if found.table is None:
        raise Unknown("table", ident)
    about = {"sha256-of-csv": found.output.release_hash or "", "record": json.dumps(found.record, sort_keys=True)}
    return Download(found.output.name.removesuffix(".csv"), PARQUET, released_parquet(found.table, about))


def axes_of(table: ReleasedTable, x: str, y: str) -> Axes | None:
    """Keys along and by colour, a figure up. None without a figure to draw, or with more rows than can be seen."""
    if not table.keys or not table.figures or not 0 < len(table.rows) <= MOST_POINTS:
        return None
    along = _asked(table, table.keys, x, _usual(table))
    others = [k for k in table.keys if k != along and len(set(table.column(k))) <= MOST_COLOURS]
    axes = Axes(along, _asked(table, table.figures, y, table.figures[0]), others[0] if others else None)
    return axes if points_of(table, axes.x, axes.y, axes.colour) else None


def _asked(table: ReleasedTable, among: tuple[int, ...], name: str, usual: int) -> int:
    return next((i for i in among if table.columns[i] == name), usual)


def _usual(table: ReleasedTable) -> int:
    """A year goes along; else the key with most values."""
    years = [k for k in table.keys if "year" in table.columns[k].casefold()]
    return years[0] if years else max(table.keys, key=lambda k: len(set(table.column(k))))


def _mark(table: ReleasedTable, axes: Axes) -> Mark:
    """A line only through rows that are alone at their place; bars only where nothing would be stacked."""
    places = [(row[axes.x], row[axes.colour] if axes.colour is not None else "") for row in table.rows]
    if len(set(places)) < len(places):
        return Mark.POINT
    if "year" in table.columns[axes.x].casefold() and "ncyear" not in table.columns[axes.x].casefold():
        return Mark.LINE
    return Mark.BAR if axes.colour is None else Mark.POINT


@lru_cache(maxsize=64)
def _drawn(figure: HandedFigure, points: str) -> bytes:
    return draw_points(figure, json.loads(points))


def _table(ports: Ports, output: Output, job: Job, record: dict[str, Any]) -> ReleasedTable | None:
    if output.media_type != "text/csv" or output.release_hash is None:
        return None
    content = ports.shelf.get("released", output.release_hash)
    try:
        return read_released(content, record.get("symbols") or {}, _keys(ports, job, output.name))
    except Invalid:
        return None


def _keys(ports: Ports, job: Job, name: str) -> frozenset[str] | None:
    """The key columns by the job's plan, made anew under the policy of its day; a script has none."""
    if job.submission.kind is not Kind.SQL:
        return None
    policies, s = policies_of(ports.store, job.policy), job.submission
    project = project_or_unknown(policies, s.project)
    saved = cohorts.saved_then(ports, job)
    plan = check_submission(s.text, s.kind, s.dialect, project, policies, job.created.date(), saved).plan
    planned = next((o for o in plan.outputs if o.name == name), None) if plan else None
    return None if planned is None else frozenset(c.name for c in planned.columns if c.is_key)

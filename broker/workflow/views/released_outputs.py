"""A released output for its researchers: table, chart and Parquet, all made from the released bytes alone."""

import json
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from broker.disclosure.charts import MAX_POINTS, draw_points
from broker.disclosure.records.released_tables import ReleasedTable, read_released, released_parquet, released_points
from broker.domain.errors import Invalid, Unknown
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import Action, Person
from broker.domain.jobs.job import Job, Output
from broker.domain.jobs.script_requests import FigureMark, ScriptFigure
from broker.domain.ports import Ports
from broker.workflow.access import reach_output
from broker.workflow.checking.stored_checks import check_of_job
from broker.workflow.pipeline.job_release import Download
from broker.workflow.pipeline.output_records import stored_release_record

PARQUET = "application/vnd.apache.parquet"
MAX_COLOURS = 10
"""Readers cannot tell more colours apart."""


@dataclass(frozen=True, slots=True)
class Axes:
    """Columns of a chart by position: horizontal, vertical, and by colour."""

    x: int
    y: int
    colour: int | None = None


@dataclass(frozen=True, slots=True)
class ReleasedOutput:
    """A released output. `table` is None if it is not a table, `axes` if nothing can be drawn."""

    output: Output
    job: Job
    record: dict[str, Any]
    table: ReleasedTable | None
    axes: Axes | None


def view_released(ports: Ports, person: Person, ident: str, x: str = "", y: str = "") -> ReleasedOutput:
    """Return the output with its record and the axes of its chart: those requested, if the table has them. Audited as
    a download."""
    reached = reach_output(ports, person, Action.DOWNLOAD_RELEASE, ident)
    output, job = reached.output, reached.job
    record = json.loads(stored_release_record(ports, output))
    ports.store.record([AuditEvent(ports.clock.now(), person.ident, "output.downloaded", ident)])
    table = _table(ports, output, job, record)
    return ReleasedOutput(output, job, record, table, None if table is None else axes_of(table, x, y))


def chart(ports: Ports, person: Person, ident: str, x: str = "", y: str = "") -> bytes:
    """Return the table's chart as SVG. Raises Unknown if nothing can be drawn."""
    found = view_released(ports, person, ident, x, y)
    if found.table is None or found.axes is None:
        raise Unknown("chart", ident)
    axes, columns = found.axes, found.table.columns
    colour = None if axes.colour is None else columns[axes.colour]
    mark = _mark(found.table, axes)
    figure = ScriptFigure(found.output.name, found.output.name, mark, columns[axes.x], columns[axes.y], colour, "")
    points = released_points(found.table, axes.x, axes.y, axes.colour)
    if mark is not FigureMark.LINE:  # a key is a code, not an amount
        points = [p | {"x": str(p["x"])} for p in points]
    return _draw(figure, json.dumps(points))


def parquet(ports: Ports, person: Person, ident: str) -> Download:
    """Return the table as Parquet, with its record. Raises Unknown if the output is not a table."""
    found = view_released(ports, person, ident)
    if found.table is None:
        raise Unknown("table", ident)
    about = {"sha256-of-csv": found.output.release_hash or "", "record": json.dumps(found.record, sort_keys=True)}
    return Download(found.output.name.removesuffix(".csv"), PARQUET, released_parquet(found.table, about))


def axes_of(table: ReleasedTable, x: str, y: str) -> Axes | None:
    """Return axes with keys as `x` and by colour, and a figure as `y`. None if there is no figure, or more rows than a
    chart can show."""
    if not table.keys or not table.figures or not 0 < len(table.rows) <= MAX_POINTS:
        return None
    along = _chosen_column(table, table.keys, x, _default_axis(table))
    others = [k for k in table.keys if k != along and len(set(table.column(k))) <= MAX_COLOURS]
    axes = Axes(along, _chosen_column(table, table.figures, y, table.figures[0]), others[0] if others else None)
    return axes if released_points(table, axes.x, axes.y, axes.colour) else None


def _chosen_column(table: ReleasedTable, among: tuple[int, ...], name: str, usual: int) -> int:
    return next((i for i in among if table.columns[i] == name), usual)


def _default_axis(table: ReleasedTable) -> int:
    """Return the column for the horizontal axis: a year, else the key with most values."""
    years = [k for k in table.keys if "year" in table.columns[k].casefold()]
    return years[0] if years else max(table.keys, key=lambda k: len(set(table.column(k))))


def _mark(table: ReleasedTable, axes: Axes) -> FigureMark:
    """Return the mark: a line or bars only if no two rows have the same place, because they would be stacked;
    otherwise points."""
    places = [(row[axes.x], row[axes.colour] if axes.colour is not None else "") for row in table.rows]
    if len(set(places)) < len(places):
        return FigureMark.POINT
    if "year" in table.columns[axes.x].casefold() and "ncyear" not in table.columns[axes.x].casefold():
        return FigureMark.LINE
    return FigureMark.BAR if axes.colour is None else FigureMark.POINT


@lru_cache(maxsize=64)
def _draw(figure: ScriptFigure, points: str) -> bytes:
    return draw_points(figure, json.loads(points))


def _table(ports: Ports, output: Output, job: Job, record: dict[str, Any]) -> ReleasedTable | None:
    if output.media_type != "text/csv" or output.release_hash is None:
        return None
    # The released bytes, never the staff's: nothing else may be shown here.
    content = ports.content_store.get("released", output.release_hash)
    try:
        found = read_released(content, record.get("symbols") or {}, _key_columns(ports, job, output.name))
        return replace(found, max_errors=record.get("max_errors") or {})
    except Invalid:
        return None


def _key_columns(ports: Ports, job: Job, name: str) -> frozenset[str] | None:
    """Return the key columns by the job's plan. None for a script."""
    return next((frozenset(o.keys) for o in check_of_job(ports, job).outputs if o.name == name), None)

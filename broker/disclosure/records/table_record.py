"""What is kept for staff of a judged table: each cell's evidence and the rules' word on it. Judges nothing."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from broker.disclosure.judged_tables import JudgedRow, JudgedTable
from broker.domain.evidence import StatisticEvidence
from broker.domain.findings import JudgedStatistic, TableRecord, Verdict
from broker.domain.plans import Key
from broker.domain.scalars import Value
from broker.domain.stored_values import value_from_json, value_to_json

EVIDENCE = {f.name: f.default for f in fields(StatisticEvidence)}
RecordedCell = tuple[tuple[Value, ...], int, int, tuple[JudgedStatistic, ...]]


def table_record(table: JudgedTable) -> TableRecord:
    """Of each observed cell, shown or not. Listed rows in which nobody was found have no evidence."""
    return TableRecord(
        keys=tuple(_name(k) for k in table.planned.keys),
        statistics=tuple((s.ident, s.measure.value) for s in table.planned.statistics),
        cells=tuple(c for row in table.rows if (c := _cell(row)) is not None),
        shown=table.planned.shown,
    )


def _name(key: Key) -> str:
    return key.variable or f"key {key.ident}"


def _cell(row: JudgedRow) -> RecordedCell | None:
    cell = row.row.cell
    if cell is None:
        return None
    judged = []
    for ident, evidence in cell.statistics.items():
        shown = row.line.cells.get(ident)
        if shown is not None:
            told = (tuple(sorted(shown.rules)), shown.verdict, shown.hidden, None if shown.hidden else shown.released)
            judged.append(JudgedStatistic(ident, evidence, *told))
    return cell.keys, cell.rows, cell.persons, tuple(judged)


def record_to_json(record: TableRecord) -> dict[str, Any]:
    """Everything, exactly: `record_from_json` gives an equal value back. What evidence leaves at its default is left
    out."""
    return {
        "keys": list(record.keys),
        "statistics": [list(s) for s in record.statistics],
        "cells": [
            [[value_to_json(v) for v in k], r, p, [_judged_to_json(j) for j in s]] for k, r, p, s in record.cells
        ],
        "shown": record.shown,
    }


def record_from_json(document: Mapping[str, Any]) -> TableRecord:
    return TableRecord(
        keys=tuple(document["keys"]),
        statistics=tuple((i, m) for i, m in document["statistics"]),
        cells=tuple(
            (tuple(map(value_from_json, k)), r, p, tuple(map(_judged_from_json, s))) for k, r, p, s in document["cells"]
        ),
        shown=document["shown"],
    )


def evidence_to_json(evidence: StatisticEvidence) -> dict[str, Any]:
    values = {name: getattr(evidence, name) for name in EVIDENCE}
    return {n: value_to_json(v) for n, v in values.items() if v != EVIDENCE[n] or type(v) is not type(EVIDENCE[n])}


def _judged_to_json(judged: JudgedStatistic) -> list[Any]:
    told = [judged.statistic, evidence_to_json(judged.evidence)]
    return [*told, list(judged.rules), judged.verdict.value, judged.hidden, value_to_json(judged.released)]


def _judged_from_json(document: list[Any]) -> JudgedStatistic:
    statistic, found, rules, verdict, hidden, *released = document
    values: dict[str, Any] = {n: value_from_json(v) for n, v in found.items()}
    told = (tuple(rules), Verdict(verdict), hidden, *map(value_from_json, released))
    return JudgedStatistic(statistic, StatisticEvidence(**values), *told)

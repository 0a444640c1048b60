"""A judged table of 5,000 figures as staff JSON: 1,250 rows of four counts, one in ten flagged."""

from typing import Any

from broker.domain.findings import Verdict

ROWS, COLUMNS = 1250, ("boys", "girls", "absent", "present")


def big_document(verdict: Verdict) -> dict[str, Any]:
    return {
        "name": "absence", "columns": ["NCyearActual", "LA", *COLUMNS], "key_count": 2,
        "rows": [_row(n) for n in range(ROWS)], "findings": [_finding(n, verdict) for n in range(0, ROWS, 10)],
        "verdict": verdict.value, "small": False, "symbols": [["c", "suppressed"]],
        "notes": ["Counts are rounded to 5."], "tables": [_table()],
        "behind": [[], [], *([n] for n in range(len(COLUMNS)))], "audit": {"targets": 125, "exact": 0, "narrow": 0},
    }  # fmt: skip


def _keys(number: int) -> list[str]:
    return [str(7 + number % 5), f"group {number // 5}"]


def _row(number: int) -> dict[str, Any]:
    hidden = number % 10 == 0
    exact = [4 if hidden else 100 + number, 203, 301, 402]
    return {
        "keys": _keys(number),
        "exact": [*_keys(number), *exact],
        "released": [*_keys(number), None if hidden else 100 + number, 205, 300, 400],
        "suppressed": [False, False, hidden, False, False, False],
        "verdicts": ["publish", "publish", "suppress" if hidden else "publish", "publish", "publish", "publish"],
        "rules": [[], [], ["F1"] if hidden else [], [], [], []],
        "persons": 1003,
    }


def _finding(number: int, verdict: Verdict) -> dict[str, Any]:
    told = {"rule": "F1", "verdict": verdict.value, "sentence": "Too few persons.", "figures": [["persons", "4"]]}
    return told | {"cell": _keys(number), "column": "boys"}


def _table() -> dict[str, Any]:
    def figures(number: int) -> list[list[Any]]:
        told = {"value": 100 + number, "rows": 110, "persons": 99}
        return [[place, told, [], "publish", False] for place in range(len(COLUMNS))]

    cells = [[_keys(n), 1010, 1003, figures(n)] for n in range(ROWS)]
    statistics = [[place, "count"] for place in range(len(COLUMNS))]
    return {"keys": ["NCyearActual", "LA"], "statistics": statistics, "cells": cells, "shown": True}

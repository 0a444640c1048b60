"""Holes that the comparison with the release history makes are the same for nobody, one and nine persons: in tables of
nearly everybody, and of everybody by a code that hardly anybody has."""

import atexit
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from tests.attacks.decoders import towns
from tests.attacks.decoders.end_to_end import Brokers
from tests.attacks.decoders.judges import holes, rows_by_key
from tests.attacks.decoders.towns import BASE, KEY, YEAR, Child

SEED, PUPILS = 1, 500
CENSUS = f"spring_census_{YEAR}"
FEW = {"nobody": 0, "one": 1, "nine": 9}

pytestmark = pytest.mark.long


def tidy(con: Any) -> None:
    """Nobody has two rows, and nobody is without a phase or in a year that is nobody else's."""
    con.execute(f"DELETE FROM {CENSUS} WHERE rowid NOT IN (SELECT min(rowid) FROM {CENSUS} GROUP BY {KEY})")
    con.execute(f"UPDATE {CENSUS} SET NCyearActual = '3' WHERE NCyearActual = 'X'")
    con.execute(f"UPDATE {CENSUS} SET PHASE = 'PS' WHERE PHASE IS NULL OR PHASE <> 'SS'")


def way(change: str, few: int) -> towns.Way:
    """A tidy town with a change of a few."""

    def changed(con: Any, child: Child, schools: Sequence[tuple[int, int]]) -> None:
        tidy(con)
        con.execute(f"{change} WHERE {KEY} IN (SELECT {KEY} FROM {CENSUS} WHERE PHASE = 'PS' ORDER BY 1 LIMIT {few})")

    return changed


CHANGES = {
    "few": f"UPDATE {CENSUS} SET PHASE = NULL, NCyearActual = 'X'",
    "twice": f"INSERT INTO {CENSUS} FROM {CENSUS}",
}
WAYS = {f"{few} {change}": way(text, n) for few, n in FEW.items() for change, text in CHANGES.items()}


@cache
def brokers() -> Brokers:
    """One town for all tests here, and for whoever takes a defence out."""
    folder = Path(tempfile.mkdtemp(prefix="history-holes-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with patch.object(towns, "WAYS", {BASE: towns.WAYS[BASE]} | WAYS):
        town = towns.build_town(folder, SEED, PUPILS, tuple(WAYS))
    return Brokers(town, folder / "brokers")


OF_YEAR = "FROM npd.spring_census AS a WHERE a.AcademicYear = '2018/2019'"
TEXTS: Mapping[str, str] = {
    "everybody": f"SELECT COUNT(*) AS n {OF_YEAR}",
    "everybody but a few": f"SELECT COUNT(*) AS n {OF_YEAR} AND a.NCyearActual <> 'X'",
    "everybody by a code that all have": f"SELECT a.LA, COUNT(*) AS n {OF_YEAR} GROUP BY a.LA",
    "everybody by a code that a few have": f"SELECT a.PHASE, COUNT(*) AS n {OF_YEAR} GROUP BY a.PHASE",
    "the same with the total": f"SELECT a.PHASE, COUNT(*) AS n {OF_YEAR} GROUP BY ROLLUP (a.PHASE)",
    "everybody but a few by a code": f"SELECT a.LA, COUNT(*) AS n {OF_YEAR} AND a.NCyearActual <> 'X' GROUP BY a.LA",
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("what", TEXTS)
def test_invariant_9_holes_of_the_history_are_the_same_for_nobody_one_and_nine(what: str, change: str) -> None:
    seen = [brokers().ran(f"{few} {change}", (f"-- output: t0\n{TEXTS[what]}",)) for few in FEW]
    keys = [0] if " GROUP BY " in TEXTS[what] else []
    patterns = [holes(rows_by_key(s.told.get("table 0 t0", ""), keys)) for s in seen]
    assert patterns[0] == patterns[1] == patterns[2]


OF_A_FEW = "SUM(CASE WHEN a.NCyearActual = 'X' THEN 0 ELSE 1 END)"
SHOWN = {
    TEXTS["everybody"]: True,
    TEXTS["everybody but a few"]: False,
    f"SELECT COUNT(*) AS n, {OF_A_FEW} AS m {OF_YEAR}": False,
}
"""Whether a total leaves, with all that stands beside it."""


@pytest.mark.parametrize("text", SHOWN)
def test_a_total_leaves_where_it_is_of_everybody(text: str) -> None:
    seen = brokers().ran("one few", (f"-- output: t0\n{text}",))
    figures = seen.told.get("table 0 t0", "n\nc").splitlines()[1].split(",")
    assert ("c" not in figures) == SHOWN[text]

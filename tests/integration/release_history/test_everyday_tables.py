"""Two near-equal everyday tables, through the workflow on the synthetic NPD. After repair both are released, in any
order, and no difference of the two isolates a few persons. Real engine, real vault, real files; the sandbox is this
process."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Semaphore

import pytest

from broker.disclosure.differencing.compare_tables import compare
from tests.integration.release_history.conftest import history_of, released

pytestmark = pytest.mark.long

ON_ROLL = """-- output: {name}
SELECT PHASE, COUNT(*) AS pupils FROM npd.spring_census
WHERE AcademicYear = '2018/2019' AND OnRoll = 1{more} GROUP BY PHASE"""
BANDS = """CASE WHEN KS2_MATSCORE < 97 THEN '1' WHEN KS2_MATSCORE < 102 THEN '2' WHEN KS2_MATSCORE < 106 THEN '3'
WHEN KS2_MATSCORE < 110 THEN '4' ELSE '5' END"""
KS2 = f"""-- output: {{name}}
SELECT {BANDS} AS band, COUNT(*) AS pupils FROM npd.ks2_pupil
WHERE KS2_ACADYR = '2018/2019'{{more}} GROUP BY {BANDS}"""
PAIRS = {
    "with and without the duplicate filter": (ON_ROLL.format(name="a", more=""),
        ON_ROLL.format(name="b", more=" AND (RecordStatus IS NULL OR RecordStatus < 100)")),
    "everybody and who is on roll": (ON_ROLL.format(name="a", more="").replace(" AND OnRoll = 1", ""),
        ON_ROLL.format(name="b", more="")),
    "excluding missing KS2": (KS2.format(name="a", more=""),
        KS2.format(name="b", more=" AND KS2_READSCORE IS NOT NULL")),
}  # fmt: skip


TOLD: dict[str, dict[str, int]] = {}


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("turned", [False, True], ids=["", "turned"])
def test_two_near_equal_everyday_tables_are_both_released_after_repair(town, pair, turned):
    first, second = PAIRS[pair][::-1] if turned else PAIRS[pair]
    one, two = released(town, first), released(town, second)
    assert len(town.store.history_entries()) == 2
    shown = {k for k in one if one[k] != "c"} & {k for k in two if two[k] != "c"}
    assert shown, "neither is refused as a whole"
    TOLD[f"{pair}{' turned' if turned else ''}"] = {"rows": len(one), "shown in both": len(shown)}
    if folder := os.environ.get("PROOF_FIGURES"):
        (Path(folder) / "everyday.json").write_text(json.dumps(TOLD))
    assert compare(*history_of(town)).is_clean, "no union of the one and no union of the other differ by a few persons"


def test_invariant_4_two_releases_at_once_each_clean_alone_are_never_both_out(town, monkeypatch):
    """Both are compared with an empty memory, and both write at one moment: one of them is out, and the other looks
    again and leaves with what that one told."""
    texts = PAIRS["everybody and who is on roll"]
    gate, whole, first = Barrier(2), town.store.release, Semaphore(2)

    def together(*given, **named):
        if first.acquire(blocking=False):
            gate.wait(100)
        return whole(*given, **named)

    monkeypatch.setattr(town.store, "release", together)
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda text: released(town, text), texts))
    assert len(found) == len(town.store.history_entries()) == 2
    assert compare(*history_of(town)).is_clean
    again = [line for line in town.store.audit() if line.event.action == "job.compared"]
    assert len(again) == 3, "one was compared a second time"

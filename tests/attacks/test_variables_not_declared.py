"""A script declares attainment of a closed year, and searches for the schools that its project was also granted. A
combination rule separates the two in every job. The static scan is off; the way is a rehearsal's, in the real
container."""

from dataclasses import replace
from datetime import date
from typing import Any

import pyarrow.parquet as pq
import pytest

from broker.domain.errors import Refused
from broker.domain.jobs.job import JobKind
from broker.domain.ports import SandboxEnd
from broker.engine.file_rebuilders import ContainerRebuilder
from broker.engine.script_rows_engine import DuckDBScriptRows
from broker.workflow.checking.submission_check import CheckedSubmission, check_submission
from broker.workflow.pipeline.trusted_stage import script_request
from broker.workflow.rehearsal.rehearsal_document import rehearse_script
from tests.attacks.script_town import policies, project, rehearsal_stage, sandbox, stage, vault

pytestmark = [pytest.mark.long, pytest.mark.docker, pytest.mark.usefixtures("engine")]

HEADER = """\
# input: npd.ks4_pupil [KS4_PupilMatchingRefAnonymous, KS4_GENDER, KS4_ATT8] 2019/2020
# input: npd.spring_census [PupilMatchingRefAnonymous, PHASE] 2019/2020
# output: t.csv | Attainment of boys and girls
"""
COLUMNS = {
    "npd.ks4_pupil": ["KS4_ATT8", "KS4_GENDER", "KS4_PupilMatchingRefAnonymous"],
    "npd.spring_census": ["PHASE", "PupilMatchingRefAnonymous"],
}
LOOK = """
import os, re
import duckdb, npd, pandas as pd, pyarrow.dataset as ds, pyarrow.parquet as pq
TABLES, GONE = ("ks4_pupil", "spring_census"), ("KS4_URN", "KS4_LAESTAB", "URN", "LAEstab")
places = ["/data", "/proc/self/root/data", "/proc/1/root/data", "/proc/1/cwd/data", "/proc/thread-self/root/data",
          "../data", "/dev/fd/../root/data", "/data/..", "/data/../data"]
for line in open("/proc/self/mountinfo"):
    places += line.split()[3:5]
seen = set()
for place in places:
    for folder, _, names in os.walk(place):
        for name in names:
            if name.endswith(".parquet"):
                path = os.path.join(folder, name)
                if path.endswith("/pyarrow/" + name) or "site-packages" in path:
                    continue
                seen.add((os.path.basename(folder), name))
                try: found = set(pq.read_schema(path).names)
                except Exception: continue
                print("COLUMNS", os.path.basename(folder), name, sorted(found))
                if any(gone.encode() in open(path, "rb").read() for gone in GONE if gone not in found):
                    print("NAMED", path)
print("FILES", sorted(seen))
def ways(table, gone):
    folder = f"/data/npd.{table}"
    yield lambda: pq.read_table(f"{folder}/2019.parquet", columns=[gone]).column(gone)
    yield lambda: ds.dataset(folder).to_table(columns=[gone])
    yield lambda: pd.read_parquet(f"{folder}/2019.parquet")[gone]
    yield lambda: load(table)[gone]
    yield lambda: npd.table(table, variables=[gone])
    yield lambda: duckdb.sql(f'SELECT "{gone}" FROM {table}').fetchall()
    yield lambda: duckdb.sql(f"SELECT \\"{gone}\\" FROM read_parquet('{folder}/*.parquet')").fetchall()
    yield lambda: duckdb.sql(f"SELECT path_in_schema FROM parquet_metadata('{folder}/2019.parquet') "
                             f"WHERE path_in_schema = '{gone}'").fetchall()[0]
for table in TABLES:
    for gone in GONE:
        for number, way in enumerate(ways(table, gone)):
            try: way(); print("ESCAPED", table, gone, number)
            except Exception as fault: print("HELD", type(fault).__name__, str(fault)[:120].replace(chr(10), " "))
for other in ("absence", "ks2_pupil"):
    try: load(other); print("ESCAPED", other)
    except Exception as fault: print("HELD", type(fault).__name__)
print("ROWS", len(load("ks4_pupil")), duckdb.sql("SELECT count(KS4_ATT8) FROM ks4_pupil").fetchall()[0][0] > 0)
npd.output.table(npd.table("ks4_pupil"), by="KS4_GENDER", measures={"n": "count", "score": ("KS4_ATT8", "mean")},
                 variables=["ks4_pupil.KS4_GENDER", "ks4_pupil.KS4_ATT8"], name="t")
"""


def checked(header: str = HEADER, program: str = LOOK) -> CheckedSubmission:
    """Accepted by its header; what the code does is looked at by nothing but the container."""
    found = check_submission(header + "print(1)\n", JobKind.PYTHON, "", project(), policies(), date(2026, 11, 26))
    if found.refusals:
        raise Refused(found.refusals)
    return replace(found, canonical=header + program)


def rehearsed(runtime: str, what: CheckedSubmission) -> dict[str, Any]:
    here = rehearsal_stage()
    ports = replace(
        here.ports, sandbox=sandbox(runtime), file_rebuilder=ContainerRebuilder(), microdata_engine=DuckDBScriptRows()
    )
    return rehearse_script(replace(here, ports=ports).context(what, project(), policies()))


@pytest.mark.parametrize("runtime", ["runc", "runsc"])
def test_a_script_finds_no_variable_that_it_did_not_declare(runtime: str) -> None:
    found = rehearsed(runtime, checked())
    assert found["end"] == SandboxEnd.ENDED, found["log"]
    assert "ESCAPED" not in found["log"], found["log"]
    assert "NAMED" not in found["log"], found["log"]
    assert found["log"].count("HELD") == 2 * 4 * 8 + 2
    assert "npd.ks4_pupil has no variable 'KS4_URN' here." in found["log"]
    told = {line for line in found["log"].splitlines() if line.startswith("COLUMNS")}
    assert told == {
        f"COLUMNS {table} {file}.parquet {columns}" for table, columns in COLUMNS.items() for file in ("schema", "2019")
    }


@pytest.mark.parametrize("runtime", ["runc", "runsc"])
def test_what_it_hands_over_is_read_again_and_tabulated(runtime: str) -> None:
    """The trusted stage has the vault, whatever the script was mounted on."""
    found = rehearsed(runtime, checked())
    rows = pq.read_table(vault().script / "npd.ks4_pupil" / "2019.parquet", columns=[]).num_rows
    assert f"ROWS {rows} True" in found["log"]
    assert [o["problem"] for o in found["left"]] == [""]
    (table,) = found["outputs"]
    assert table["columns"] == ["KS4_GENDER", "n", "score"]


def test_an_honest_header_with_both_is_refused() -> None:
    with pytest.raises(Refused, match="C3"):
        checked(HEADER.replace("PHASE", "PHASE, URN"))


def test_a_job_whose_grant_breaks_no_rule_has_the_vault_itself() -> None:
    """A sandbox that waits is mounted on it."""
    for header in (HEADER.replace("2019/2020", "2016/2017"), "\n".join(HEADER.splitlines()[1:]) + "\n"):
        assert script_request(replace(stage(), checked=checked(header))).mount == vault().script

"""The researcher's library in the real container: tables in, requests and rows out, and every promised module there."""

import io
import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from broker.domain.ports import SandboxEnd, SandboxResult

pytestmark = [pytest.mark.long, pytest.mark.docker]
KEY = "PupilMatchingRefAnonymous"
PROGRAM = f"""# input: npd.absence [{KEY}, LA, score]
# output: absence.csv | Scores by authority
# output: model.csv | A model
# output: chart.png | A figure
# output: note.txt | A note
import npd, duckdb, polars
frame = load("absence")
npd.progress("loaded")
table = npd.table("absence", variables=["{KEY}", "LA", "score"], years="2021/2022")
assert len(table) == len(table.polars()) == len(table.pandas()) == len(frame) == 40
assert table.duckdb().filter("LA = 301").count("*").fetchall() == [(20,)]
made = npd.output.table(frame, by="LA", measures={{"n": "count", "m": ("score", "mean")}}, name="absence",
                        variables=["absence.LA"])
npd.output.regression("score ~ C(LA)", table, name="model")
npd.output.figure(made, name="chart")
open("note.txt", "w").write("a note")
npd.output.file("note.txt")
try:
    npd.output.table(frame.set_index("LA"), by="LA", name="other")
except npd.NpdError as wrong:
    print(wrong)
print(sorted(npd.tables()), npd.labels("Gender"))
"""


@pytest.fixture
def mount(tmp_path: Path) -> Path:
    """A vault of one table and year, with pseudonyms."""
    folder = tmp_path / "vault" / "absence"
    folder.mkdir(parents=True)
    data = pa.table(
        {KEY: [f"P{n}" for n in range(40)], "LA": pa.array([301, 302] * 20, pa.int32()), "score": [1.5, 2.5] * 20}
    )
    pq.write_table(data.slice(0, 0), folder / "schema.parquet")
    pq.write_table(data, folder / "2021.parquet")
    folder.parent.chmod(0o755)
    return folder.parent


def left(result: SandboxResult) -> dict[str, bytes]:
    """What the launcher gave out, by name."""
    found = {}
    for kind, payload in result.frames:
        if kind == "file":
            head, _, content = payload.partition(b"\n")
            found[json.loads(head)["name"]] = content
    return found


def test_what_a_script_hands_over_comes_out(docker_sandbox, python):
    result = docker_sandbox.run(python(PROGRAM, wall_seconds=60, output_files=20))
    assert result.end is SandboxEnd.ENDED, result.log.decode()
    files = left(result)
    assert sorted(files) == [
        "absence.rows.arrow", "absence.table.json", "chart.figure.json", "model.regression.json", "model.rows.arrow",
        "note.txt", "note.txt.about.json",
    ]  # fmt: skip
    request = json.loads(files["absence.table.json"])
    assert request["variables"] == {"LA": "npd.Absence.LA", KEY: f"npd.Absence.{KEY}"}
    with pa.ipc.open_file(io.BytesIO(files["absence.rows.arrow"])) as rows:
        assert rows.read_all().num_rows == 40
    log = result.log.decode()
    assert "loaded\n" in log
    assert "declares no output 'other'" in log
    assert "synthetic" not in log, "a real run previews nothing"


def test_synthetic_data_are_previewed(docker_sandbox, python):
    request = python(PROGRAM, wall_seconds=60, output_files=20)
    (kind, job), program = request.frames
    job = json.dumps(json.loads(job) | {"preview": True}).encode()
    result = docker_sandbox.run(replace(request, frames=((kind, job), program)))
    assert result.end is SandboxEnd.ENDED, result.log.decode()
    lines = [line.split() for line in result.log.decode().splitlines()]
    assert ["301", "20", "1.5"] in lines
    assert any(line[:1] == ["C(LA)[T.302]"] for line in lines), result.log.decode()


MODULES = """
import acro, lifelines, linearmodels, matplotlib.pyplot, sklearn.linear_model, statsmodels.api, scipy.stats
import numpy as np, pandas as pd
rng = np.random.default_rng(1)
frame = pd.DataFrame({"t": rng.exponential(5, 200), "e": rng.integers(0, 2, 200), "x": rng.normal(size=200)})
fitted = lifelines.CoxPHFitter().fit(frame, "t", "e")
panel = frame.assign(who=np.repeat(range(50), 4), when=np.tile(range(4), 50)).set_index(["who", "when"])
effects = linearmodels.PanelOLS(panel["t"], panel[["x"]], entity_effects=True).fit()
session = acro.ACRO(suppress=True)
session.crosstab(frame["e"], frame["x"] > 0)
session.finalise("/out/acro", "json")
import shutil
shutil.copy("/out/acro/results.json", "/out/results.json")
print(len(fitted.params_), len(effects.params))
"""


def test_the_libraries_of_the_image_work(docker_sandbox, python):
    limits = {"wall_seconds": 120, "memory_bytes": 2 << 30, "processes": 16}
    request = python(MODULES, **limits)
    (kind, job), program = request.frames
    job = json.dumps(json.loads(job) | {"allowed": [".json"]}).encode()
    result = docker_sandbox.run(replace(request, frames=((kind, job), program)))
    assert result.end is SandboxEnd.ENDED, result.log.decode()
    assert result.log.decode().endswith("1 1\n")
    assert list(left(result)) == ["results.json"]


def test_what_the_library_refuses_is_traced_to_the_scripts_own_line(docker_sandbox, python):
    result = docker_sandbox.run(python("import npd\ndef f():\n    return npd.table('absense')\nf()"))
    assert result.end is SandboxEnd.CRASHED
    lines = result.log.decode().splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert [line.strip() for line in lines if line.strip().startswith("File")] == [
        'File "/tmp/script.py", line 4, in <module>',
        'File "/tmp/script.py", line 3, in f',
    ]
    assert lines[-1].startswith("npd.UnknownTable: There is no table 'absense' here. Did you mean 'Absence'?")

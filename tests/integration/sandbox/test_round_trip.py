"""A SQL job and a Python job there and back, in every isolation, and how each kind of bad end is told."""

import pyarrow as pa
import pytest

from broker.domain.ports import SandboxEnd
from broker.python_jobs.raw_outputs import frame_name
from broker.sandbox.docker_sandbox import DockerSandbox

pytestmark = [pytest.mark.long, pytest.mark.docker]


def table(payload: bytes) -> dict:
    return pa.ipc.open_stream(payload).read_all().to_pydict()


def files(result) -> dict[str, str]:
    payloads = (payload.partition(b"\n") for kind, payload in result.frames if kind == "file")
    return {frame_name(head): content.decode() for head, _, content in payloads}


@pytest.mark.each
def test_sql(sandbox, sql):
    counts = "SELECT LA, count(*) AS n FROM npd.Absence GROUP BY LA ORDER BY LA"
    result = sandbox.run(sql(counts, "SELECT sum(score) AS s FROM npd.absence"))
    assert result.end is SandboxEnd.ENDED
    assert [kind for kind, _ in result.frames] == ["table", "table", "status"]
    assert table(result.frames[0][1]) == {"LA": ["301", "302", None], "n": [2, 1, 1]}
    assert [str(value) for value in table(result.frames[1][1])["s"]] == ["13.00"]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1/0",
        "SELECT CAST(LA || 'x' AS INTEGER) FROM npd.absence",
        "SELECT * FROM read_csv('/data/absence/other.csv')",
        "SELECT * FROM '/data/absence/*.parquet'",
        "SELECT * FROM read_text('/etc/passwd')",
        "COPY (SELECT 1) TO '/tmp/x.csv'",
        "ATTACH '/tmp/x.db'",
        "INSTALL httpfs",
        "SET memory_limit='99GB'",
        "SET enable_external_access=true",
        "not SQL at all",
    ],
)
def test_hardened_sql_fails_without_a_word_about_why(statement, sql, sandbox_root):
    result = DockerSandbox(sandbox_root, "runc").run(sql(statement))
    assert (result.end, result.frames, result.log) == (SandboxEnd.ENGINE_ERROR, (), b"")


MANY = "range(1000000)"


@pytest.mark.parametrize(
    ("statement", "end"),
    [
        (f"SELECT count(*) FROM {MANY} a, {MANY} b WHERE a.range % 7 = b.range % 5", SandboxEnd.TIME_LIMIT),
        ("SELECT sleep_ms(60000)", SandboxEnd.TIME_LIMIT),
        ("SELECT range AS r FROM range(3000000)", SandboxEnd.OUTPUT_LIMIT),
        ("SELECT length(repeat('x', 3000000000))", SandboxEnd.MEMORY_LIMIT),
    ],
)
def test_sql_limits(docker_sandbox, sql, statement, end):
    result = docker_sandbox.run(sql(statement, wall_seconds=3))
    assert result.end in ({end, SandboxEnd.ENGINE_ERROR} if end is SandboxEnd.MEMORY_LIMIT else {end})
    assert result.seconds < 50


PROGRAM = """
import duckdb, os, sys
absence = load("absence")
print("rows", len(absence), absence["score"].dtype, os.getcwd())
assert absence.equals(load("npd.Absence"))
duckdb.sql("SELECT LA, count(*) AS n FROM absence GROUP BY LA ORDER BY LA").df().to_csv("table.csv", index=False)
assert duckdb.sql("SELECT count(*) FROM npd.absence").fetchall() == [(4,)]
open("/out/note.txt", "w").write("fine")
open("/out/.hidden.csv", "w").write("x")
open("/out/model.joblib", "w").write("x")
os.symlink("/data/absence/other.csv", "/out/link.csv")
os.link("/out/note.txt", "/tmp/../out/second.txt") if False else None
os.mkfifo("/out/pipe.csv")
os.mkdir("/out/folder.csv")
print("done", file=sys.stderr)
"""


@pytest.mark.each
def test_python(sandbox, python):
    result = sandbox.run(python(PROGRAM))
    assert result.end is SandboxEnd.ENDED, result.log.decode()
    assert files(result) == {"note.txt": "fine", "table.csv": "LA,n\n301,2\n302,1\n,1\n"}
    assert b"rows 4 float64 /out\n" in result.log
    assert b"done\n" in result.log


@pytest.mark.parametrize(
    ("program", "end"),
    [
        ("raise ValueError('x')", SandboxEnd.CRASHED),
        ("raise SystemExit(3)", SandboxEnd.CRASHED),
        ("raise SystemExit", SandboxEnd.ENDED),
        ("exit()", SandboxEnd.ENDED),
        ("import os; os._exit(0)", SandboxEnd.ENDED),
        ("import os; os.kill(os.getpid(), 11)", SandboxEnd.CRASHED),
        ("def f(:", SandboxEnd.CRASHED),
        ("b = bytearray(64 << 30)", SandboxEnd.MEMORY_LIMIT),
        ("while True: pass", SandboxEnd.TIME_LIMIT),
        ("while True: print('x' * 65536)", SandboxEnd.OUTPUT_LIMIT),
        ("for n in range(6): open(f'/out/f{n}.csv', 'w').write('1')", SandboxEnd.OUTPUT_LIMIT),
        ("import load_nothing", SandboxEnd.CRASHED),
    ],
)
def test_python_ends(sandbox, python, program, end):
    result = sandbox.run(python(program, wall_seconds=5))
    assert result.end is end, result.log.decode()
    assert len(result.log) <= 65536
    if end is not SandboxEnd.ENDED:
        assert result.frames == ()

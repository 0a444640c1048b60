"""Attacks by Parquet files: hidden content is lost, oversized content is not unpacked, and only a container of trusted
code without data opens the file. All of it in the real container."""

import contextlib
import io
import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import docker
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from broker.domain.findings import Verdict
from broker.domain.jobs.script_files import RawFile, RebuiltFile
from broker.domain.ports import SandboxEnd, WarmPoolLimits
from broker.engine.file_rebuilders import container_request
from broker.python_jobs.raw_outputs import sort_outputs
from broker.sandbox.narrow_mounts import job_mount
from broker.sandbox.warm_pool import WarmPool
from broker.sandbox.warm_pool_registry import WarmPoolRegistry
from broker.workflow.pipeline.script_outputs import draft_file
from broker.workflow.pipeline.trusted_stage import rebuild_outputs, rebuild_request
from tests.attacks.script_town import policies, profile, stage_there

pytestmark = [pytest.mark.long, pytest.mark.docker, pytest.mark.usefixtures("engine")]
TABLE = {"LA": ["B", "A"], "n": [40, 50], "mean": [1234.56789, None]}
REMADE = "LA,mean,n\nA,,50\nB,1234.6,40\n"


def parquet(table: Any, metadata: dict[str, str] | None = None, **options: Any) -> bytes:
    target = io.BytesIO()
    made = table if isinstance(table, pa.Table) else pa.table(table)
    pq.write_table(made.replace_schema_metadata(metadata), target, **options)
    return target.getvalue()


def read(content: bytes) -> RebuiltFile:
    """The file as the broker has it, once trusted code has made it anew."""
    left = sort_outputs([("file", b'{"name": "t.parquet"}\n' + content)], ["t.csv"], policies().service)
    (file,) = rebuild_outputs(stage_there(), left).files
    return file


def remade(content: bytes) -> str:
    found = draft_file(read(content), policies(), profile())
    assert found.verdict is Verdict.REVIEW, found.record
    assert found.candidate is not None
    return found.candidate.decode()


def padded(content: bytes, more: bytes) -> bytes:
    """Bytes between the last page and the footer, where nobody looks."""
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    return content[:footer] + more + content[footer:]


WAYS: dict[str, Callable[[], bytes]] = {
    "as it is": lambda: parquet(TABLE),
    "metadata": lambda: parquet(TABLE, {"pupil": "0a1b" * 1000, "pandas": "{}"}),
    "order": lambda: parquet(pa.table(TABLE).take([1, 0]).select(["n", "mean", "LA"])),
    "digits": lambda: parquet(TABLE | {"mean": [1234.5678900001, None]}),
    "row groups": lambda: parquet(TABLE, row_group_size=1, compression="gzip"),
    "encodings": lambda: parquet(TABLE, use_dictionary=False, version="1.0", compression="none"),
    "a dictionary": lambda: parquet(pa.table(TABLE | {
        "LA": pa.DictionaryArray.from_arrays([1, 0], ["A", "B", "0a1b" * 8])})),
    "unused bytes": lambda: padded(parquet(TABLE), b"0a1b" * 1000),
    "types": lambda: parquet(pa.table(TABLE).cast(pa.schema({
        "LA": pa.large_string(), "n": pa.decimal128(30, 3), "mean": pa.float64()}))),
    "not a number": lambda: parquet(TABLE | {"mean": [1234.56789, float("nan")]}),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_files_that_say_the_same_leave_as_the_same_bytes(way: str) -> None:
    assert remade(WAYS[way]()) == REMADE


def test_dates_are_as_in_a_csv() -> None:
    moments = {"day": [date(2022, 9, 1)], "at": [datetime(2022, 9, 1)], "then": [datetime(2022, 9, 1, 8, 30)]}
    assert remade(parquet(moments)) == "at,day,then\n2022-09-01,2022-09-01,2022-09-01 08:30:00\n"


FLAGGED: dict[str, tuple[str, Callable[[], Any]]] = {
    "identifiers": ("T3", lambda: {"PupilMatchingRefAnonymous": ["x"], "n": [40]}),
    "pseudonyms": ("T3", lambda: {"who": ["0a1b" * 8]}),
    "rows of persons": ("T4", lambda: {"a": list(range(1000, 1300)), "b": list(range(2000, 2300))}),
    "many values": ("T5", lambda: {"score": [n + 0.5 for n in range(150)]}),
    "small counts": ("F1", lambda: {"LA": ["A", "B"], "n": [3, 40]}),
}


@pytest.mark.parametrize("what", FLAGGED)
def test_what_is_flagged_in_a_csv_is_flagged_in_it(what: str) -> None:
    rule, table = FLAGGED[what]
    found = draft_file(read(parquet(table())), policies(), profile())
    assert rule in [f[0] for f in json.loads(found.findings)]


def nested(kind: pa.DataType, value: Any) -> bytes:
    return parquet(pa.table({"x": pa.array([value], kind)}))


def long_text() -> bytes:
    """A few kilobytes that are five gigabytes of text: one long text, in each of many rows."""
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 5000, pa.int32()), ["y" * 1_000_000])
    return parquet(pa.table({"x": texts}), compression="zstd")


def broken_pages() -> bytes:
    """Nothing where the middle of its page was."""
    whole = parquet({"x": ["y" * 5_000_000]}, use_dictionary=False, compression="zstd", write_statistics=False)
    return whole[:200] + bytes(len(whole) - 400) + whole[-200:]


STAYS: dict[str, Callable[[], bytes]] = {
    "lists": lambda: nested(pa.list_(pa.int64()), [1]),
    "structs": lambda: nested(pa.struct({"a": pa.int64()}), {"a": 1}),
    "maps": lambda: nested(pa.map_(pa.string(), pa.int64()), [("a", 1)]),
    "bytes": lambda: nested(pa.binary(), b"0a1b"),
    "times of day": lambda: nested(pa.time64("us"), datetime(2022, 9, 1).time()),
    "too many columns": lambda: parquet({f"x{n}": [1] for n in range(201)}),
    "no columns": lambda: parquet(pa.table({})),
    "no text": lambda: parquet(pa.table({"x": pa.array([b"\xff"], pa.binary()).view(pa.string())})),
    "a bomb of text": long_text,
    "broken pages": broken_pages,
    "half a file": lambda: parquet(TABLE)[:-20],
    "no Parquet": lambda: b"PAR1" + b"\xff" * 5000 + b"PAR1",
    "nothing": lambda: b"",
}


@pytest.mark.parametrize("what", STAYS)
def test_what_is_no_flat_table_stays_and_ends_no_job(what: str) -> None:
    file = read(STAYS[what]())
    assert (file.name, file.content, file.problem) == ("t.csv", None, "type")


def many_rows() -> bytes:
    """A hundred million rows in a few kilobytes."""
    return parquet(pa.table({"x": pa.repeat(pa.scalar(7, pa.int8()), 100_000_000)}), compression="zstd")


def test_many_rows_are_not_unpacked() -> None:
    file = read(many_rows())
    assert (file.name, file.content, file.problem) == ("t.csv", None, "size")


def test_two_columns_of_one_name_are_no_table() -> None:
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["x", "x"])
    found = draft_file(read(parquet(twice)), policies(), profile())
    assert (found.verdict, found.candidate) == (Verdict.REFUSE, None)


@pytest.mark.parametrize("runtime", ["runc", "runsc"])
def test_the_container_that_opens_it_has_no_data(runtime: str) -> None:
    """On either runtime it is mounted on an empty folder; and it reports the same of a file."""
    stage = stage_there(runtime)
    asked = container_request([RawFile("t.csv", ".parquet", parquet(TABLE))], rebuild_request(stage))
    assert asked.narrow == ()
    with TemporaryDirectory() as folder:
        assert list(job_mount(asked, Path(folder)).rglob("*")) == []
    result = stage.ports.sandbox.run(asked)
    assert result.end is SandboxEnd.ENDED
    assert result.runtime == runtime
    (told,) = (payload for kind, payload in result.frames if kind == "file")
    assert told.decode().partition("\n")[2] == REMADE


@pytest.mark.parametrize("runtime", ["runc", "runsc"])
def test_what_waits_for_files_has_no_data(runtime: str) -> None:
    """The container that waits for the next job's files is mounted on an empty folder, even where the kernel could
    narrow a larger mount."""
    stage = stage_there(runtime)
    sandbox = stage.ports.sandbox
    asked = container_request([RawFile("t.csv", ".parquet", parquet(TABLE))], rebuild_request(stage))
    assert any(asked.mount.rglob("*.parquet")), "there are data that it could see"
    pool = WarmPool(sandbox, lambda: WarmPoolLimits(each=1, memory_bytes=1 << 31, idle_seconds=60))
    try:
        for attempt in (1, 2):  # the first shows what the kernel can do, and the second requests what suits that
            assert sandbox.run(replace(asked, attempt=attempt)).end is SandboxEnd.ENDED
        assert mounted_files(waiting_container(sandbox.warm_registry, pool)) == []
    finally:
        pool.clear()


def waiting_container(registry: WarmPoolRegistry, pool: WarmPool) -> str:
    until = time.monotonic() + 60
    while not (waiting := [one.container for ones in registry.waiting().values() for one in ones]):
        assert time.monotonic() < until, "the pool did not fill"
        time.sleep(0.1)
        pool.maintain()
    return waiting[0]


def mounted_files(container: str) -> list[Path]:
    with contextlib.closing(docker.APIClient()) as engine:
        (mount,) = engine.inspect_container(container)["Mounts"]
    return [*Path(mount["Source"]).rglob("*")]

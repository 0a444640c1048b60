"""The trusted cut puts each person's rows of all tables into one block. The person and the key alone choose the block.
Public tables stay whole."""

import json

import pyarrow as pa
import pytest
from blocks_kit import LENGTH, POLICIES
from test_script_neighbours import vaults, world  # noqa: F401  the fixture, and the town of it

from broker.domain.jobs.job import JobKind
from broker.engine.private_engine import DuckDBBlocks
from broker.python_jobs.block_tables import BlockTable, BlockTables
from broker.sandbox.docker_sandbox import DockerSandbox
from broker.workflow.run_context import limits_for

BLOCKS = 7
A = BlockTable("npd.a", ("Key", "Score", "Y"), frozenset({2017, 2018}))
B = BlockTable("npd.b", ("Key", "Days"), frozenset({2018}))
LAS = BlockTable("ref.las", ("LA", "Region"), None)


def cut(sandbox, vault, key, job):
    asked = BlockTables((LAS,), (A, B), "pupil")
    limits = limits_for(JobKind.SQL, POLICIES)
    result = sandbox.run(DuckDBBlocks().prepare_cut(asked, BLOCKS, key, vault, job, 1, limits))
    content = DuckDBBlocks().read_cut(result.frames)
    head, _, body = content.partition(b"\n")
    told = json.loads(head)
    shared, at = tables(body[: told["shared"]]), told["shared"]
    blocks = []
    for length in told["blocks"]:
        blocks.append(tables(body[at : at + length]))
        at += length
    assert at == len(body)
    return shared, blocks


def tables(content):
    found, at = [], 0
    while at < len(content):
        (length,) = LENGTH.unpack_from(content, at)
        at += LENGTH.size
        found.append(pa.ipc.open_stream(content[at : at + length]).read_all())
        at += length
    return found


def block_of(blocks):
    return {key: n for n, (a, _) in enumerate(blocks) for key in a["Key"].to_pylist()}


@pytest.mark.docker
def test_each_person_is_in_one_block_with_all_rows(vaults, sandbox_root):  # noqa: F811
    sandbox = DockerSandbox(sandbox_root, "runc")
    (las,), blocks = cut(sandbox, vaults["whole"], "0" * 16, "cut-1")
    assert las.num_rows == 1
    assert len(blocks) == BLOCKS
    assert [t.column_names for t in blocks[0]] == [list(A.variables), list(B.variables)]
    rows = [row for a, _ in blocks for row in a.to_pylist()]
    assert len(rows) == 2 * 121, "two of the three years"
    assert {r["Y"] for r in rows} == {"2017/2018", "2018/2019"}
    places = [set(a["Key"].to_pylist()) for a, _ in blocks]
    assert sum(map(len, places)) == len(set().union(*places)) == 121
    assert min(map(len, places)) > 5, "about as many in each"


@pytest.mark.docker
def test_a_block_depends_on_the_person_and_the_key_alone(vaults, sandbox_root):  # noqa: F811
    sandbox = DockerSandbox(sandbox_root, "runc")
    found = {
        name: cut(sandbox, vaults[vault], key, f"cut-{name}")[1]
        for name, vault, key in (("w", "whole", "0" * 16), ("r", "removed", "0" * 16), ("k", "whole", "1" * 16))
    }
    whole, removed, other = (block_of(found[n]) for n in "wrk")
    left = {key: n for key, n in whole.items() if key in removed}
    assert len(left) == 120
    assert left == removed, "who is taken out moves nobody else"
    assert sum(other[key] != n for key, n in whole.items()) > 60, "under another key all are cut anew"
    (gone,) = whole.keys() - removed.keys()
    for n, (before, after) in enumerate(zip(found["w"], found["r"], strict=True)):
        assert (before == after) == (n != whole[gone]), "and all other blocks are the same, to the order of their rows"

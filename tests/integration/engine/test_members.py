"""Members through a vault: the request, what the image's statements return, global numbers, and frames that are not
what was asked for."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from broker.domain.errors import Breach
from broker.domain.plans.plan import EvidenceNeeds, Plan
from broker.domain.ports import SandboxEnd, Vault
from broker.engine.in_process_engine import InProcessEngine
from broker.engine.members_engine import DuckDBMembersEngine
from broker.evidence.member_tables import from_bytes
from tests.integration.engine.test_duckdb_engine import LIMITS, OUTPUT, PLAN, TABLE, stream, vault  # noqa: F401
from tests.integration.expected_errors import expect

NEEDS = EvidenceNeeds(10)
NUMBERS = np.array([70, 50, 60, 40], "<u4").tobytes()
"""The global numbers of the four persons, each of two rows, one in either area."""
ENGINE = DuckDBMembersEngine()


def found(vault: Vault, limits=LIMITS):  # noqa: F811
    request = ENGINE.prepare_members(PLAN, vault, "j1", 2, limits, NEEDS, ENGINE.shown(PLAN))
    return request, InProcessEngine().run(request)


def test_members_come_with_global_numbers_and_every_amount(vault):  # noqa: F811
    request, result = found(vault)
    ((kind, payload),) = request.frames
    assert (kind, request.image, request.mount, request.attempt) == ("job", "sql", vault.evidence, 2)
    assert [t["name"] for t in json.loads(payload)["tables"]] == ["census", "schools"]
    (table,) = ENGINE.read_members(PLAN, result.frames, NUMBERS, ((0, 0),))
    members = from_bytes(table.content)
    persons, cells = members.rows()
    assert (table.address, table.cells) == ((0, 0), ((201,), (202,)))
    assert sorted(zip(persons.tolist(), cells.tolist(), strict=True)) == [
        (p, c) for p in (40, 50, 60, 70) for c in (0, 1)
    ]
    totals = dict(zip(zip(persons.tolist(), cells.tolist(), strict=True), members.amounts["s21_total"], strict=True))
    assert totals == {(70, 0): 0, (70, 1): 0.25, (50, 0): 0.5, (50, 1): 0.75, (60, 0): 1, (60, 1): 1.25, (40, 0): 1.5,
                      (40, 1): 1.75}  # fmt: skip
    assert set(members.amounts) == {"s21_total", "s22_total", "s23_total"}, "what is 1 for all is not kept"


def test_a_table_that_no_output_shows_has_no_members(vault):  # noqa: F811
    hidden = Plan((replace(OUTPUT, tables=(TABLE, replace(TABLE, shown=False))),), ())
    assert ENGINE.shown(hidden) == ((0, 0),)
    for wanted in (((0, 1),), ((0, 0), (0, 0)), ((1, 0),)):
        expect(Breach, ENGINE.prepare_members, hidden, vault, "j1", 1, LIMITS, NEEDS, wanted, match="no output shows")


def test_what_is_too_much_ends_with_a_word_and_no_members(vault):  # noqa: F811
    _, result = found(vault, replace(LIMITS, output_bytes=800))
    assert (result.end, result.frames) == (SandboxEnd.OUTPUT_LIMIT, ())


def spoilt(frames, number, change):
    table = pa.ipc.open_stream(frames[number][1]).read_all()
    return [*frames[:number], ("table", stream(change(table))), *frames[number + 1 :]]


def set_to(name, values, kind=None):
    def change(table: pa.Table) -> pa.Table:
        at = table.schema.get_field_index(name)
        return table.set_column(at, name, pa.array(values, kind or table.schema.field(name).type))

    return change


EIGHT = range(8)
SPOILS = {
    "a person that there is not": (1, set_to("p", [9] * 8)),
    "a person twice in a cell": (1, lambda t: pa.concat_tables([t, t.slice(0, 1)])),
    "a cell that there is not": (1, set_to("cell", [2] * 8)),
    "a cell below all": (1, set_to("cell", [-1] * 8)),
    "a member without a row": (1, set_to("rows", [0] * 8)),
    "more values than rows": (1, set_to("s21_given", [2] * 8)),
    "a total that is not finite": (1, set_to("s21_total", [float("nan")] * 8)),
    "a number of another type": (1, set_to("p", list(EIGHT), pa.int64())),
    "a missing number": (1, set_to("p", [None, *range(7)])),
    "a column less": (1, lambda t: t.drop_columns(["s23_total"])),
    "columns in another order": (1, lambda t: t.select(t.schema.names[::-1])),
    "cells out of order": (0, set_to("cell", [1, 0])),
    "a cell twice": (0, set_to("k0", [201, 201])),
    "a key of another type": (0, set_to("k0", ["a", "b"], pa.string())),
}


@pytest.mark.parametrize("what", SPOILS)
def test_frames_that_cannot_be_are_a_breach(vault, what):  # noqa: F811
    _, result = found(vault)
    number, change = SPOILS[what]
    expect(Breach, ENGINE.read_members, PLAN, spoilt(list(result.frames), number, change), NUMBERS, ((0, 0),))


@pytest.mark.parametrize(
    "change",
    [lambda f: f[:1], lambda f: f[1:], lambda f: [*f[:2], *f], lambda f: [("file", f[0][1]), *f[1:]],
     lambda f: [("table", b"nothing"), *f[1:]]],
)  # fmt: skip
def test_other_frames_than_two_a_table_are_a_breach(vault, change):  # noqa: F811
    _, result = found(vault)
    expect(Breach, ENGINE.read_members, PLAN, change(list(result.frames)), NUMBERS, ((0, 0),))

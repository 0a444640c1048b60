"""Members of a script table: the persons of its evidence, by their global numbers."""

import json
from collections import defaultdict

import numpy as np
import pyarrow.parquet as parquet
import pytest

from broker.disclosure.rules import evidence_needs
from broker.domain.errors import Breach
from broker.domain.ports import SubmittedMicrodata
from broker.engine.members_engine import DuckDBMembersEngine
from broker.engine.script_rows_engine import DuckDBScriptRows
from broker.evidence.member_tables import Members, from_bytes
from broker.python_jobs.request_reader import read_request
from broker.workflow.pipeline.script_computation import plan_tables
from tests.integration.submitted_rows.conftest import LIMITS, file_of, run_here
from tests.integration.submitted_rows.test_tables import REQUEST, SELECT


@pytest.fixture
def request_case(vault, inputs, policies, project, select):
    request = read_request(json.dumps(REQUEST).encode(), "table", "t")
    planned = plan_tables((request,), inputs, project, policies)
    rows = select(SELECT)
    to = SubmittedMicrodata(vault, tuple(inputs.uses), file_of(rows), "j", 1)
    return planned, to, evidence_needs(policies.disclosure_rules(project.profile)), rows


def numbers_of(vault) -> bytes:
    """Any numbers will do: here another for each."""
    return (np.arange(vault.persons, dtype="<u4")[::-1] + 7).astype("<u4").tobytes()


def test_members_add_up_to_the_evidence(request_case, vault) -> None:
    planned, to, needs, rows = request_case
    engine = DuckDBMembersEngine()
    wanted = engine.shown(planned.plan)
    frames = run_here(engine.prepare_script_members(planned.plan, planned.rows, to, LIMITS, needs, wanted))
    (found,) = engine.read_script_members(planned.plan, frames, numbers_of(vault), wanted)
    hot = DuckDBScriptRows()
    _, evidence = hot.read(planned.plan, run_here(hot.prepare(planned.plan, planned.rows, to, LIMITS, needs)), needs)
    cells = {c.keys: c for c in evidence.outputs[0].tables[0].cells}
    persons, by_cell, rows_of = _by_cell(from_bytes(found.content))
    assert set(found.cells) == set(cells)
    assert {found.cells[c]: n for c, n in by_cell.items()} == {k: c.persons for k, c in cells.items()}
    assert {found.cells[c]: n for c, n in rows_of.items()} == {k: c.rows for k, c in cells.items()}
    assert len(set(persons)) == len(set(rows["pupil"].to_pylist()))
    assert min(persons) >= 7


def _by_cell(members: Members):
    persons, cells = members.rows()
    rows = members.amounts.get("rows", np.ones(len(persons), np.int64))
    count, added = defaultdict(int), defaultdict(int)
    for cell, n in zip(cells.tolist(), rows.tolist(), strict=True):
        count[cell] += 1
        added[cell] += n
    return persons.tolist(), count, added


def test_rows_that_have_a_problem_now_have_no_members(request_case, vault) -> None:
    planned, to, needs, _ = request_case
    engine = DuckDBMembersEngine()
    wanted = engine.shown(planned.plan)
    spoilt = SubmittedMicrodata(to.vault, to.inputs, to.content[:-40], to.job, to.attempt)
    frames = run_here(engine.prepare_script_members(planned.plan, planned.rows, spoilt, LIMITS, needs, wanted))
    with pytest.raises(Breach, match="have a problem now"):
        engine.read_script_members(planned.plan, frames, numbers_of(vault), wanted)


def test_the_numbers_of_the_vault_lead_to_the_global_ones(vault) -> None:
    """What the map holds is one row for each project-local number, in order."""
    path = vault.evidence.parents[2] / "private" / "maps" / f"{vault.key}.parquet"
    found = parquet.read_table(path)
    assert found["__p"].to_pylist() == list(range(vault.persons))

"""Rows that a script submits for a table: verified against the vault, tabulated like other rows, or refused."""

import json
from collections import defaultdict
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from broker.disclosure.judge_job import judge_job
from broker.disclosure.rules import evidence_needs
from broker.domain.errors import Breach
from broker.domain.evidence import JobEvidence
from broker.domain.findings import Assessment, Verdict
from broker.domain.jobs.script_requests import MicrodataCheck, MicrodataProblem
from broker.domain.ports import SubmittedMicrodata, Vault
from broker.engine.members_engine import DuckDBMembersEngine
from broker.engine.script_rows_engine import DuckDBScriptRows
from broker.evidence.member_tables import Members, from_bytes
from broker.python_jobs.request_reader import read_request
from broker.python_jobs.submitted_rows import JobInputs
from broker.workflow.pipeline.script_computation import plan_tables
from tests.integration.submitted_rows.conftest import LIMITS, file_of, run_here

SELECT = """SELECT c.PupilMatchingRefAnonymous AS pupil, c.LA, c.PHASE AS phase, c.FSMeligible AS fsm,
    a.OverallAbsence_6HalfTerms AS missed,
    round(100.0 * a.OverallAbsence_6HalfTerms / a.SessionsPossible_6HalfTerms, 2) AS rate
FROM npd.spring_census c JOIN npd.absence a USING (PupilMatchingRefAnonymous, AcademicYear)
WHERE c.AcademicYear = '2022/2023'"""
REQUEST = {
    "version": 1, "kind": "table", "name": "t", "person": "pupil", "by": ["phase"],
    "measures": {"n": {"count": True}, "people": {"persons": True}, "fsm_share": {"share": "fsm"},
                 "mean_rate": {"mean": "rate"}, "missed": {"sum": "missed"}},
    "variables": {"pupil": "npd.spring_census.PupilMatchingRefAnonymous", "phase": "npd.spring_census.PHASE",
                  "LA": "spring_census.LA", "fsm": "npd.spring_census.FSMeligible",
                  "missed": "npd.absence.OverallAbsence_6HalfTerms"},
    "description": "by phase",
}  # fmt: skip
Tabulate = Callable[..., tuple[MicrodataCheck, JobEvidence | None, Assessment | None]]


@pytest.fixture
def tabulate(vault: Vault, inputs: JobInputs, policies, project) -> Tabulate:
    def run(rows: pa.Table | bytes, **changed: object):
        request = read_request(json.dumps(REQUEST | changed).encode(), "table", "t")
        planned = plan_tables((request,), inputs, project, policies)
        profile = policies.disclosure_rules(project.profile)
        content = rows if isinstance(rows, bytes) else file_of(rows)
        to = SubmittedMicrodata(vault, tuple(inputs.uses), content, "j", 1)
        engine, needs = DuckDBScriptRows(), evidence_needs(profile)
        frames = run_here(engine.prepare(planned.plan, planned.rows, to, LIMITS, needs))
        checked, evidence = engine.read(planned.plan, frames, needs)
        if evidence is None:
            return checked, None, None
        (assessment,) = judge_job(planned.plan, evidence, profile)
        return checked, evidence, assessment

    return run


def test_a_table_has_the_evidence_that_sql_would_have(tabulate, select):
    rows = select(SELECT)
    checked, evidence, assessment = tabulate(rows)
    assert checked == MicrodataCheck(rows.num_rows, len(set(rows["pupil"].to_pylist())), 0)
    counted = rows.group_by("phase").aggregate([("pupil", "count_distinct"), ("pupil", "count")]).to_pylist()
    cells = {c.keys: (c.persons, c.rows) for c in evidence.outputs[0].tables[0].cells}
    assert cells == {(r["phase"],): (r["pupil_count_distinct"], r["pupil_count"]) for r in counted}
    assert assessment.columns == ("phase", "n", "people", "fsm_share", "mean_rate", "missed")
    assert assessment.verdict is Verdict.REVIEW


def test_rows_without_a_derived_column_are_not_marked(tabulate, select):
    rows = select(SELECT).drop_columns(["rate"])
    measures = {"n": {"count": True}, "missed": {"mean": "missed"}}
    _, _, derived = tabulate(select(SELECT))
    _, _, verified = tabulate(rows, measures=measures)
    said = "was not verified"
    assert any(said in f.sentence for f in derived.findings)
    assert not any(said in f.sentence for f in verified.findings)


def with_column(rows: pa.Table, name: str, change) -> pa.Table:
    values = rows[name].to_pylist()
    return rows.set_column(rows.column_names.index(name), name, [change(values)])


@pytest.mark.parametrize(
    ("problem", "spoil"),
    [
        (MicrodataProblem.UNREADABLE, lambda rows: b"ARROW1\0\0 nothing"),
        (MicrodataProblem.UNREADABLE, lambda rows: file_of(rows)[:-40]),
        (MicrodataProblem.COLUMNS, lambda rows: rows.drop_columns(["phase"])),
        (MicrodataProblem.COLUMNS, lambda rows: rows.append_column("extra", rows["phase"])),
        (MicrodataProblem.COLUMNS, lambda rows: with_column(rows, "rate", lambda v: [[x] for x in v])),
        (MicrodataProblem.VALUES, lambda rows: with_column(rows, "rate", lambda v: [float("inf"), *v[1:]])),
        (MicrodataProblem.VALUES, lambda rows: with_column(rows, "rate", lambda v: ["a lot", *map(str, v[1:])])),
        (MicrodataProblem.VALUES, lambda rows: with_column(rows, "rate", lambda v: [2e9, *v[1:]])),
        (MicrodataProblem.VALUES, lambda rows: with_column(rows, "fsm", lambda v: [2, *v[1:]])),
        (MicrodataProblem.UNKNOWN, lambda rows: with_column(rows, "pupil", lambda v: ["0" * 32, *v[1:]])),
        (MicrodataProblem.REPEATED, lambda rows: pa.concat_tables([rows] * 12)),
        (MicrodataProblem.MISMATCH, lambda rows: with_column(rows, "missed", lambda v: [(v[0] or 0) + 399, *v[1:]])),
        (MicrodataProblem.MISMATCH, lambda rows: with_column(rows, "pupil", lambda v: v[1:] + v[:1])),
        (MicrodataProblem.BINARY, lambda rows: with_column(rows, "rate", lambda v: [100.0 * (x > 5) for x in v])),
    ],
)
def test_rows_with_a_problem_have_no_figures(tabulate, select, problem, spoil):
    rows = select(SELECT + " AND a.OverallAbsence_6HalfTerms IS NOT NULL AND a.SessionsPossible_6HalfTerms > 0")
    checked, evidence, _ = tabulate(spoil(rows))
    assert (checked.problem, evidence) == (problem, None)
    assert checked.times > 0


def as_pandas_has_them(rows: pa.Table) -> pa.Table:
    rows = rows.set_column(rows.column_names.index("phase"), "phase", rows["phase"].dictionary_encode())
    return rows.set_column(rows.column_names.index("LA"), "LA", pc.cast(rows["LA"], pa.float64()))


TAKEN = {
    "categories and floats": (as_pandas_has_them, 0),
    "a left join without the other table's values": (lambda r: with_column(r, "missed", lambda v: [None, *v[1:]]), 0),
    "rows without a pseudonym are left out": (lambda r: with_column(r, "pupil", lambda v: [None, None, *v[2:]]), 2),
}


@pytest.mark.parametrize(("change", "left_out"), TAKEN.values(), ids=TAKEN)
def test_rows_as_scripts_have_them_are_taken(tabulate, select, change, left_out):
    checked, _, _ = tabulate(change(select(SELECT)))
    assert (checked.problem, checked.without_person) == (None, left_out)


def test_a_table_of_counts_alone(tabulate, select):
    checked, _, assessment = tabulate(select(SELECT).drop_columns(["rate"]), measures={"n": {"count": True}})
    assert (checked.problem, assessment.columns) == (None, ("phase", "n"))


def test_invented_rows_of_real_persons_do_not_hide_that_they_are_few(tabulate, select):
    """Attack 10: ten real pseudonyms and an invented score. The broker counts the persons, and a person looks."""
    rows = select(SELECT).slice(0, 9)
    _, _, assessment = tabulate(rows)
    assert assessment.verdict in {Verdict.REVIEW, Verdict.REFUSE}
    assert assessment.small
    assert all(all(r.suppressed[1:]) for r in assessment.rows)


# --- members: the persons of the evidence, by their global numbers ------------------------------


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


def test_members_add_up_to_the_evidence(request_case, vault):
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


def test_rows_that_have_a_problem_now_have_no_members(request_case, vault):
    planned, to, needs, _ = request_case
    engine = DuckDBMembersEngine()
    wanted = engine.shown(planned.plan)
    spoilt = SubmittedMicrodata(to.vault, to.inputs, to.content[:-40], to.job, to.attempt)
    frames = run_here(engine.prepare_script_members(planned.plan, planned.rows, spoilt, LIMITS, needs, wanted))
    with pytest.raises(Breach, match="have a problem now"):
        engine.read_script_members(planned.plan, frames, numbers_of(vault), wanted)

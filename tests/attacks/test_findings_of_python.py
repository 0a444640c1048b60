"""Findings of the paper attack on Python jobs, by their numbers. What was tried afresh is in the files beside."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from broker.disclosure.charts import chart_points
from broker.domain.errors import Invalid, Unknown
from broker.domain.findings import Verdict
from broker.domain.jobs.job import FailureCode, JobState, OutputKind, OutputState
from broker.domain.jobs.reviews import VoteChoice
from broker.domain.jobs.script_files import RebuiltFile
from broker.domain.jobs.script_requests import FigureMark, MicrodataProblem, ScriptFigure
from broker.domain.ports import SandboxEnd, SandboxLimits
from broker.python_jobs.sandbox_requests import prepare_script
from broker.workflow.pipeline.script_computation import compute_outputs
from broker.workflow.pipeline.script_outputs import draft_file
from broker.workflow.reviewing import script_failures
from broker.workflow.views import job_views
from tests.attacks.script_town import (
    broker,
    inputs,
    new_vaults,
    policies,
    profile,
    rows,
    stage,
    submitted_request,
    tabulated,
)
from tests.files import made as remade_file, remake
from tests.unit.workflow.conftest import CLEO, PYTHON, REX, ROSA, Broker

pytestmark = pytest.mark.long

LIMITS = SandboxLimits(60, 2**30, 2**24, 10, 64, 2, 2**24)


@pytest.fixture
def npd() -> Iterator[Broker]:
    with broker() as found:
        yield found


def runs(npd: Broker, printed: bytes = b"", *, holds: bool = True, **sandbox: Any) -> str:
    vars(npd.sandbox).update(sandbox, printed=printed)
    job = npd.send(PYTHON)
    assert npd.run(job, holds=holds)
    return job


def shown(npd: Broker, job: str, hours: float = 0) -> str:
    npd.clock.at += timedelta(hours=hours)
    return job_views.view_job(npd.ports, npd.person(ROSA), job).state


def test_7_progress_on_real_data_is_read_by_checkers_alone(npd: Broker) -> None:
    """`npd.progress(att8 / 90)` for each pupil is a line of print: of a real run no researcher reads one."""
    printed = b'{"progress": 57}'
    job = runs(npd, printed, end=SandboxEnd.CRASHED)
    assert script_failures.view_print(npd.ports, npd.person(CLEO), job) == printed
    for person in (ROSA, REX):
        with pytest.raises(Unknown):
            script_failures.view_print(npd.ports, npd.person(person), job)
        told = script_failures.view_trace(npd.ports, npd.person(person), job).document
        assert told is not None
        assert "progress" not in told
    assert "progress" not in repr(job_views.view_job(npd.ports, npd.person(ROSA), job))


LIMIT = {SandboxEnd.TIME_LIMIT, SandboxEnd.MEMORY_LIMIT, SandboxEnd.OUTPUT_LIMIT}


@pytest.mark.parametrize("end", [e for e in SandboxEnd if e is not SandboxEnd.ENDED])
def test_8_a_failure_is_one_word_at_the_end_of_a_slot(npd: Broker, end: SandboxEnd) -> None:
    """No type, no line and no text; whatever limit it was has one word, and so has whatever else went wrong."""
    job = runs(npd, b"ValueError: 57", holds=False, end=end)
    assert npd.store.job(job).state is JobState.FAILED
    assert shown(npd, job) == "running", "its end tells how long it ran"
    assert shown(npd, job, hours=1) == ("limit" if end in LIMIT else "failed")
    assert "ValueError" not in repr(job_views.view_job(npd.ports, npd.person(ROSA), job))


def test_8_the_time_of_its_last_change_is_the_slots_end() -> None:
    """Slots may be longer than the minute in which times are told."""
    told = set()
    for seconds in (5, 250):
        with broker() as npd:
            npd.ports = replace(npd.ports, lease=timedelta(hours=1))
            service = replace(npd.policies.service, synthetic_time_slots=(600, 1200))
            npd.put_in_force(replace(npd.policies, service=service))
            job = runs(npd, during=lambda _, s=seconds, at=npd.clock: at.sleep(s), end=SandboxEnd.CRASHED)
            npd.clock.at += timedelta(hours=1)
            told.add(job_views.view_job(npd.ports, npd.person(ROSA), job).updated)
    assert len(told) == 1


def test_8_names_numbers_and_words_of_files_are_outputs(npd: Broker) -> None:
    """`pupil-0.csv`, `pupil-1.csv` and not `pupil-2.csv` tell nothing where none of them was released; and what an
    output is said to be stands in the header, which is written before anything runs."""
    files = {f"pupil-{n}.csv": b"x\n57\n" for n in range(2)}
    about = {"pupil-0.csv.about.json": json.dumps({"description": "score 57"}).encode()}
    job = runs(npd, files=files | about)
    for output in npd.store.outputs_of(job):
        npd.vote(CLEO, output.ident, VoteChoice.REJECT)
    told = job_views.view_job(npd.ports, npd.person(ROSA), job)
    assert [o.name for o in told.outputs] == ["files of the script"]
    assert "score" not in repr([o.description for o in npd.store.outputs_of(job)])


def test_9_no_hidden_number_is_in_what_scripts_mount() -> None:
    """Neither person numbers nor institution numbers; pseudonyms are others in each project."""
    with TemporaryDirectory(prefix="finding-9-") as folder:
        one, other = new_vaults(folder, "P0421", "P0733")
        for file in one.script.rglob("*.parquet"):
            columns = duckdb.sql(f"SELECT * FROM read_parquet('{file}') LIMIT 0").columns
            assert not [c for c in columns if c.startswith("__")], file
        asked = prepare_script("", inputs().uses, one, "j", 1, LIMITS, (".csv",))
        assert asked.mount == one.script
        assert not pseudonyms(one) & pseudonyms(other)


def pseudonyms(of: Any) -> set[str]:
    found = f"{of.script}/npd.absence/*.parquet"
    sql = f"SELECT DISTINCT PupilMatchingRefAnonymous FROM read_parquet('{found}', union_by_name=true)"
    held = {name for (name,) in duckdb.sql(sql).fetchall() if name}
    assert held
    return held


def test_10_rows_that_a_script_chose_never_leave_by_themselves() -> None:
    """Verified in every column, far above the threshold, and by every rule fit to go: a person decides all the same."""
    measures = {"n": {"count": True}, "people": {"persons": True}}
    (one,) = compute_outputs(stage(), [submitted_request(measures=measures, by=[])])
    found: Any = one.result
    assert {f.rule for f in found.findings} == {"H1"}
    assert found.verdict is Verdict.REVIEW


def test_10_a_declared_variable_is_the_vaults_own() -> None:
    """Ten pupils get one child's absence under its catalogue name."""
    given = rows().to_pylist()
    lying = pa.Table.from_pylist([r | {"missed": given[0]["missed"]} for r in given], schema=rows().schema)
    checked, assessment = tabulated(lying, measures={"m": {"mean": "missed"}})
    assert (checked.problem, assessment) == (MicrodataProblem.MISMATCH, None)


def test_10_a_person_is_nobody_else_and_not_more_often_than_in_the_vault() -> None:
    often = pa.concat_tables([rows().slice(0, 2)] * 20)
    assert tabulated(often)[0].problem is MicrodataProblem.REPEATED
    unknown = rows().set_column(0, "pupil", pa.array([f"{n:032x}" for n in range(rows().num_rows)]))
    checked, assessment = tabulated(unknown)
    assert (checked.problem, assessment) == (MicrodataProblem.UNKNOWN, None)


def test_10_a_derived_column_is_marked_for_the_checker() -> None:
    y = rows().append_column("y", pa.array([57 + n % 20 / 10 for n in range(rows().num_rows)]))
    _, assessment = tabulated(y, measures={"m": {"mean": "y"}})
    assert assessment is not None
    assert [f.rule for f in assessment.findings if "was not verified" in f.sentence] == ["A1"]


def test_33_a_table_of_a_script_is_the_brokers_writing() -> None:
    """Order of rows and of columns, digits, spaces and odd characters: what says the same is the same bytes."""
    one = "LA,m,n\nA,1.0000123,10\nB,2.0,20\n"
    other = "\ufeffn,LA,m\r\n20,\u200bB ,2.000\r\n10, A,1.0000456\r\n"
    assert remake("t.csv", one.encode(), 5).content == remake("t.csv", other.encode(), 5).content


def test_33_a_figure_is_drawn_of_what_would_be_released() -> None:
    _, table = tabulated(rows())
    assert table is not None
    rounded = (replace(r, exact=(r.exact[0], 57), released=(r.released[0], 60)) for r in table.rows)
    hidden = replace(table, rows=tuple(rounded))
    figure = ScriptFigure("f", "t", FigureMark.BAR, "phase", "n", None, "")
    assert {p["y"] for p in chart_points(figure, hidden)} == {60}
    gone = replace(hidden, rows=tuple(replace(r, suppressed=(False, True)) for r in hidden.rows))
    with pytest.raises(Invalid):
        chart_points(figure, gone)


def test_33_files_and_pictures_are_never_automatic_and_never_the_scripts_bytes() -> None:
    made = draft_file(remade_file("t.csv", b"n,LA\n5,B\n"), policies(), profile())
    assert (made.verdict, made.candidate) == (Verdict.REVIEW, b"LA,n\nB,5\n")
    drawn = RebuiltFile("t.png", "image/png", 20, b"\x89PNG anew")
    made = draft_file(drawn, policies(), profile())
    assert (made.kind, made.verdict, made.candidate) == (OutputKind.FILE, Verdict.REVIEW, b"\x89PNG anew")
    assert draft_file(replace(drawn, content=None), policies(), profile()).candidate is None


def test_53_a_script_runs_on_synthetic_data_first(npd: Broker) -> None:
    """With its whole trace for its author at once; what fails there reads no real data."""
    job = runs(npd, b"KeyError: 'LA'\n", there=SandboxEnd.CRASHED)
    found = npd.store.job(job)
    assert (found.state, found.failure) == (JobState.FAILED, FailureCode.CRASHED)
    assert not npd.vaults.there
    told = script_failures.view_trace(npd.ports, npd.person(ROSA), job)
    assert (told.passed, (told.document or {}).get("printed")) == (False, "KeyError: 'LA'\n")


def test_53_a_script_that_fails_on_real_rows_only_needs_a_review(npd: Broker) -> None:
    """And what the checker writes of it has no figures."""
    job = runs(npd, b"ValueError: 7 pupils\n", end=SandboxEnd.CRASHED)
    assert [j.ident for j in script_failures.scripts_waiting(npd.ports, npd.person(CLEO))] == [job]
    script_failures.view_print(npd.ports, npd.person(CLEO), job)
    with pytest.raises(Invalid):
        script_failures.report_reason(npd.ports, npd.person(CLEO), job, "It fails at 7 pupils.")
    script_failures.report_reason(npd.ports, npd.person(CLEO), job, "A column is empty in the first year.")
    told = script_failures.view_trace(npd.ports, npd.person(ROSA), job).told
    assert told == "A column is empty in the first year."


def test_53_a_finished_script_shows_nothing_before_a_decision(npd: Broker) -> None:
    job = runs(npd)
    assert [o.state for o in npd.store.outputs_of(job)] == [OutputState.IN_REVIEW]
    assert job_views.view_job(npd.ports, npd.person(ROSA), job).outputs == ()

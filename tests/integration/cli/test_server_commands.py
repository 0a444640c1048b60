"""Commands that call a broker: their requests, output and exit codes."""

import json
from datetime import timedelta

import pytest

from broker.cli.output.evidence_output import print_evidence
from broker.domain.findings import Verdict
from broker.domain.jobs.job import JobKind, OutputState, Submission
from broker.domain.ports import Snapshot
from broker.workflow.administration.user_accounts import put_snapshot
from tests.integration.web.conftest import ADA, CLEO, DANA, REFUSED_SQL, ROSA, SQL, missing
from tests.integration.web.test_private_queries import BLOCKS

FIELDS = ("--project", "P0421", "--title", "A job", "--purpose", "A test.")


def test_a_recalled_release_is_an_error_and_writes_nothing(site, at, tmp_path):
    job, output = site.released()
    code, out, _ = at(ROSA, "release", job, "--out", str(tmp_path / "first"))
    assert (code, "sha256 " in out) == (0, True)
    assert at(ADA, "recall", output, "--reason", "The figures were wrong.")[0] == 0
    code, out, err = at(ROSA, "release", job, "--out", str(tmp_path / "second"))
    assert (code, missing(err, "absence was recalled (The figures were wrong.)")) == (1, [])
    assert "sha256" not in out
    assert not (tmp_path / "second").exists()
    assert at(ADA, "release", job)[0] == 1
    code, out, _ = at(ROSA, "release", job, "--json")
    assert (code, json.loads(out)["recalled"]) == (1, [output])


def test_a_job_without_a_release_says_its_state(site, at):
    job, _ = site.assessed()
    code, _, err = at(ROSA, "release", job)
    assert (code, err) == (1, "broker: This job has no released outputs: it is waiting for a decision.\n")


@pytest.mark.parametrize("choice", ["reject", "return"])
def test_no_reason_is_assumed_where_an_output_does_not_leave(site, at, choice):
    _, output = site.assessed()
    code, _, err = at(CLEO, "review", output, "--choice", choice)
    assert (code, "--reason" in err, "small-groups" in err) == (1, True, True)
    code, _, err = at(CLEO, "review", output, "--choice", choice, "--reason", "meets-rules")
    assert (code, f"cannot use the reason meets-rules to {choice}" in err) == (1, True)
    assert site.ports.store.votes_of(output) == []
    code, out, _ = at(CLEO, "review", output, "--choice", choice, "--reason", "small-groups")
    assert (code, out) == (0, f"output {output}: {choice}{'ed'}\n")


def test_approving_needs_no_reason_and_a_second_vote_shows_the_state(site, at):
    _, output = site.assessed()
    assert at(CLEO, "review", output, "--choice", "approve")[:2] == (0, f"output {output}: released\n")
    code, _, err = at(CLEO, "review", output, "--choice", "approve")
    assert (code, "This output is released" in err) == (1, True)


def test_an_unknown_choice_is_refused_first(site, at):
    _, output = site.assessed()
    assert "approve, reject, return" in at(CLEO, "review", output, "--choice", "yes")[2]


def test_reviewing_shows_evidence_findings_candidate_and_text(site, at):
    _, output = site.assessed(Verdict.SUPPRESS)
    code, out, _ = at(CLEO, "review", output)
    told = ("103 -> 105", "Too few persons. persons 3", "NCyearActual,n", "FROM npd.absence AS a", "votes needed")
    assert (code, missing(out, *told)) == (0, [])
    assert not out.startswith("{")
    assert json.loads(at(CLEO, "review", output, "--json")[1])["output"] == output


def test_a_researchers_words_do_not_steer_a_checkers_terminal(site, capsys):
    _, output = site.assessed()
    seen = site.client(CLEO).evidence(output)
    print_evidence(seen | {"text": "SELECT \x1b[2J 1", "title": "\x1b]0;x\x07"})
    shown = capsys.readouterr().out
    assert "SELECT  [2J 1" in shown
    assert not {"\x1b", "\x07"} & set(shown)


def test_a_job_in_the_place_of_an_output_is_named_with_its_outputs(site, at):
    job, output = site.assessed()
    code, _, err = at(CLEO, "review", job)
    assert (code, err) == (1, f"broker: {job} is a job. Its outputs: {output}.\n")
    assert at(CLEO, "review", "nothing")[2] == "broker: There is no output 'nothing'.\n"


def test_the_inbox_is_for_checkers(site, at):
    site.assessed()
    code, out, err = at(ROSA, "review")
    assert (code, out, "Only checkers can review" in err) == (1, "", True)


def test_ids_are_whole_however_narrow_the_terminal_is(site, at, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    job, output = site.released()
    (entry,) = site.client(ROSA).register()
    assert "state" in at(ROSA, "register")[1].splitlines()[0].split()
    shown = ((job, ["status"]), (output, ["outputs", job]), (entry["release"], ["register"]))
    for ident, command in shown:
        lines = at(ROSA, *command)[1].splitlines()
        assert any(line.startswith(ident) for line in lines)


@pytest.mark.parametrize("verdict", [Verdict.PUBLISH, Verdict.REFUSE])
def test_waiting_and_withheld_outputs_have_the_same_sentence(site, at, verdict):
    """Invariant 9 at the terminal."""
    job, output = site.assessed(verdict, candidate=b"n\n1\n" if verdict is Verdict.PUBLISH else None)
    withheld = site.ports.store.output(output).state is OutputState.WITHHELD
    assert withheld is (verdict is Verdict.REFUSE)
    code, out, _ = at(ROSA, "outputs", job)
    assert code == 0
    assert out == (
        "This job has no outputs that you can see: it is waiting for a decision. "
        "The results need a decision by the rules or by a checker. Outputs are listed here once they are decided.\n"
    )


def test_status_shows_refusals_and_what_comes_next(site, at, tmp_path):
    query = tmp_path / "job.sql"
    query.write_text(REFUSED_SQL)
    code, out, _ = at(ROSA, "submit", str(query), *FIELDS)
    assert code == 2
    job = out.split()[1].rstrip(":")
    code, again, _ = at(ROSA, "status", job)
    excerpt = {REFUSED_SQL, "^"}  # submit has the text, and points into it
    assert (code, again.splitlines()) == (0, [line for line in out.splitlines() if line.strip() not in excerpt])
    assert "^" in out
    assert missing(again, "NoSuchThing", "submit again") == []


def test_status_waits_until_people_decide(site, at, monkeypatch):
    job, _ = site.assessed()
    asked = []
    monkeypatch.setattr("broker.cli.commands.job_commands.time.sleep", asked.append)
    assert "waiting for a decision" in at(ROSA, "status", job, "--wait")[1]
    assert asked == []


def test_status_of_a_script_over_blocks_shows_its_slot(site, at):
    put_snapshot(site.ports, Snapshot("s1", "0" * 64, site.ports.clock.now(), True, "snapshots/s1", "{}"))
    job = site.client(DANA).submit(Submission("P0733", JobKind.PYTHON, "", BLOCKS, "By block", "A test"))["ident"]
    assert at(DANA, "status", job)[1].startswith(f"job {job}: queued\n")
    site.running(job)
    site.clock.at = site.clock.at.replace(second=0, microsecond=0) + timedelta(seconds=71)
    assert at(DANA, "status", job)[1].startswith(f"job {job}: running, slot 16 of 150\n")


def test_a_job_can_be_withdrawn(site, at):
    job = site.submitted()
    assert at(ROSA, "withdraw", job) == (0, f"job {job}: withdrawn\n", "")


def test_a_description_of_a_missing_output_is_reported(site, at, tmp_path):
    query = tmp_path / "job.sql"
    query.write_text(SQL)
    code, _, err = at(ROSA, "submit", str(query), *FIELDS, "--describe", "absense=Absence by year group")
    assert (code, "no output 'absense'" in err, "makes absence" in err) == (1, True, True)
    assert site.client(ROSA).jobs() == []
    assert at(ROSA, "submit", str(query), *FIELDS, "--describe", "absence=Absence by year group")[0] == 0

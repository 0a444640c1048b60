"""Records at a terminal: a checker writes staff's and ACRO's, a researcher gets the one that goes with a release."""

import json
from hashlib import sha256

from broker.domain.findings import Verdict
from tests.integration.web.conftest import CLEO, ROSA


def test_a_release_is_written_with_its_record_hash_checked(site, at, tmp_path):
    job, _ = site.released()
    folder = tmp_path / "collected"
    code, out, _ = at(ROSA, "release", job, "--out", str(folder))
    assert code == 0
    assert sorted(p.name for p in folder.iterdir()) == ["absence.csv", "absence.record.json"]
    assert f"wrote {folder / 'absence.record.json'}" in out
    content = (folder / "absence.record.json").read_bytes()
    (told,) = site.client(ROSA).manifest(job)["outputs"]
    assert sha256(content).hexdigest() == told["record_sha256"]
    record = json.loads(content)
    assert (record["parameters"]["threshold"], record["symbols"]) == (10, {"c": "suppressed"})
    assert not {"findings", "verdict", "rules", "rows", "pattern"} & set(record)


def test_a_record_that_is_not_what_was_released_is_not_written(site, at, tmp_path, monkeypatch):
    job, _ = site.released()
    monkeypatch.setattr("broker.client.BrokerClient.record", lambda *_: b"{}")
    code, _, err = at(ROSA, "release", job, "--out", str(tmp_path / "no"))
    assert (code, "absence.record.json is not the file that was released" in err) == (1, True)
    assert not (tmp_path / "no").exists()


def test_a_checker_writes_the_staff_record(site, at, tmp_path):
    _, output = site.assessed(Verdict.SUPPRESS)
    file = tmp_path / "staff.json"
    assert at(CLEO, "review", output, "--record", str(file))[:2] == (0, f"wrote {file}\n")
    assert file.stat().st_mode & 0o077 == 0
    record = json.loads(file.read_text())
    assert (record["output"], record["findings"][0]["figures"]) == (output, {"persons": "3"})
    assert "output.viewed" in [line.event.action for line in site.ports.store.audit() if line.event.subject == output]


def test_a_checker_writes_a_folder_for_acros_viewer(site, at, tmp_path):
    _, output = site.assessed(Verdict.REFUSE)
    code, out, _ = at(CLEO, "review", output, "--acro", str(tmp_path / "acro"), "--json")
    assert code == 0
    results = json.loads((tmp_path / "acro" / "results.json").read_text())
    (result,) = results["results"].values()
    (file,) = result["files"]
    content = (tmp_path / "acro" / file["name"]).read_bytes()
    assert (tmp_path / "acro" / "checksums" / f"{file['name']}.txt").read_text() == sha256(content).hexdigest()
    assert (result["status"], len(json.loads(out)["files"])) == ("fail", 3)


def test_records_are_for_checkers_and_a_vote_is_a_command_of_its_own(site, at, tmp_path):
    _, output = site.assessed()
    for form in ("--record", "--acro"):
        assert at(ROSA, "review", output, form, str(tmp_path / "no"))[0] == 1
    code, _, err = at(CLEO, "review", output, "--record", str(tmp_path / "no"), "--choice", "approve")
    assert (code, "then vote without --record" in err) == (1, True)
    assert not (tmp_path / "no").exists()

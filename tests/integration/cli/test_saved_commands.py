"""Commands for saved definitions: their output and exit codes, and the check that needs no server."""

import json

from tests.integration.web.conftest import CLEO, ROSA
from tests.integration.web.test_saved_over_http import CSV, KEEP, READ


def test_the_commands_go_from_a_file_to_a_job_that_reads_it(at, tmp_path):
    table, keep, read = tmp_path / "stages.csv", tmp_path / "keep.sql", tmp_path / "read.sql"
    for file, text in ((table, CSV), (keep, KEEP), (read, READ)):
        file.write_text(text)
    about = ("--project", "P0421", "--title", "T", "--purpose", "P")
    code, out, _ = at(ROSA, "submit", str(keep), *about)
    assert (code, "saves project.pupils" in out) == (0, True)
    add = ("lookup", "add", str(table), "--project", "P0421", "--name", "stages", "--about", "Key stages.")
    code, out, _ = at(ROSA, *add, "--json")
    ident = json.loads(out)["ident"]
    assert code == 0
    assert ident in at(CLEO, "lookup", "review")[1]
    assert "key stage 4" in at(CLEO, "lookup", "review", ident)[1]
    assert "--reason" in at(CLEO, "lookup", "review", ident, "--choice", "reject")[2]
    assert at(CLEO, "lookup", "review", ident, "--choice", "approve")[:2] == (0, f"lookup {ident}: approved\n")
    assert at(ROSA, "submit", str(read), *about)[0] == 0
    out = at(ROSA, "saved")[1]
    assert ("project.pupils" in out, "project.stages" in out, "year text" in out) == (True, True, True)
    assert at(ROSA, "drop", "project.stages", "--project", "P0421")[:2] == (0, "project.stages: dropped\n")
    assert at(ROSA, "submit", str(read), *about)[0] == 2
    assert "There is no saved definition" in at(ROSA, "drop", "project.stages", "--project", "P0421")[2]


def test_the_offline_check_reads_saved_definitions_from_a_file(at, tmp_path):
    read, saved = tmp_path / "read.sql", tmp_path / "saved.yaml"
    read.write_text(READ)
    document = {
        "cohorts": [{"name": "pupils", "dialect": "tsql", "text": KEEP}],
        "lookups": [{"name": "stages", "csv": CSV}],
    }
    saved.write_text(json.dumps(document))
    assert at(ROSA, "check", str(read))[0] == 2
    assert at(ROSA, "check", str(read), "--saved", str(saved))[0] == 0
    for wrong in ('{"cohort": []}', '{"cohorts": [{"name": "a b", "dialect": "tsql", "text": "x"}]}', "["):
        saved.write_text(wrong)
        assert at(ROSA, "check", str(read), "--saved", str(saved))[0] == 1

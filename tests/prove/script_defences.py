"""Each defence of Python jobs, how it is removed, and the test of its finding, or of an attack tried since, that must
fail then. Defences inside images are not taken out here: a container runs what was built.
"""

# ruff: noqa: E501 - one defence a line reads as a table

import re
from functools import partial

import pytest

from broker.domain.errors import Breach, Conflict, Invalid, Unknown
from broker.workflow.failing import Failed
from tests.prove.defences import Defence as Listed
from tests.prove.defences import edited, nothing, put

FINDINGS, ROWS, NAMES, FILES, PARQUET, TOGETHER, APART = (
    f"tests.attacks.test_{name}"
    for name in (
        "findings_of_python",
        "rows_as_carriers",
        "names_as_carriers",
        "files_as_carriers",
        "parquet_as_carrier",
        "tables_of_one_script",
        "variables_not_declared",
    )
)
CAUGHT = (AssertionError, Breach, Conflict, Failed, Invalid, Unknown, ValueError, pytest.fail.Exception)


Defence = partial(Listed, module=FINDINGS)
SCRIPTS, HANDED, OUTPUTS, REMADE = (
    "broker.workflow.scripts", "broker.workflow.handed_outputs", "broker.workflow.script_outputs", "broker.python_jobs.remade",
)  # fmt: skip
VERIFYING = "broker.engine.verifying"
AS_LEFT = edited(f"{OUTPUTS}:_computed_once", "name=spelled[folded]", "name=one.name")

DEFENCES = (
    Defence("only checkers read what it printed", edited("broker.workflow.looks:_reached", "or not allowed", ""), "test_7"),
    Defence("a trace is of the synthetic run", edited(f"{SCRIPTS}:Script.keep_print", "self.ports.store.note_print(", "self.ports.store.note_rehearsal(self.job, self.lease.attempt, True, self.ports.shelf.put('staff', log), self.ports.clock.now()); self.ports.store.note_print("), "test_7"),
    Defence("slots of time", put("broker.workflow.browse.looks_running", nothing), "test_8_a_failure"),
    Defence("times are those of slots", put("broker.workflow.browse.told_end", nothing), "test_8_the_time"),
    Defence("four words", edited("broker.domain.jobs:shown_state", "Shown.LIMIT if failure is not None and coarse_word(failure) is Word.LIMIT else Shown.FAILED", "failure"), "test_8_a_failure"),
    Defence("what did not leave has no name", edited("broker.workflow.browse:_told", "if left or named:", "if True:"), "test_8_names"),
    Defence(
        "an output is what its header says",
        edited("broker.workflow.assess:_shelve", "_description(declared, prepared.name)", "__import__('json').loads(prepared.staff)['summary']['script_says']"),
        "test_8_names",
    ),
    Defence("scripts mount their own rendering", edited("broker.python_jobs.request:prepare", "vault.script", "vault.evidence"), "test_9"),
    Defence(
        "hidden numbers are in the other rendering",
        edited("broker.vault.build:_renderings", '{ORDER}"), ("script", share.columns, ORDER)]', '{ORDER}"), ("script", evidence, ORDER)]'), "test_9",
    ),
    Defence("pseudonyms of each project", edited("broker.vault.pseudonyms:project_key", 'b"project\\0" + project.encode()', 'b"project"'), "test_9"),
    Defence("a person decides on rows of a script", put("broker.workflow.trusted.by_person", lambda found, *_: found), "test_10_rows"),
    Defence("declared variables are read again", put(f"{VERIFYING}._mismatches", lambda _: "SELECT 0"), "test_10_a_declared"),
    Defence("unknown pseudonyms are refused", edited(f"{VERIFYING}:_of_persons", " WHERE {PERSON} IS NOT NULL\")", " WHERE false\")"), "test_10_a_person"),
    Defence("nobody is there more often than in the vault", edited(f"{VERIFYING}:_of_persons", "h.n > o.n", "false"), "test_10_a_person"),
    Defence("derived columns are marked", edited("broker.python_jobs.tabulating:_table", "bool(rows.derived)", "False"), "test_10_a_derived"),
    Defence("the broker's order of rows", edited(f"{REMADE}:Remaking.ordered", "sorted(kept, key=lambda row: [_rank(c) for c in row])", "kept"), "test_33_a_table"),
    Defence("the broker's order of columns", edited(f"{REMADE}:Remaking.ordered", "sorted(range(len(header)), key=lambda i: (not is_key[i], header[i]))", "range(len(header))"), "test_33_a_table"),
    Defence("few digits", put(f"{REMADE}.capped", lambda value, digits: f"{value:f}"), "test_33_a_table"),
    Defence("one spelling", put(f"{REMADE}.clean", lambda text, most: text), "test_33_a_table"),
    Defence("figures are of what is released", edited("broker.disclosure.figures:points_of", "_plain(r.released[i])", "_plain(r.exact[i])"), "test_33_a_figure"),
    Defence("hidden figures are not drawn", edited("broker.disclosure.figures:points_of", "r.suppressed[i] or ", ""), "test_33_a_figure"),
    Defence("files are never automatic", edited(f"{OUTPUTS}:prepared_file", "verdict=Verdict.REVIEW", "verdict=Verdict.PUBLISH"), "test_33_files"),
    Defence("files are made anew", edited("broker.engine.files_here:made_here", "size, made.content, made.sheet)", "size, file.content, made.sheet)"), "test_33_files"),
    Defence("synthetic data first", put(f"{SCRIPTS}._on_synthetic", nothing), "test_53_a_script"),
    Defence("what fails there reads nothing here", edited(f"{SCRIPTS}:_on_synthetic", "if not passed:", "if False:"), "test_53_a_script"),
    Defence("a failure here opens a look", put("broker.storage.rehearsals.to_read", lambda: __import__("sqlalchemy").false()), "test_53_passes"),
    Defence("the look is told of without figures", edited("broker.workflow.looks:_words", "any(c.isnumeric() for c in reason)", "False"), "test_53_passes"),
    Defence("undecided outputs are not told", edited("broker.workflow.browse:_told", "if output.state not in TOLD:", "if False:"), "test_53_of"),
    Defence("labels are plain text", put(f"{VERIFYING}.PLAIN", ".*"), "test_labels_that", module=ROWS, given=("primary\ufe0f",)),
    Defence("labels carry nothing", put(f"{VERIFYING}.CARRIES", "^$"), "test_labels_that", module=ROWS, given=("0.123456",)),
    Defence("names are the header's", AS_LEFT, "test_an_output", module=NAMES),
    Defence("no figure of what nobody sees", edited(f"{OUTPUTS}:_computed_once", "else _undeclared(one)", "else one"), "test_a_figure_is_drawn", module=NAMES),
    Defence("the text's order of columns", put(f"{HANDED}.in_order", lambda asked, _: asked), "test_columns", module=NAMES),
    Defence("computed names are told", put("broker.workflow.trusted.unwritten", lambda *_: ()), "test_names_that", module=NAMES),
    Defence("tables that few lie between are told", put(f"{HANDED}.told_close", lambda made, _: tuple(made)), "test_two_tables", module=NAMES),
    Defence("digits inside texts", put(f"{REMADE}.Remaking.said", lambda _, text: text), "test_numbers_inside", module=FILES, given=("12.3456789%", "12.346%")),
    Defence("nothing invisible", put(f"{REMADE}.INVISIBLE", re.compile("(?!)")), "test_characters", module=FILES, given=("\ufe0f",)),
    Defence("tables of one script's rows are one system", put("broker.workflow.handed_tables._alike", lambda _, wanted: [wanted[0]]), "test_tables_of_the_same", module=TOGETHER),
    Defence("tables of other rows are told", put("broker.workflow.handed_tables.told_others", lambda made: made), "test_rows_in_another", module=TOGETHER, given=("order",)),
    Defence("what may not meet is mounted apart", put("broker.workflow.mounting.held_apart", nothing), "test_a_script_finds", module=APART, given=("runc",)),
    Defence("what may not meet is mounted apart, on runsc", put("broker.workflow.mounting.held_apart", nothing), "test_a_script_finds", module=APART, given=("runsc",)),
    Defence("all of the grant is what could meet", put("broker.scope.apart._granted", lambda *_: ()), "test_a_script_finds", module=APART, given=("runc",)),
    Defence("no data where a Parquet file is opened", put("broker.engine.files.NOTHING", None), "test_the_container", module=PARQUET, given=("runc",)),
    Defence("rows of JSON are counted", edited(f"{REMADE}:Remaking.json", "len(table.rows) > self.caps.rows", "False"), "test_a_table_in_json", module=FILES),
    Defence("pseudonyms in texts are told", edited("broker.disclosure.files.flags:of_text", "if PSEUDONYM.search(text.casefold()):", "if False:"), "test_pseudonyms_in_a_document", module=FILES, given=("t.json",)),
)  # fmt: skip

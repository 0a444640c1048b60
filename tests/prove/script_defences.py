"""Each defence of Python jobs, how it is removed, and the test of its finding, or of an attack tried since, that must
fail then. Defences inside images are not taken out here: a container runs what was built.
"""

# ruff: noqa: E501 - one defence a line reads as a table

import re
from functools import partial

import pytest

from broker.domain.errors import Breach, Conflict, Invalid, Unknown
from broker.workflow.run_context import Failed
from tests.prove.defences import Defence as Listed, edited, nothing, put

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
    "broker.workflow.pipeline.script_run", "broker.workflow.pipeline.script_computation", "broker.workflow.pipeline.script_outputs", "broker.python_jobs.sanitised_files",
)  # fmt: skip
VERIFYING = "broker.engine.script_rows_verification"
AS_LEFT = edited(f"{OUTPUTS}:_unique_computed", "name=spelled[folded]", "name=one.name")

DEFENCES = (
    Defence("only checkers read what it printed", edited("broker.workflow.reviewing.script_failures:_reach_script", "or not allowed", ""), "test_7"),
    Defence("a trace is of the synthetic run", edited(f"{SCRIPTS}:_store_print", "ports.store.note_log(", "ports.store.note_rehearsal(context.subject, context.attempt, True, ports.content_store.put('staff', log), ports.clock.now()); ports.store.note_log("), "test_7"),
    Defence("slots of time", put("broker.workflow.timing_channel.appears_running", nothing), "test_8_a_failure"),
    Defence("times are those of slots", put("broker.workflow.timing_channel.disclosed_end", nothing), "test_8_the_time"),
    Defence("four words", edited("broker.domain.jobs.job:displayed_state", "DisplayedState.LIMIT if is_limit else DisplayedState.FAILED", "failure"), "test_8_a_failure"),
    Defence("what did not leave has no name", edited("broker.workflow.views.job_views:_decided_outputs", "if left or named:", "if True:"), "test_8_names"),
    Defence(
        "an output is what its header says",
        edited("broker.workflow.pipeline.assess:_store_output", "_description(declared, draft.name)", "draft.record.file.facts['script_says']"),
        "test_8_names",
    ),
    Defence("scripts mount their own rendering", edited("broker.python_jobs.sandbox_requests:prepare_script", "vault.script", "vault.evidence"), "test_9"),
    Defence(
        "hidden numbers are in the other rendering",
        edited("broker.vault.build_vault:_renderings", '{ORDER}"), ("script", share.columns, ORDER)]', '{ORDER}"), ("script", evidence, ORDER)]'), "test_9",
    ),
    Defence("pseudonyms of each project", edited("broker.vault.pseudonyms:project_key", 'b"project\\0" + project.encode()', 'b"project"'), "test_9"),
    Defence("a person decides on rows of a script", put("broker.workflow.pipeline.trusted_stage.with_review_findings", lambda found, *_: found), "test_10_rows"),
    Defence("declared variables are read again", put(f"{VERIFYING}._mismatches", lambda _: "SELECT 0"), "test_10_a_declared"),
    Defence("unknown pseudonyms are refused", edited(f"{VERIFYING}:_of_persons", " WHERE {PERSON} IS NOT NULL\")", " WHERE false\")"), "test_10_a_person"),
    Defence("nobody is there more often than in the vault", edited(f"{VERIFYING}:_of_persons", "h.n > o.n", "false"), "test_10_a_person"),
    Defence("derived columns are marked", edited("broker.python_jobs.submitted_rows:_verified_table", "bool(rows.derived)", "False"), "test_10_a_derived"),
    Defence("the broker's order of rows", edited(f"{REMADE}:FileSanitiser.ordered", "sorted(ordered_rows, key=lambda row: [_sort_key(c) for c in row])", "ordered_rows"), "test_33_a_table"),
    Defence("the broker's order of columns", edited(f"{REMADE}:FileSanitiser.ordered", "sorted(range(len(header)), key=lambda i: (not is_key[i], header[i]))", "range(len(header))"), "test_33_a_table"),
    Defence("few digits", put(f"{REMADE}.cap_digits", lambda value, digits: f"{value:f}"), "test_33_a_table"),
    Defence("one spelling", put(f"{REMADE}.clean_text", lambda text, most: text), "test_33_a_table"),
    Defence("figures are of what is released", edited("broker.disclosure.charts:chart_points", "_plain(r.released[i])", "_plain(r.exact[i])"), "test_33_a_figure"),
    Defence("hidden figures are not drawn", edited("broker.disclosure.charts:chart_points", "r.suppressed[i] or ", ""), "test_33_a_figure"),
    Defence("files are never automatic", edited(f"{OUTPUTS}:draft_file", "verdict=Verdict.REVIEW", "verdict=Verdict.PUBLISH"), "test_33_files"),
    Defence("files are made anew", edited("broker.engine.file_rebuilders:rebuild_in_process", "size, made.content, made.sheet)", "size, file.content, made.sheet)"), "test_33_files"),
    Defence("synthetic data first", put(f"{SCRIPTS}.try_on_synthetic", nothing), "test_53_a_script"),
    Defence("what fails there reads nothing here", edited(f"{SCRIPTS}:try_on_synthetic", "if failure is not None:", "if False:"), "test_53_a_script"),
    Defence("a failure here opens a look", put("broker.storage.job_stores.rehearsal_store.to_read", lambda: __import__("sqlalchemy").false()), "test_53_a_script_that_fails"),
    Defence("the look is told of without figures", edited("broker.workflow.reviewing.script_failures:_check_reason", "any(c.isnumeric() for c in reason)", "False"), "test_53_a_script_that_fails"),
    Defence("undecided outputs are not told", edited("broker.workflow.views.job_views:_decided_outputs", "if output.state not in DISCLOSED_STATES:", "if False:"), "test_53_a_finished"),
    Defence("labels are plain text", put(f"{VERIFYING}.PLAIN_LABEL", ".*"), "test_similar_labels", module=ROWS, given=("primary\ufe0f",)),
    Defence("labels carry nothing", put(f"{VERIFYING}.FORBIDDEN_LABEL", "^$"), "test_similar_labels", module=ROWS, given=("0.123456",)),
    Defence("names are the header's", AS_LEFT, "test_an_output", module=NAMES),
    Defence("no figure of what nobody sees", edited(f"{OUTPUTS}:_unique_computed", "else _undeclared(one)", "else one"), "test_a_figure_is_drawn", module=NAMES),
    Defence("the text's order of columns", put(f"{HANDED}.in_text_order", lambda asked, _: asked), "test_columns", module=NAMES),
    Defence("computed names are told", put("broker.workflow.pipeline.trusted_stage.names_not_in_text", lambda *_: ()), "test_the_checker_sees_names", module=NAMES),
    Defence("tables that few lie between are told", put("broker.workflow.pipeline.trusted_stage.flag_close_outputs", lambda made, _: tuple(made)), "test_the_checker_sees_two", module=NAMES),
    Defence("digits inside texts", put(f"{REMADE}.FileSanitiser.cap_numbers", lambda _, text: text), "test_numbers_inside", module=FILES, given=("12.3456789%", "12.346%")),
    Defence("nothing invisible", put(f"{REMADE}.INVISIBLE", re.compile("(?!)")), "test_characters", module=FILES, given=("\ufe0f",)),
    Defence("tables of one script's rows are one system", put("broker.workflow.pipeline.script_computation._of_same_columns", lambda _, wanted: [wanted[0]]), "test_tables_of_the_same", module=TOGETHER),
    Defence("tables of other rows are told", put("broker.workflow.pipeline.trusted_stage.flag_other_rows", lambda made: made), "test_the_checker_sees_rows", module=TOGETHER, given=("order",)),
    Defence("what may not meet is mounted apart", put("broker.workflow.pipeline.trusted_stage.restricted_mount", nothing), "test_a_script_finds", module=APART, given=("runc",)),
    Defence("what may not meet is mounted apart, on runsc", put("broker.workflow.pipeline.trusted_stage.restricted_mount", nothing), "test_a_script_finds", module=APART, given=("runsc",)),
    Defence("all of the grant is what could meet", put("broker.scope.combinations._granted_uses", lambda *_: ()), "test_a_script_finds", module=APART, given=("runc",)),
    Defence("no data where a Parquet file is opened", put("broker.engine.file_rebuilders.NO_VAULT_FILES", None), "test_the_container", module=PARQUET, given=("runc",)),
    Defence("rows of JSON are counted", edited(f"{REMADE}:FileSanitiser.json", "len(table.rows) > self.caps.rows", "False"), "test_a_table_in_json", module=FILES),
    Defence("pseudonyms in texts are told", edited("broker.disclosure.script_table_flags:text_flags", "if PSEUDONYM.search(text.casefold()):", "if False:"), "test_pseudonyms_in_a_document", module=FILES, given=("t.json",)),
)  # fmt: skip

"""Defences of files that leave: no formulas, a worker that parses nothing, and findings that are set aside one by one.

Defences inside the image are taken out where the same code runs in this process.
"""

# ruff: noqa: E501 - one defence a line reads as a table

import re
from functools import partial

import pytest

from broker.disclosure.document_figures import DocumentFigures
from broker.domain.errors import Breach, Invalid
from tests.prove.defences import Defence as Listed, edited, nothing, put, together

CAUGHT = (AssertionError, Breach, Invalid, pytest.fail.Exception)
FORMULAS, BELOW, HOSTILE, PARQUET, LEFT, REMADE = (
    "tests.attacks.test_formulas",
    "tests.attacks.test_files_below_threshold",
    "tests.attacks.test_hostile_files",
    "tests.attacks.test_parquet_as_carrier",
    "tests.unit.python_jobs.test_raw_outputs",
    "tests.unit.python_jobs.test_sanitised_files",
)
Formulas = partial(Listed, module=FORMULAS)
Below = partial(Listed, module=BELOW)
Hostile = partial(Listed, module=HOSTILE)
DOMAIN, FLAGS, ENGINE = "broker.domain", "broker.disclosure.script_table_flags", "broker.engine.file_rebuilders"
NAMES, DOCUMENTS = "broker.disclosure.statistic_names", "broker.disclosure.document_figures"
HELD, DOCUMENT = "test_what_a_table_would_hide", "test_what_is_no_table"
ORDINARY, ORDINARY_DOCUMENT = "test_ordinary_tables", "test_ordinary_documents"
ASIDE = '{"problem": "", "sentence": "", "made": 0, "sheet": true}'
OF_A_JOB = together(
    edited(f"{ENGINE}:_rows", "if cells > left:", "if False:"),
    edited(f"{ENGINE}:_within_job", "if number > values:", "if False:"),
)
"""The first stops early, so that no memory is filled; each of them rejects the file."""

DEFENCES = (
    Formulas("a formula is a text", put(f"{DOMAIN}.csv_text._is_computed", lambda *_: False), "test_a_formula_is_a_text", given=("=1+1|cmd",)),
    Formulas("minus is a start", put(f"{DOMAIN}.csv_text.FORMULA_STARTS", frozenset("=+@")), "test_a_formula_is_a_text", given=("-1+1|cmd",)),
    Formulas("twins are starts", put(f"{DOMAIN}.csv_text._compatible_start", lambda c: c), "test_a_formula_is_a_text", given=("＝cmd()",)),
    Formulas("the minus sign is one", put(f"{DOMAIN}.csv_text.MINUS_SIGN", "\0"), "test_a_formula_is_a_text", given=("−1+cmd",)),
    Formulas("what a formula stands behind", put(f"{DOMAIN}.csv_text._hides_formula", lambda c: c.isspace()), "test_a_formula_is_a_text", given=("\u200b=cmd()",)),
    Formulas("quotes", put(f"{DOMAIN}.csv_text.QUOTES", frozenset()), "test_a_formula_is_a_text", given=('"=1+1',)),
    Formulas("other separators", put(f"{DOMAIN}.csv_text.CELL_SEPARATORS", re.compile("(\0)")), "test_a_formula_is_a_text", given=("x;=cmd()",)),
    Formulas("numbers stay numbers", put(f"{DOMAIN}.csv_text.NUMBERS", re.compile("(?!)")), "test_a_typed_number_stays"),
    Formulas("the writer of tables", put(f"{DOMAIN}.csv_text.without_formulas", lambda cell, **_: cell), "test_no_released_table", given=("=1+1|cmd",)),
    Formulas("the writer of the register", put(f"{DOMAIN}.csv_text.without_formulas", lambda cell, **_: cell), "test_no_register", given=("@SUM(1+1)*cmd|'/C calc'!A0",)),
    Formulas("texts of a JSON", put("broker.python_jobs.sanitised_files.without_formulas", lambda text: text), "test_no_file_of_a_script", given=("=1+1|cmd", "json")),
    Formulas("lines of a text", put("broker.python_jobs.sanitised_files.without_formulas", lambda text, **_: text), "test_no_file_of_a_script", given=("=1+1|cmd", "txt")),
    Formulas("aliases and labels at check", put("broker.query.compile.check_formulas", nothing), "test_such_aliases", given=("=1+1|cmd",)),
    Formulas("a comma starts a cell of a text", put("broker.python_jobs.sanitised_files.TEXT_SEPARATORS", re.compile("([;\t]+)")), "test_a_comma_starts", given=("x,=cmd()",)),
    Formulas("numbers in brackets stay", put(f"{DOMAIN}.csv_text.NUMBERS", re.compile(r"-?[0-9.]+\s*")), "test_numbers_behind_commas", given=("fsm -3.5 (-3.9, -3.1)",)),
    Formulas("titles at submission", edited(f"{DOMAIN}.plain_text:check_released_text", "is_formula(", "False and is_formula("), "test_such_titles", given=("=HYPERLINK(1)", "title")),
    Formulas("later lines may be a list", edited(f"{DOMAIN}.plain_text:check_released_text", 'text.strip().partition("\\n")[0] if lines else text', "text"), "test_a_list_with_dashes"),
    Formulas("descriptions at check", edited("broker.python_jobs.script_header:_read_output", "is_formula(description, numbers=False)", "False"), "test_such_a_description", given=("=HYPERLINK(1)",)),
    Formulas("older titles in the feed", put("broker.web.pages.register_pages.without_formulas", lambda text, numbers: text), "test_an_older_title_is_none_in_the_feed", given=("=HYPERLINK(1)",)),
    Formulas("older titles in the manifest", put("broker.workflow.pipeline.job_release.document_without_formulas", lambda found: found), "test_an_older_title_is_none_in_the_manifest"),
    Formulas("older titles in the register", put("broker.web.pages.register_pages.document_without_formulas", lambda found: found), "test_an_older_title_is_none_in_the_manifest"),
    Formulas("labels of handed rows", put("broker.engine.script_rows_verification.FORMULA", "^$"), "test_such_labels_of", given=("-1+1",)),
    Formulas("controls where people write", put(f"{DOMAIN}.plain_text._is_control", lambda _: False), "test_control_characters", given=("\u202e",)),
    Formulas("controls in logs", put(f"{DOMAIN}.plain_text._is_control", lambda _: False), "test_a_log_for_staff", given=("\x1b[2J",)),
    Below("small counts", put(f"{FLAGS}._small_counts", lambda *_: ()), HELD, given=("a pivot with five pupils",)),
    Below("a name alone makes no code", edited(f"{FLAGS}:code_columns", "_needed(rows, keys, called - same)", "called"), HELD, given=("counts called months",)),
    Below("a code is one of the catalogue's", edited(f"{FLAGS}:holds_codes", "set(cells) <= codes | {\"\"}", "True"), HELD, given=("codes that are none",)),
    Below("extremes by name", put(f"{FLAGS}.extreme_columns", lambda *_: []), HELD, given=("extremes by group",)),
    Below("extremes by row", put(f"{FLAGS}.extreme_rows", lambda *_: []), HELD, given=("a description",)),
    Below("extremes by quantile", put(f"{FLAGS}.extreme_quantiles", lambda *_: []), HELD, given=("quantiles by row",)),
    Below("percentiles", edited(f"{NAMES}:_percents", "for pattern in PERCENTS[:1] if alone else PERCENTS:", "for pattern in ():"), HELD, given=("other percentiles",)),
    Below("fractions as names", put(f"{NAMES}.FRACTION", re.compile("(?!)")), HELD, given=("quantiles by column",)),
    Below("names in one word", put(f"{NAMES}.JOINED", re.compile("(?!)")), HELD, given=("names in one word",)),
    Below("ordinary words that begin so", put(f"{NAMES}.NOT_JOINED", re.compile("(?!)")), ORDINARY, given=("words that begin so",)),
    Below("counts by row", put(f"{FLAGS}._count_rows", lambda *_: ()), HELD, given=("a description on its side",)),
    Below("an N is a code", put(f"{NAMES}.are_statistics", lambda _: True), ORDINARY, given=("with and without support",)),
    Below("counts by name", put(f"{NAMES}.is_count", lambda _: False), HELD, given=("a count among symbols",)),
    Below("counts with percentages", put(f"{FLAGS}.COUNT", re.compile("([0-9]{1,18})")), HELD, given=("counts with their percentages",)),
    Below("a mean by age is no age", put(f"{NAMES}.STATISTICS", frozenset()), ORDINARY, given=("a mean by age",)),
    Below("figures of texts", put(f"{DOCUMENTS}._text_figures", lambda _: ()), DOCUMENT, given=("girls 3\nboys 5",)),
    Below("figures within lines", put(f"{DOCUMENTS}._figures_within", lambda _: DocumentFigures((), (), frozenset())), DOCUMENT, given=("It was absent for 3 pupils in all.",)),
    Below("figures of documents", edited(f"{DOCUMENTS}:figures_of", "yield _json_figures(document)", "yield from ()"), DOCUMENT, given=('{"girls": 3, "boys": 5}',)),
    Below("other figures are no counts", put(f"{DOCUMENTS}.is_other_figure", lambda *_, **__: False), ORDINARY_DOCUMENT, given=('{"n": 4000, "r2": 0.21, "df": 3, "coef": {"fsm": -3.5, "sen": 2.25}}',)),
    Below("thousands are one number", put(f"{DOCUMENTS}.THOUSANDS", re.compile("(?!)")), ORDINARY_DOCUMENT, given=("girls 3,400\nboys 1,234",)),
    Below("few names are listed", put(f"{FLAGS}.MOST_NAMES", 10**9), "test_more_names"),
    Below("thirty-two zeros are a number", put(f"{FLAGS}.PSEUDONYM", re.compile("[0-9a-f]{32}")), "test_ordinary_tables", given=("a p of 32 zeros",)),
    Below("codes are no counts", put(f"{FLAGS}.code_columns", lambda *_: frozenset()), "test_ordinary_tables", given=("clusters",)),
    Listed("undeclared names stay", edited("broker.python_jobs.raw_outputs:_raw_file", "WithheldFile(name, UNDECLARED, len(content))", "RawFile(name, ending, content)"), "test_what_a_file_may_be", LEFT, ("other.csv", b"", "undeclared")),
    Listed("undeclared requests stay", edited("broker.python_jobs.raw_outputs:sort_outputs", 'if r.name.casefold() in {name.rpartition(".")[0] for name in spelled}', ""), "test_a_request_that", LEFT),
    Listed("large texts stay", edited("broker.python_jobs.raw_outputs:_raw_file", "if len(content) > (", "if False and len(content) > ("), "test_what_a_file_may_be", LEFT, ("big.csv", b"x" * 4_000_001, "size")),
    Listed("bytes of a job are counted", edited("broker.python_jobs.raw_outputs:_within_job", "len(file.content) > left:", "False:"), "test_a_file_for_which", LEFT),
    Listed("large documents stay", edited("broker.python_jobs.raw_outputs:sort_outputs", "if len(named[n]) <= service.max_document_bytes", ""), "test_a_document_that", LEFT),
    Listed("cells are counted", edited("broker.python_jobs.sanitised_files:_csv", "left < 0 or ", ""), "test_what_is_too_much", REMADE, ("cells",)),
    Listed("values are counted", put("broker.python_jobs.sanitised_files.check_amount", nothing), "test_what_is_too_much", REMADE, ("values",)),
    Listed("depth is counted", put("broker.python_jobs.sanitised_files.check_amount", nothing), "test_what_is_too_much", REMADE, ("depth",)),
    Listed(
        "what comes out is measured",
        together(
            put("broker.python_jobs.sanitised_files._check_growth", nothing),
            edited("broker.python_jobs.sanitised_files:FileSanitiser.text", "if left < 0:", "if False:"),
            edited("broker.python_jobs.sanitised_files:sanitise_file", "if len(found.content) > caps.made_bytes:", "if False:"),
        ),
        "test_what_is_too_much", REMADE, ("lines that grow",),
    ),
    Hostile("the container is not believed", edited(f"{ENGINE}:_head", "!= get_type_hints(FileHead)", "== {}"), "test_a_container_that", given=(b'{"problem": 1, "sentence": "", "made": 0, "sheet": false}', ".csv")),
    Hostile("its cells are counted", edited(f"{ENGINE}:_rows", "if cells > caps.values:", "if False:"), "test_it_says_no_more"),
    Hostile("cells of a job are counted", OF_A_JOB, "test_a_table_for_which"),
    Hostile("cells of a whole job are counted", OF_A_JOB, "test_no_whole_job", given=("as many cells as a file may have",)),
    Hostile("words of a whole job are counted", edited(f"{ENGINE}:_within_job", "if number > values:", "if False:"), "test_no_whole_job", given=("names of extremes in all lines",)),
    Hostile("its tables are written here", edited(f"{ENGINE}:_rebuilt_file", "if file.kind == CSV or MEDIA_TYPES.get(file.kind) == MEDIA_TYPES[CSV]:", "if False:"), "test_a_table_that_it_says"),
    Listed("no data where a container waits for files", edited("broker.sandbox.docker_sandbox:DockerSandbox._warm_mount", "if request.without_data:", "if request.apart:"), "test_what_waits", PARQUET, ("runc",)),
)  # fmt: skip

"""Each defence of Python jobs removed, one at a time: the test of its finding, or of an attack tried since, must fail.

`python -m tests.prove.script_defences [WORD …]` tries those whose place has a word in it, and prints what was not caught.
Defences inside images are not taken out here: a container runs what was built.
"""

# ruff: noqa: E501 - one defence a line reads as a table

import importlib
import json
import re
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import pytest

from broker.domain.errors import Breach, Conflict, Invalid, Unknown
from tests.prove.defences import edited, put
from tests.prove.private_defences import nothing

FINDINGS, ROWS, NAMES, FILES = (
    f"tests.attacks.test_{name}"
    for name in ("findings_of_python", "rows_as_carriers", "names_as_carriers", "files_as_carriers")
)
CAUGHT = (AssertionError, Breach, Conflict, Invalid, Unknown, ValueError, pytest.fail.Exception)
"""How a test fails that has seen it. (A removal that does not fit the code any more is a LookupError or a TypeError.)"""


@dataclass(frozen=True, slots=True)
class Defence:
    """What stops an attack, how to take that away, and the test that must fail then, by the beginning of its name;
    `given` are its arguments."""

    what: str
    removed: Callable[[], AbstractContextManager[Any]]
    test: str
    module: str = FINDINGS
    given: tuple[Any, ...] = ()

    @property
    def place(self) -> str:
        """The number of a finding, or the file of an attack."""
        return self.test.split("_")[1] if self.module == FINDINGS else self.module.rpartition("test_")[2]


SCRIPTS, HANDED, OUTPUTS, REMADE = (
    "broker.workflow.scripts", "broker.workflow.handed_outputs", "broker.workflow.script_outputs", "broker.python_jobs.remade",
)  # fmt: skip
VERIFYING = "broker.engine.verifying"
AS_LEFT = edited(f"{OUTPUTS}:_computed_once", "name=spelled[folded]", "name=one.name")

DEFENCES = (
    Defence("only checkers read what it printed", put("broker.workflow.looks._may_look", lambda *_: True), "test_7"),
    Defence("a trace is of the synthetic run", edited(f"{SCRIPTS}:_open_look", "passed, trace, digest", "passed, digest, digest"), "test_7"),
    Defence("slots of time", put("broker.workflow.browse.looks_running", nothing), "test_8_a_failure"),
    Defence("times are those of slots", put("broker.workflow.browse.told_end", nothing), "test_8_the_time"),
    Defence("four words", edited("broker.domain.jobs:shown_state", "Shown.LIMIT if failure is not None and coarse_word(failure) is Word.LIMIT else Shown.FAILED", "failure"), "test_8_a_failure"),
    Defence("what did not leave has no name", edited("broker.workflow.browse:_told", "if left or kind is Kind.SQL:", "if True:"), "test_8_names"),
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
    Defence("a person decides on rows of a script", put(f"{HANDED}.by_person", lambda found, *_: found), "test_10_rows"),
    Defence("declared variables are read again", put(f"{VERIFYING}._mismatches", lambda _: "SELECT 0"), "test_10_a_declared"),
    Defence("unknown pseudonyms are refused", edited(f"{VERIFYING}:_of_persons", " WHERE {PERSON} IS NOT NULL\")", " WHERE false\")"), "test_10_a_person"),
    Defence("nobody is there more often than in the vault", edited(f"{VERIFYING}:_of_persons", "h.n > o.n", "false"), "test_10_a_person"),
    Defence("derived columns are marked", edited("broker.python_jobs.tabulating:_table", "bool(rows.derived)", "False"), "test_10_a_derived"),
    Defence("the broker's order of rows", edited(f"{REMADE}:ordered", "sorted(kept, key=lambda row: [_rank(c) for c in row])", "kept"), "test_33_a_table"),
    Defence("the broker's order of columns", edited(f"{REMADE}:ordered", "sorted(range(len(header)), key=lambda i: (not is_key[i], header[i]))", "range(len(header))"), "test_33_a_table"),
    Defence("few digits", put(f"{REMADE}.capped", lambda value, digits: f"{value:f}"), "test_33_a_table"),
    Defence("one spelling", put(f"{REMADE}.clean", lambda text: text), "test_33_a_table"),
    Defence("figures are of what is released", edited("broker.disclosure.figures:points_of", "_plain(r.released[i])", "_plain(r.exact[i])"), "test_33_a_figure"),
    Defence("hidden figures are not drawn", edited("broker.disclosure.figures:points_of", "r.suppressed[i] or ", ""), "test_33_a_figure"),
    Defence("files are never automatic", edited(f"{OUTPUTS}:prepared_file", "verdict=Verdict.REVIEW", "verdict=Verdict.PUBLISH"), "test_33_files"),
    Defence("files are made anew", edited(f"{OUTPUTS}:prepared_file", "candidate=made.content", "candidate=found.content"), "test_33_files"),
    Defence("pictures are never automatic", edited(f"{OUTPUTS}:_picture", '"G2", Verdict.REVIEW', '"G2", Verdict.PUBLISH'), "test_33_files"),
    Defence("pictures are made anew", edited(f"{OUTPUTS}:_picture", "staff, content,", "staff, found.content,"), "test_33_files"),
    Defence("synthetic data first", put(f"{SCRIPTS}._on_synthetic", nothing), "test_53_a_script"),
    Defence("what fails there reads nothing here", edited(f"{SCRIPTS}:_on_synthetic", "if not passed:", "if False:"), "test_53_a_script"),
    Defence("a failure here opens a look", put(f"{SCRIPTS}._open_look", nothing), "test_53_passes"),
    Defence("the look is told of without figures", edited("broker.workflow.looks:tell", "any(c.isnumeric() for c in reason)", "False"), "test_53_passes"),
    Defence("undecided outputs are not told", edited("broker.workflow.browse:_told", "if output.state not in TOLD:", "if False:"), "test_53_of"),
    Defence("labels are plain text", put(f"{VERIFYING}.PLAIN", ".*"), "test_labels_that", ROWS, ("primary\ufe0f",)),
    Defence("labels carry nothing", put(f"{VERIFYING}.CARRIES", "^$"), "test_labels_that", ROWS, ("0.123456",)),
    Defence("names are the header's", AS_LEFT, "test_an_output", NAMES),
    Defence("no figure of what nobody sees", edited(f"{OUTPUTS}:_computed_once", "else _undeclared(one)", "else one"), "test_a_figure_is_drawn", NAMES),
    Defence("the text's order of columns", put(f"{HANDED}.in_order", lambda asked, _: asked), "test_columns", NAMES),
    Defence("computed names are told", put(f"{HANDED}.unwritten", lambda *_: ()), "test_names_that", NAMES),
    Defence("tables that few lie between are told", put(f"{HANDED}.told_close", lambda made, _: tuple(made)), "test_two_tables", NAMES),
    Defence("digits inside texts", put(f"{REMADE}.said", lambda text, _: text), "test_numbers_inside", FILES, ("12.3456789%", "12.346%")),
    Defence("nothing invisible", put(f"{REMADE}.INVISIBLE", re.compile("(?!)")), "test_characters", FILES, ("\ufe0f",)),
)  # fmt: skip


def caught(defence: Defence) -> bool:
    """Whether the test passes as things are, and fails with the defence removed."""
    module = importlib.import_module(defence.module)
    test = getattr(module, next(n for n in vars(module) if n.startswith(defence.test)))
    test(*defence.given)
    with defence.removed():
        try:
            test(*defence.given)
        except CAUGHT:
            return True
    return False


def run(words: frozenset[str] = frozenset()) -> dict[str, object]:
    tried = [d for d in DEFENCES if not words or d.place in words]
    missed = [f"{d.test}: {d.what}" for d in tried if not caught(d)]
    return {"places": len({d.place for d in tried}), "defences": len(tried), "missed": missed}


if __name__ == "__main__":
    print(json.dumps(run(frozenset(sys.argv[1:])), indent=2))

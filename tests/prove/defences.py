"""Each defence of disclosure control removed, one at a time: the test of its finding must fail.

`python -m tests.prove.defences [NUMBER …]` tries them in this process and prints what was not caught.
"""

# ruff: noqa: E501 - one defence a line reads as a table

import __future__

import importlib
import inspect
import json
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from types import FunctionType
from typing import Any
from unittest import mock

from broker.disclosure import judge, table_words
from broker.disclosure.files import sheets
from broker.disclosure.listing import Row
from broker.disclosure.repair.repair import repair
from broker.domain.errors import Breach
from broker.domain.outputs import Verdict
from broker.domain.plans import Needs
from broker.workflow import script_outputs

TESTS = "tests.attacks.test_findings_of_disclosure"
Removed = Callable[[], Any]
"""Makes a context in which the defence is not there."""


@dataclass(frozen=True, slots=True)
class Defence:
    """A finding's number, what stops it, how to take that away, and the test that must fail then."""

    finding: int
    what: str
    removed: Removed
    test: str


def without(*rules: str) -> Removed:
    """No finding of these rules, wherever cells are judged."""

    @contextmanager
    def context() -> Iterator[None]:
        with ExitStack() as stack:
            for module in (judge, table_words, sheets, importlib.import_module(TESTS)):
                if hasattr(module, "findings_of"):
                    stack.enter_context(
                        mock.patch.object(module, "findings_of", partial(_silent, module.findings_of, rules))
                    )
            yield

    return context


def _silent(findings_of: Callable[..., Any], rules: tuple[str, ...], *asked: Any) -> Any:
    return tuple(f for f in findings_of(*asked) if f.rule not in rules)


def put(where: str, value: Any) -> Removed:
    """Another value under a dotted name."""
    return lambda: mock.patch(where, value)


def edited(where: str, old: str, new: str) -> Removed:
    """A function in which a piece of its text is another: seen by whoever holds the function already, too."""

    @contextmanager
    def context() -> Iterator[None]:
        function = _function(where)
        source = textwrap.dedent(inspect.getsource(function)).removeprefix("@property\n")
        if source.count(old) != 1:
            raise LookupError(f"{where} has {source.count(old)} times {old!r}: where is the defence now?")
        namespace: dict[str, Any] = {}
        flags = __future__.annotations.compiler_flag
        exec(compile(source.replace(old, new), where, "exec", flags, True), function.__globals__, namespace)
        was, function.__code__ = function.__code__, namespace[function.__name__].__code__
        try:
            yield
        finally:
            function.__code__ = was

    return context


def _function(where: str) -> FunctionType:
    module, _, name = where.partition(":")
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    found = found.fget if isinstance(found, property) else found
    assert isinstance(found, FunctionType)
    return found


def _rows_as_persons(findings_of: Callable[..., Any], ask: Any, *more: Any) -> Any:
    counted = replace(ask.evidence, persons=ask.evidence.rows)
    return findings_of(replace(ask, evidence=counted, cell_persons=max(ask.cell_persons, counted.rows)), *more)


def _observed(keys: Any, cells: Any, profile: Any, registers: Any) -> Any:
    """GROUP BY over what was found."""
    return [Row(c.keys, c, listed=True) for c in cells], True


def _exact(statistic: Any, evidence: Any, *more: Any) -> Any:
    return evidence.value


def _as_found(found: Any, *asked: Any) -> Any:
    return replace(FILE(found, *asked), verdict=Verdict.PUBLISH)


def _in_any_order(*asked: Any, **also: Any) -> Any:
    """Holes that depend on the run: another one each time."""
    TIMES.append(1)
    found = REPAIR(*asked, **also)
    return replace(found, hidden=found.hidden | {len(TIMES) % 4})


def repairing(by: Callable[..., Any]) -> Removed:
    """Another repair of person rows."""
    return put(f"{ROOM}.files.margins.repair", by)


def _primaries_only(task: Any, *more: Any, **also: Any) -> Any:
    return replace(REPAIR(task, *more, **also), hidden=task.hidden)


FILE, REPAIR, TIMES = script_outputs.prepared_file, repair, list[int]()
ROOM, KIT = "broker.disclosure", "tests.spec.query.query_kit"
TABLES, WORDS = f"{ROOM}.judged_tables", f"{ROOM}.table_words"

DEFENCES = (
    Defence(1, "ones and rest of a condition are counted apart", without("F1", "F2", "F3"), "test_01"),
    Defence(2, "arithmetic outside the closed list goes to a person", without("A1"), "test_02"),
    Defence(2, "digits end where one contribution begins", put(f"{ROOM}.protect.mean_digits", lambda *_: 9), "test_02"),
    Defence(3, "counts that few tell apart are one count", put(f"{WORDS}.taken_for", lambda *_: {}), "test_03"),
    Defence(4, "what stands above sees protected values", put(f"{WORDS}.shown", _exact), "test_04"),
    Defence(5, "rows come from lists", put(f"{TABLES}.listed_rows", _observed), "test_05"),
    Defence(6, "zeros that want a look are hidden", put(f"{TABLES}._hidden", lambda finding: finding), "test_06"),
    Defence(6, "small populations hide all", edited(f"{ROOM}.judge:Asked.is_small", "<", "< -"), "test_06"),
    Defence(10, "files of a script are looked at", put("broker.workflow.script_outputs.prepared_file", _as_found), "test_10"),
    Defence(11, "no arithmetic on quasi-identifiers", put("broker.query.compile.misused_quasi", lambda *_: None), "test_11"),
    Defence(
        12, "persons are counted, not rows",
        lambda: mock.patch.object(table_words, "findings_of", partial(_rows_as_persons, table_words.findings_of)),
        "test_12",
    ),
    Defence(19, "no value of another row", edited("broker.query.rows.windows:_place", "if not own:", "if False:"), "test_19"),
    Defence(
        20, "no EXCEPT of groups",
        edited("broker.query.rows.unions:bind", "not isinstance(node, exp.Union)", "False"), "test_20",
    ),
    Defence(22, "complementary suppression", repairing(_primaries_only), "test_22"),
    Defence(
        22, "no primary mark in the released record",
        put(f"{TESTS}.released_record", lambda found, _: {"rows": [[list(r.rules) for r in found.rows], "primary"]}),
        "test_22",
    ),
    Defence(
        23, "hashes are keyed",
        put("broker.storage.shelf.FolderShelf.keyed_hash", lambda _, content: _plain_hash(content)), "test_23",
    ),
    Defence(28, "repair is the same each time", repairing(_in_any_order), "test_28"),
    Defence(29, "inner cells are targets", repairing(_primaries_only), "test_29"),
    Defence(33, "rows in an order of their own", put(f"{ROOM}.listing._place", lambda *_: 0), "test_33"),
    Defence(35, "a link key is not a value", put("broker.query.scalars.meaning.Meaning.hidden_behind", lambda *_: None), "test_35"),
    Defence(37, "institutions are counted", without("F6"), "test_37"),
    Defence(38, "evidence beside the result", put(f"{TESTS}.render", lambda *_: "SELECT COUNT(*); SELECT 1"), "test_38"),
    Defence(
        40, "audit lines carry ids and codes",
        edited("broker.workflow.submit:submit", '("project", project.ident)', '("project", submission.text)'), "test_40",
    ),
    Defence(41, "few people are hidden", without("F1", "M1"), "test_41"),
    Defence(
        45, "schools only where they are protected",
        put(f"{TESTS}.PROFILE", replace(importlib.import_module(TESTS).PROFILE, protects_institutions=True)), "test_45",
    ),
    Defence(47, "totals are known", put(f"{ROOM}.linking.patterns._known", lambda *_: (set(), set())), "test_47"),
    Defence(49, "a missing side is hidden", without("F1", "F2"), "test_49"),
    Defence(50, "small groups behind a context are nobody", put(f"{KIT}.Needs", lambda *_: Needs(1)), "test_50"),
    Defence(
        51, "a column of one value is exempt",
        put(f"{WORDS}.full_cells", lambda cells, *_: frozenset(c.keys for c in cells)), "test_51",
    ),
)  # fmt: skip


def _plain_hash(content: bytes) -> str:
    from hashlib import sha256

    return sha256(content).hexdigest()


def caught(defence: Defence) -> bool:
    """Whether the test passes as things are, and fails with the defence removed."""
    module = importlib.import_module(TESTS)
    name = next(n for n in vars(module) if n.startswith(f"{defence.test}_"))
    getattr(module, name)()
    with defence.removed():
        try:
            getattr(module, name)()
        except (AssertionError, Breach):
            return True
    return False


def run(numbers: frozenset[int] = frozenset()) -> dict[str, object]:
    tried = [d for d in DEFENCES if not numbers or d.finding in numbers]
    missed = [f"{d.finding}: {d.what}" for d in tried if not caught(d)]
    return {"findings": len({d.finding for d in tried}), "defences": len(tried), "missed": missed}


if __name__ == "__main__":
    print(json.dumps(run(frozenset(map(int, sys.argv[1:]))), indent=2))

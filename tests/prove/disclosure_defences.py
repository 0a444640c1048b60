"""Each defence of disclosure control, how it is removed, and the test of its finding that must fail then."""

# ruff: noqa: E501 - one defence a line reads as a table

import importlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any
from unittest import mock

from broker.disclosure import judge_job, table_findings
from broker.disclosure.judged_tables import CandidateRow
from broker.disclosure.microdata import judged_statistics
from broker.disclosure.suppression.secondary_suppression import suppress
from broker.domain.errors import Breach
from broker.domain.findings import Verdict
from broker.domain.plans.plan import EvidenceNeeds
from broker.workflow.pipeline import script_outputs
from tests.prove.defences import Defence as Listed, Removed, edited, put, together

TESTS = "tests.attacks.test_findings_of_disclosure"
CAUGHT = (AssertionError, Breach)


Defence = partial(Listed, module=TESTS)


def without(*rules: str) -> Removed:
    """No finding of these rules, wherever cells are judged."""

    @contextmanager
    def context() -> Iterator[None]:
        with ExitStack() as stack:
            for module in (judge_job, table_findings, judged_statistics, importlib.import_module(TESTS)):
                if hasattr(module, "findings_of"):
                    stack.enter_context(
                        mock.patch.object(module, "findings_of", partial(_silent, module.findings_of, rules))
                    )
            yield

    return context


def _silent(findings_of: Callable[..., Any], rules: tuple[str, ...], *asked: Any) -> Any:
    return tuple(f for f in findings_of(*asked) if f.rule not in rules)


def _rows_as_persons(findings_of: Callable[..., Any], ask: Any, *more: Any) -> Any:
    counted = replace(ask.evidence, persons=ask.evidence.rows)
    return findings_of(replace(ask, evidence=counted, cell_persons=max(ask.cell_persons, counted.rows)), *more)


def _observed(keys: Any, cells: Any, profile: Any, registers: Any) -> Any:
    """GROUP BY over what was found."""
    return [CandidateRow(c.keys, c, listed=True) for c in cells], True


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
    return put(f"{ROOM}.microdata.judge_microdata.suppress", by)


def _primaries_only(task: Any, *more: Any, **also: Any) -> Any:
    return replace(REPAIR(task, *more, **also), hidden=task.hidden)


FILE, REPAIR, TIMES = script_outputs.draft_file, suppress, list[int]()
ROOM, KIT = "broker.disclosure", "tests.spec.query.query_kit"
TABLES, WORDS = f"{ROOM}.judged_tables", f"{ROOM}.table_findings"

DEFENCES = (
    Defence("ones and rest of a condition are counted apart", without("F1", "F2", "F3"), "test_01"),
    Defence("arithmetic outside the closed list goes to a person", without("A1"), "test_02"),
    Defence("digits end where one contribution begins", put(f"{ROOM}.protected_means.mean_step", lambda *_: Decimal("1E-9")), "test_02"),
    Defence("counts that few tell apart are one count", put(f"{WORDS}.close_counts", lambda *_: {}), "test_03"),
    Defence("what stands above sees protected values", put(f"{WORDS}.protected_value", _exact), "test_04"),
    Defence("rows come from lists", put(f"{TABLES}.listed_rows", _observed), "test_05"),
    Defence("zeros that want a look are hidden", put(f"{TABLES}._hide_for_review", lambda finding: finding), "test_06"),
    Defence("small populations hide all", edited(f"{ROOM}.judge_job:JudgingInput.is_small", "<", "< -"), "test_06"),
    Defence("files of a script are looked at", put("broker.workflow.pipeline.script_outputs.draft_file", _as_found), "test_10"),
    Defence("no arithmetic on quasi-identifiers", put("broker.query.compile.misused_quasi_identifier", lambda *_: None), "test_11"),
    Defence(
        "persons are counted, not rows",
        lambda: mock.patch.object(table_findings, "findings_of", partial(_rows_as_persons, table_findings.findings_of)),
        "test_12",
    ),
    Defence(
        "no value of another row",
        together(
            edited("broker.query.binder.window_functions:_bind_rank_or_neighbour", "if not own:", "if False:"),
            edited(  # the list of measures knows no values of rows either
                "broker.query.analysis.implied_statistics:_context_statistic",
                "AGGREGATE_FUNCTIONS[aggregate.op].measure", "Measure.MEAN",
            ),
        ),
        "test_19",
    ),
    Defence(
        "no EXCEPT of groups",
        edited("broker.query.binder.set_operations:bind_set_operation", "not isinstance(node, exp.Union)", "False"), "test_20",
    ),
    Defence("complementary suppression", repairing(_primaries_only), "test_22"),
    Defence(
        "no primary mark in the released record",
        put(f"{TESTS}.released_record", lambda found, _: {"rows": [[list(r.rules) for r in found.rows], "primary"]}),
        "test_22",
    ),
    Defence(
        "hashes are keyed",
        put("broker.storage.content_store.FolderContentStore.keyed_hash", lambda _, content: _plain_hash(content)), "test_23",
    ),
    Defence("repair is the same each time", repairing(_in_any_order), "test_28"),
    Defence("inner cells are targets", repairing(_primaries_only), "test_29"),
    Defence("rows in an order of their own", put(f"{ROOM}.judged_tables._sort_key", lambda *_: 0), "test_33"),
    Defence("a link key is not a value", put("broker.query.expressions.expression_binder.ExpressionBinder.hidden_behind", lambda *_: None), "test_35"),
    Defence("institutions are counted", without("F6"), "test_37"),
    Defence("evidence beside the result", put(f"{TESTS}.render", lambda *_: "SELECT COUNT(*); SELECT 1"), "test_38"),
    Defence(
        "audit lines carry ids and codes",
        edited("broker.workflow.submission.job_submission:submit", '("project", project.ident)', '("project", submission.text)'), "test_40",
    ),
    Defence("few people are hidden", without("F1", "M1"), "test_41"),
    Defence(
        "schools only where they are protected",
        put(f"{TESTS}.PROFILE", replace(importlib.import_module(TESTS).PROFILE, protects_institutions=True)), "test_45",
    ),
    Defence("totals that are shown are known", put(f"{ROOM}.judge_job._by_table", lambda *_: {}), "test_47"),
    Defence("a missing side is hidden", without("F1", "F2"), "test_49"),
    Defence("small groups behind a context are nobody", put(f"{KIT}.EvidenceNeeds", lambda *_: EvidenceNeeds(1)), "test_50"),
    Defence(
        "a column of one value is exempt",
        put(f"{WORDS}.full_cells", lambda cells, *_: frozenset(c.keys for c in cells)), "test_51",
    ),
)  # fmt: skip


def _plain_hash(content: bytes) -> str:
    from hashlib import sha256

    return sha256(content).hexdigest()

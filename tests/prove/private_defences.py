"""Each defence of private answers, how it is removed, and the test of its finding, or trap, that must fail then."""

# ruff: noqa: E501 - one defence a line reads as a table

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import duckdb
import numpy as np
from sqlalchemy.exc import IntegrityError

from broker.domain.errors import Breach, Conflict, Refused
from broker.privacy.measurements import measurement
from broker.privacy.mechanisms import MechanismBundle
from broker.storage.ledger.budget_account_store import locked
from broker.workflow.private_jobs import private_answers
from tests.prove.defences import Defence as Listed, Removed, edited, nothing, put, together

FINDINGS, TRAPS = "tests.attacks.test_findings_of_privacy", "tests.attacks.test_traps_of_privacy"
CAUGHT = (AssertionError, Breach, Conflict, Refused, duckdb.Error, IntegrityError)


def Defence(what: str, removed: Removed, test: str) -> Listed:
    return Listed(what, removed, test, FINDINGS if test[5].isdigit() else TRAPS)


def _shown(of: Any, *_: Any) -> Any:
    return np.ones(len(of.matrix()), np.bool_)


def _half_scale(bundle: MechanismBundle) -> Any:
    return measurement(replace(bundle, mechanisms=tuple(replace(m, scale=m.scale / 2) for m in bundle.mechanisms)))


def _all_leave(_threshold: int) -> Callable[[Any], Any]:
    return lambda kept: kept


def _float_noise(_bundle: MechanismBundle, answers: Sequence[Any]) -> list[Any]:
    return [[v + 0.25 for v in answers[0]]]


def _by_chance(table: Any, keys: list[str], own: list[str]) -> str:
    return f" QUALIFY row_number() OVER (PARTITION BY p ORDER BY random()) <= {table.person_bound.cells}"


def _by_number(table: Any, keys: list[str], own: list[str]) -> str:
    return f" QUALIFY row_number() OVER (PARTITION BY p ORDER BY hash(p, {keys[0]}), {keys[0]}) <= {table.person_bound.cells}"


def _read_before() -> AbstractContextManager[Any]:
    """Balances as they were when they were first looked at: check and reservation are two transactions."""
    seen: dict[Any, Any] = {}

    def stale(connection: Any, wanted: Any) -> Any:
        return seen.setdefault(tuple(wanted), locked(connection, wanted))

    return put("broker.storage.ledger.budget_account_store.locked", stale)()


def _charged_unanswered(*asked: Any) -> Any:
    return replace(CHARGE(*asked), answer=None)


def _as_it_is(tree: Any) -> Any:
    return tree


CHARGE = private_answers._charge
DRAWN = "context.private_ports.noise.draw(query.design.bundle, exact.vectors)"
FIRST_LOOK = "assert spend is not None\n    if spend.answer is not None:"
ROWS, ATTEMPT = "broker.query.contribution_bounding.row_bounds", "broker.workflow.private_jobs.private_answers"
RESERVING, WITHIN = "broker.storage.ledger.spend_store", "not (balance.used + amount).within(balance.cap)"
KEPT = edited(
    "broker.scope.grants:check_exact_allowed", "policies.privacy.only_private & project.tables", "frozenset()"
)
SHOWN = 'f"This job costs {requested}; less than that is left'

DEFENCES = (
    Defence("ranks are read", edited(f"{ROWS}:RowBounder._scan", "ops.Filter(read, rank_condition(by, ident, scan)), ", "scan, "), "test_12"),
    Defence("joins multiply", put(f"{ROWS}.product_of", lambda rows, _: rows), "test_13"),
    Defence("branches add up", edited(f"{ROWS}:RowBounder._union", "else sum(p.rows", "else max(p.rows"), "test_13"),
    Defence("years add up", edited(f"{ROWS}:RowBounder._scan", "by.rows * many", "by.rows"), "test_13"),
    Defence("what nothing bounds is added up by person", edited("broker.query.sql.bounded_statements:_per_person", "n > {most} THEN", "n > 99 THEN"), "test_13"),
    Defence("a release has a largest spend", put("broker.workflow.private_jobs.private_spend.check_spend", nothing), "test_14_no"),
    Defence("more than that is looked at", edited("broker.workflow.private_jobs.private_request:PrivateQuery.is_automatic", "self.charge.micro", "0"), "test_14_no"),
    Defence("a floor on noisy counts", put("broker.privacy.results.cell_results._reaches_floor", _shown), "test_14_no"),
    Defence("the ledger's own maximum", put(f"{RESERVING}.check_release_maximum", nothing), "test_14_the"),
    Defence("a cap of each unit", edited(f"{RESERVING}:charges_within", WITHIN, f"(account.project and {WITHIN})"), "test_15"),
    Defence(
        "a record follows from the design alone",
        edited("broker.workflow.private_jobs.private_outputs:draft_private", "record_of_method = method_record(private)", "record_of_method = method_record(private) | {'rows': list(answer_from_bytes(private.design, content).drawn[0].values)}"),
        "test_16",
    ),
    Defence("answers are known in their project", edited("broker.storage.ledger.budget_account_store:released_answer", "spends.c.project == request.project,", ""), "test_26"),
    Defence(
        "what others have left is not told",
        together(
            edited(f"{RESERVING}:charges_within", "None if account.is_shared else balance.left", "balance.left"),
            edited("broker.domain.ledger.budget_refusals:_shortfall_refusal", SHOWN, 'f"This job costs {requested}; {remaining} is left'),
        ),
        "test_26",
    ),
    Defence(
        "both sums over the same rows",
        edited("broker.query.sql.bounded_statements:_coordinates", 'f"({n}::HUGEINT * {w} - {s})"', 'f"(COUNT(*)::HUGEINT * {w} - {s})"'),
        "test_30",
    ),
    Defence("means have a curve", edited("broker.privacy.error_forecast:_StatisticForecast._quotient_errors", "in self.profile.curve_sizes", "in (412,)"), "test_31"),
    Defence(
        "a forecast asks for no vault",
        edited("broker.workflow.submission.preview:forecast", "    left = {", "    ports.vaults.ensure(project, 's1')\n    left = {"), "test_31",
    ),
    Defence("exact releases are listed", put("broker.storage.job_stores.release_store.enter_asides", nothing), "test_32"),
    Defence("nothing exact of what is kept to privacy", KEPT, "test_32"),
    Defence("what replacing costs", edited("broker.privacy.results.privacy_record:spend_record", "charge(bundle, 2)", "charge(bundle, 1)"), "test_32"),
    Defence("an answer that is there is the answer", together(edited(f"{ATTEMPT}:answer", FIRST_LOOK, "assert spend is not None\n    if False:"), put(f"{ATTEMPT}._charge", _charged_unanswered)), "test_39"),
    Defence(
        "a second charge is the first", edited("broker.storage.ledger.spend_store:SqlSpends.charge", "if known.state in {SpendState.CHARGED, SpendState.RELEASED}:", "if False:"),
        "test_39",
    ),
    Defence("noise of its scale", put("tests.generative.privacy.auditing.measurement", _half_scale), "test_44"),
    Defence("keys at the threshold stay", put("broker.privacy.measurements.mechanism_measurements._over_threshold", _all_leave), "test_44"),
    Defence("the main record first", edited("broker.vault.vault_rows:rows_sql", "*_main_record(share, year), ", ""), "test_52"),
    Defence("who is added up loses no row", edited(f"{ROWS}:RowBounder._aggregate", "if None in years:", "if True:"), "test_52"),
    Defence("noise on integers", put(f"{TRAPS}.draw", _float_noise), "test_floats"),
    Defence(
        "no noise in statements", edited("broker.query.sql.bounded_statements:_grouping_sets", "coalesce({n}, 0)", "coalesce({n}, 0) + floor(random())"), "test_floats",
    ),
    Defence(
        "every scalar is total", together(put("broker.query.contribution_bounding.bounded_contributions.error_free_relation", _as_it_is), put("broker.query.sql.bounded_statements.error_free", _as_it_is)), "test_errors",
    ),
    Defence(
        "every end is one word",
        edited("broker.workflow.private_jobs.private_blocks:run_undisclosed", "raise Failed(FailureCode.ENGINE_ERROR, failed.result) from None", "raise"), "test_errors",
    ),
    Defence("no extreme of a person", edited("broker.query.binder.aggregate_statistics:bind_statistic", "isinstance(node, exp.Sum | exp.Avg):", "isinstance(node, exp.Sum | exp.Avg | exp.Min | exp.Max):"), "test_extremes"),
    Defence("no key without a list where there is no delta", edited("broker.privacy.request.private_output_planner:_key_refusals", "if d.values is None and lists_only", "if False"), "test_keys"),
    Defence(
        "cells of the public lists",
        edited("broker.engine.private_engine:TableCoordinates._places", "if given is not None:", "given = rows.by_keys() if given is None else given\n    if given is not None:"), "test_keys",
    ),
    Defence("a person for each row without a key", edited("broker.vault.person_numbers:with_person_key", "__row || '#' || row_number() OVER (PARTITION BY __row)", "'nobody'"), "test_nulls"),
    Defence("no value of other persons", edited("broker.privacy.request.private_output_planner:_shape_refusals", "has_context(t.contributions) or not t.shown", "False"), "test_what"),
    Defence(
        "what stands above sees noisy figures",
        edited(f"{ATTEMPT}:_answer_query", DRAWN, f"tuple(type(d)(list(v)) for d, v in zip({DRAWN}, exact.vectors))"),
        "test_what",
    ),
    Defence("only a unique key meets once", put(f"{ROWS}.max_matches", lambda *_: 1), "test_joins"),
    Defence("cells by a hash and not by chance", put("broker.query.sql.bounded_statements._few_cells", _by_chance), "test_nothing"),
    Defence("an answer that was given is given again", edited(f"{RESERVING}:SqlReservations.reserve", "budget_account_store.released_answer(connection, request)", "None"), "test_noise"),
    Defence("cells by nobody's number", put("broker.query.sql.bounded_statements._few_cells", _by_number), "test_noise"),
    Defence("charged before the first read", edited(f"{ATTEMPT}:answer", "spend = _charge(ports, context.subject)", "pass"), "test_a_failed"),
    Defence(
        "nothing is given back after a read",
        edited("broker.storage.ledger.spend_store:settle_with_job", "known.state_without_release", "SpendState.REFUNDED"),
        "test_a_failed",
    ),
    Defence("coarse slots", put("broker.workflow.timing_channel.appears_running", lambda *_: False), "test_time"),
    Defence("one transaction", _read_before, "test_jobs"),
    Defence(
        "small cells refuse nothing",
        edited(f"{ATTEMPT}:_answer_query", f"    drawn = {DRAWN}", f"    if min(map(min, exact.vectors)) < 10:\n        raise Failed(FailureCode.ENGINE_ERROR)\n    drawn = {DRAWN}"),
        "test_no_exact",
    ),
    Defence("exact releases are listed", put("broker.storage.job_stores.release_store.enter_asides", nothing), "test_exact"),
    Defence("nothing exact of what is kept to privacy", KEPT, "test_exact"),
)  # fmt: skip

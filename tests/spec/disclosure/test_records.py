"""Records of one small table: staff's, ACRO's and the released one, as they are written."""

import json
from dataclasses import fields, replace
from decimal import Decimal

import jsonschema_rs
import pytest
from tables_kit import judged_table, key_of, output_of

from broker.disclosure.records.acro_record import CHECKS, AcroItem, acro_results, checks_of
from broker.disclosure.records.assessment_json import assessment_from_json, assessment_to_json
from broker.disclosure.records.released_tables import released_csv, released_file_record, released_record
from broker.disclosure.records.rule_catalogue import RULE_CATALOGUE, applied_rules
from broker.disclosure.records.staff_record import staff_record
from broker.domain.evidence import CellEvidence, StatisticEvidence
from broker.domain.findings import Assessment, Finding, SuppressionAudit, Verdict
from broker.domain.plans.measure import Measure
from broker.domain.plans.plan import PlannedStatistic
from broker.domain.plans.scalars import ScalarType
from broker.policy.disclosure_rules import DisclosureRules
from tests.spec.disclosure.record_shapes import ACRO, RELEASED, STAFF

PROFILE = DisclosureRules(name="npd", source="test", t=10, p_percent=17.0)
WHEN = "2026-01-01T00:00:00"


def mean(persons: int, largest: int) -> StatisticEvidence:
    total = largest + 9 + 8 * (persons - 2)
    return StatisticEvidence(
        Decimal(total) / persons, persons, persons, largest=largest, second=9, low=1, high=largest, total=total
    )


def table() -> Assessment:
    """Four areas: one that passes, one of seven persons, one whose mean is one person's, one where nobody was found."""
    key = key_of("201", "202", "203", "204", variable="npd.census.LA")
    statistics = (
        PlannedStatistic(10, Measure.COUNT_ROWS, None, ScalarType.INT),
        PlannedStatistic(12, Measure.MEAN, None, ScalarType.DECIMAL),
    )
    cells = [
        CellEvidence((la,), n, n, {10: StatisticEvidence(n, n, n), 12: mean(n, largest)})
        for la, n, largest in (("201", 53, 10), ("202", 7, 10), ("203", 40, 90_000))
    ]
    return judged_table(output_of(statistics, (key,)), cells, PROFILE)


# LA, persons | the count and what leaves | the mean and what leaves | rules on the count | on the mean
DRAWN = [
    ["201", "53", "53 > 55", "8.0566 > 8", "-", "-"],
    ["202", "7", "7 > c", "8.4286 > c", "F1", "F1 M1"],
    ["203", "40", "40 > 40", "2257.8250 > c", "-", "M3"],
    ["204", "0", "0 > c", "- > c", "F2", "F2"],
]


def figure(text: str) -> str:
    return f"{float(text):.4f}" if "." in text else text or "-"


def test_the_staff_record_has_exact_and_released_figures() -> None:
    rows = staff_record(table(), PROFILE)["cells"]
    found = [[f"{figure(f['exact'])} > {f['released'] or 'c'}" for f in row["figures"][1:]] for row in rows]
    rules = [[" ".join(f["rules"]) or "-" for f in row["figures"][1:]] for row in rows]
    keys = [[*row["keys"], str(row["persons"])] for row in rows]
    assert [[*k, *f, *r] for k, f, r in zip(keys, found, rules, strict=True)] == DRAWN


def test_staffs_record_has_every_rule_with_its_parameters() -> None:
    told = {r["id"]: r for r in staff_record(table(), PROFILE)["rules"]}
    assert told["F1"] == {"id": "F1", "sentence": RULE_CATALOGUE["F1"].sentence, "parameters": {"t": 10}, "findings": 2}
    assert told["M4"]["parameters"] == {"p_percent": 17.0, "prior_q": None}
    assert told["F6"]["findings"] == 0, "a rule that found nothing was tried as well"
    more = applied_rules(PROFILE, [Finding("Z9", Verdict.REVIEW, "New.")])
    assert (more[-1].rule, more[-1].findings) == ("Z9", 1), "a rule that the list lacks is told, never lost"


def test_staffs_record_has_the_evidence_behind_each_figure() -> None:
    told = staff_record(table(), PROFILE)
    (behind,) = told["evidence"]
    assert (behind["keys"], [s["measure"] for s in behind["statistics"]]) == (["npd.census.LA"], ["count", "mean"])
    score = told["cells"][2]["figures"][2]
    found = next(s for s in behind["cells"][2]["statistics"] if s["id"] == score["behind"][0])
    assert (found["evidence"]["largest"], found["evidence"]["second"], found["hidden"]) == (90_000, 9, True)


def test_the_staff_record_separates_primary_from_secondary_suppression() -> None:
    found = table()
    assert staff_record(found, PROFILE)["pattern"] == {"shown": 3, "primary": 5, "secondary": 0}
    assert staff_record(found, PROFILE)["audit"] is None
    first, *rest = found.rows
    covered = replace(first, suppressed=(False, True, True), rules=((), ("X1",), ("F1", "X1")))
    repaired = replace(found, rows=(covered, *rest), audit=SuppressionAudit(6, 0, 0))
    told = staff_record(repaired, PROFILE)
    assert told["pattern"] == {"shown": 1, "primary": 6, "secondary": 1}
    assert [f["hole"] for f in told["cells"][0]["figures"]] == [None, "secondary", "primary"]
    assert told["audit"] == {"targets": 6, "exact": 0, "narrow": 0}
    assert assessment_from_json(json.loads(json.dumps(assessment_to_json(repaired)))) == repaired


def acro() -> dict[str, object]:
    items = [
        AcroItem("t", "output_0_t.csv", Verdict.SUPPRESS, table(), "By area"),
        AcroItem("plot.png", "output_1_plot.png", Verdict.REVIEW, None),
    ]
    return acro_results(items, "SELECT 1", WHEN)


def test_acros_results_point_at_the_cells_of_the_file() -> None:
    """Its viewer marks row r below the header and column c after the first of the CSV beside it."""
    results = acro()["results"]["output_0"]  # type: ignore[index]
    (file,) = results["files"]
    lines = [line.split(",") for line in released_csv(table()).decode().splitlines()]
    marked = {(r, c) for places in file["sdc"]["cells"].values() for r, c in places}
    assert {lines[1 + r][1 + c] for r, c in marked} == {"c"}
    assert len(marked) == sum(line.count("c") for line in lines)
    assert file["sdc"]["summary"]["threshold"] == len(file["sdc"]["cells"]["threshold"]) == 2
    assert file["sdc"]["cells"]["p-ratio"] == [[2, 1]]
    assert results["outcome"]["mean"] == {
        "201": "ok", "202": "threshold; ", "203": "p-ratio; ", "204": "class-disclosure; ",
    }  # fmt: skip
    assert (results["status"], results["summary"].split(";")[0]) == ("pass", "pass")


def test_acro_results_have_rows_with_equal_keys() -> None:
    found = table()
    twice = replace(found, rows=(found.rows[0], found.rows[0]))
    (result,) = acro_results([AcroItem("t", "t.csv", Verdict.PUBLISH, twice)], "", WHEN)["results"].values()
    assert set(result["outcome"]["count"]) == {"0", "1"}


@pytest.mark.parametrize(("shape", "document"), [
    (ACRO, acro()), (STAFF, staff_record(table(), PROFILE)), (RELEASED, released_record(table(), PROFILE)),
    (RELEASED, released_file_record("plot.png")),
])  # fmt: skip
def test_each_record_has_its_documented_shape(shape: dict[str, object], document: dict[str, object]) -> None:
    plain = json.loads(json.dumps(document))
    jsonschema_rs.validator_for(shape).validate(plain)
    broken = {k: v for k, v in plain.items() if k != next(iter(shape["required"]))}  # type: ignore[call-overload]
    assert not jsonschema_rs.validator_for(shape).is_valid(broken)


UNUSED_PARAMETERS = frozenset({
    "name", "source", "max_listed_rows", "max_group_steps", "small_quota", "suppressed_symbol", "file_digits",
    "many_rows", "many_values", "nearly_all", "extreme_percent",
})  # fmt: skip
"""Parameters that no rule reads: names, limits of work and of jobs, and parameters for scripts' files."""


def test_every_parameter_of_a_profile_is_some_rules_or_none() -> None:
    """Whoever gives a profile a new field says which rule it steers, so that staff's records stay whole."""
    steering = {name for entry in RULE_CATALOGUE.values() for name in entry.parameters}
    assert {f.name for f in fields(DisclosureRules)} == steering | UNUSED_PARAMETERS
    assert {rule for rules in CHECKS.values() for rule in rules} <= set(RULE_CATALOGUE)
    assert checks_of(["A1", "F1"]) == ["threshold", "other"]


def test_the_released_record_says_nothing_that_depends_on_data() -> None:
    """Nor the parameters of dominance, which would help to undo it."""
    told = released_record(table(), PROFILE)
    assert {"threshold", "round_base", "mean_digits"} <= set(told["parameters"])
    text = json.dumps(told)
    for word in ("F1", "M3", "53", "90000", "primary", "17.0", "small", "verdict", 'persons":'):
        assert word not in text, word

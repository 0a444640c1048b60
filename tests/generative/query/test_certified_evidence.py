"""Certified evidence against a full scan: lower bounds are never too high, exact figures are exact, and the rules
decide the same for every cell. A false certificate is found."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import certified_worlds as worlds
import duckdb
import pyarrow as pa
import pytest
from query_kit import planned

from broker.disclosure.rules import RULES, Rule, evidence_needs
from broker.disclosure.rules.rule import no_margin
from broker.domain.evidence import OutputEvidence, StatisticEvidence, TableEvidence, VaultProof, VaultProofs
from broker.domain.plans.measure import Measure
from broker.domain.plans.plan import EvidenceNeeds, PlannedOutput, PlannedTable
from broker.engine.hardened_duckdb import result_statement
from broker.engine.result_frames import read_table
from broker.policy.disclosure_rules import DisclosureRules, ZeroPolicy
from broker.policy.policy_set import PolicySet
from broker.query import TwoPassQuery, two_pass_query
from broker.query.sql import table_statement
from broker.query.sql.proven_scan import proven_scan_of
from tests.oracles.judge_output import judge_output
from tests.oracles.whole_statement import whole_statement
from tests.proof_size import report_figures, seed, size

pytestmark = pytest.mark.long

T = 4
PEOPLE = 60
NUMBERS = (Measure.SUM, Measure.MEAN)


@dataclass
class Figures:
    queries: int = 0
    certified: int = 0
    one_row: int = 0
    cells: int = 0
    statistics: int = 0
    bounds: int = 0
    unknown: int = 0
    looked_once: int = 0
    published: int = 0
    coarser: int = 0
    wrong: list[object] = field(default_factory=list)


def needs_of(profile: DisclosureRules, exact_rows: int) -> EvidenceNeeds:
    return replace(evidence_needs(profile), exact_rows=exact_rows)


def evidence(con: duckdb.DuckDBPyConnection, table: PlannedTable, asked: TwoPassQuery) -> TableEvidence:
    """As the launcher looks and the engine reads it, with all its checks."""
    statement = {"sql": asked.text, "first": asked.first, "doubt": asked.doubt, "second": asked.second}
    text = result_statement(con, {k: v for k, v in statement.items() if v is not None})
    found, sink = con.sql(text).to_arrow_table(), pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, found.schema) as writer:
        writer.write_table(found)
    return read_table(table, bytes(sink.getvalue()))


def wrong_in(table: PlannedTable, told: TableEvidence, truth: TableEvidence, found: Figures) -> list[object]:
    """Everything in certified evidence that is not as it must be."""
    wrong: list[object] = []
    if not _bounded(told.persons, truth.persons):
        wrong.append(("population", told.persons, truth.persons))
    if [c.keys for c in told.cells] != [c.keys for c in truth.cells]:
        return [*wrong, "cells"]
    for cell, true in zip(told.cells, truth.cells, strict=True):
        found.cells += 1
        if cell.rows != true.rows or not _bounded(cell.persons, true.persons):
            wrong.append((cell.keys, "persons", cell.persons, true.persons))
        for statistic in table.statistics:
            found.statistics += 1
            one, other = cell.statistics[statistic.ident], true.statistics[statistic.ident]
            wrong += [(cell.keys, statistic.measure, w, one, other) for w in _statistic(statistic.measure, one, other)]
            found.bounds += one.persons < other.persons
            found.unknown += statistic.measure in NUMBERS and one.low is None
    return wrong


def _bounded(told: int, truth: int) -> bool:
    """Exact below t, else a lower bound of at least t."""
    return told == truth if truth < T else T <= told <= truth


def _statistic(measure: Measure, told: StatisticEvidence, truth: StatisticEvidence) -> list[str]:
    found = [n for n in ("value", "rows", "rest_rows", "total") if getattr(told, n) != getattr(truth, n)]
    found += [n for n in ("persons", "rest") if not _bounded(getattr(told, n), getattr(truth, n))]
    if told.largest is not None and told.largest < truth.largest:
        found.append("largest")
    if measure is Measure.COUNT_ROWS and None not in (told.second, truth.second) and told.second < truth.second:
        found.append("second")
    if measure in NUMBERS and truth.rows:
        found += [n for n in ("second", "low", "high") if getattr(told, n) not in (None, getattr(truth, n))]
        found += ["sign"] if told.low is None and truth.low < 0 else []
        found += ["others"] if not _others(told, truth) else []
    return found


def _others(told: StatisticEvidence, truth: StatisticEvidence) -> bool:
    """`truth` is exact below t; certified evidence need know nothing where fewer than t contribute."""
    if told.others is None:
        return truth.persons < T
    safe = 2 * told.others >= truth.rows
    if truth.others < T:
        return told.others == truth.others or (told.others < truth.others and safe)
    return told.others >= T or safe


def unequal(
    one: Any, other: Any, planned_output: PlannedOutput, profile: DisclosureRules, found: Figures
) -> list[object]:
    """Where the rules say something else, or what would be released is other than what exact evidence gives: only
    rounding may be coarser, where how many rows each person has is not looked up."""
    told, truth = (judge_output(planned_output, OutputEvidence("o", (e,)), profile) for e in (one, other))
    wrong: list[object] = [] if (told.verdict, told.small) == (truth.verdict, truth.small) else [told.verdict]
    for mine, theirs in zip(told.rows, truth.rows, strict=True):
        if (mine.keys, mine.suppressed, mine.verdicts) != (theirs.keys, theirs.suppressed, theirs.verdicts):
            wrong.append((mine, theirs))
        found.published += not any(mine.suppressed)
        found.coarser += mine.released != theirs.released
    return wrong


WITH_MARGIN = tuple(rule for rule in RULES if rule.margin is not no_margin)


def profiles(policies: PolicySet, rng: Random, rule: Rule) -> DisclosureRules:
    """A profile under which the rule has a margin. Other rules may have larger ones."""
    base = replace(
        policies.disclosure_rules("npd-default"), t=T, round_base=rng.choice((1, 2)), mean_digits=rng.choice((0, 1))
    )
    while True:
        found = replace(
            base,
            p_percent=rng.choice((None, 10.0, 50.0)),
            prior_q=rng.choice((None, 20.0, 75.0)),
            dominance_n=rng.choice((1, 2, 3)),
            dominance_k=rng.choice((None, 80.0)),
            zeros=rng.choice(tuple(ZeroPolicy)),
            full=rng.choice(tuple(ZeroPolicy)),
        )
        if rule.margin(found) is not None:
            return found


@pytest.fixture(scope="module")
def figures(policies: PolicySet) -> Figures:
    found, con = Figures(), worlds.connection()
    patch = pytest.MonkeyPatch()
    for number in range(size("CERTIFIED_WORLDS", 8)):
        rng = Random(seed() * 1000 + number)
        patch.setattr(table_statement, "SMALLEST_SAMPLE", rng.choice((0, 50_000)))
        patch.setattr(table_statement, "SAMPLE_RATIO", 2)
        rows = worlds.rows(rng, PEOPLE)
        worlds.fill(con, rows)
        profile = profiles(policies, rng, WITH_MARGIN[number % len(WITH_MARGIN)])
        _compare(found, con, worlds.proofs(rows, rng.random() < 0.5), rng, profile)
    patch.undo()
    report_figures("certified", {n: len(v) if isinstance(v, list) else v for n, v in vars(found).items()})
    return found


def _compare(
    found: Figures, con: duckdb.DuckDBPyConnection, proofs: VaultProofs, rng: Random, profile: DisclosureRules
) -> None:
    for text in worlds.texts(rng):
        output = planned(text)
        (table,) = output.tables
        needs, found.queries = needs_of(profile, rng.choice((0, 1000))), found.queries + 1
        ground = proven_scan_of(table, needs, proofs, PEOPLE)
        if ground is None:
            continue
        found.certified, found.one_row = found.certified + 1, found.one_row + ground.is_single
        asked = two_pass_query(table, needs, proofs, PEOPLE)
        told, truth = evidence(con, table, asked), evidence(con, table, two_pass_query(table, needs))
        found.looked_once += not con.execute(asked.doubt or "").fetchall()[0][0]
        if told != evidence(con, table, TwoPassQuery(whole_statement(asked))):
            found.wrong.append((text, needs, "one statement"))
        coarser = found.coarser
        wrong = wrong_in(table, told, truth, found) + unequal(told, truth, output, profile, found)
        if found.coarser > coarser and (ground.is_single or needs.exact_rows):
            wrong.append("released")
        found.wrong += [(text, needs, w) for w in wrong[:3]]


def test_certified_evidence_never_exceeds_the_truth_and_is_exact_where_it_decides(figures: Figures) -> None:
    assert not figures.wrong
    assert figures.certified > figures.queries / 2
    assert min(figures.one_row, figures.bounds, figures.unknown, figures.published, figures.looked_once) > 0


SINGLE = "SELECT LA, COUNT(*) AS n, SUM(Points) AS s FROM a WHERE Y = '2017/2018' GROUP BY LA"


@pytest.mark.parametrize(("false", "many"), [
    (lambda p: replace(p, max_rows=1), True),
    (lambda p: replace(p, max_rows=p.max_rows - 1), True),
    (lambda p: replace(p, smallest={"Points": 0}), False),
    (lambda p: replace(p, totals={"Points": 0}), True),
])  # fmt: skip
def test_a_false_proof_is_found_out(policies: PolicySet, false: Any, many: bool) -> None:
    """Each proof carries something: with another one the comparison above fails."""
    con, rng = worlds.connection(), Random(5)
    rows = [
        {
            "__p": p,
            "__r": r,
            "Key": f"k{p}",
            "Y": "2017/2018",
            "LA": 1,
            "Points": -8 if p == 0 else 1 + (p * 7 + r) % 13,
        }
        for p in range(3 if many else 40)
        for r in range(rng.choice((2, 3)) if many else 1)
    ]
    if many:
        rows += [row | {"__p": 100 + row["__p"], "LA": 2, "Points": 9 + row["__r"]} for row in rows]
        rows += [{**rows[-1], "__p": 200 + p, "__r": 0, "LA": 2, "Points": 1 + p % 5} for p in range(12)]
        rows = [row | {"Points": abs(row["Points"])} for row in rows]
    worlds.fill(con, rows)
    profile = replace(policies.disclosure_rules("npd-default"), t=T)
    output = planned(SINGLE)
    (table,) = output.tables
    needs, found = needs_of(profile, 0), Figures()
    truth = evidence(con, table, two_pass_query(table, needs))

    def problems(proofs: VaultProofs) -> Sequence[object]:
        told = evidence(con, table, two_pass_query(table, needs, proofs, 300))
        return [*wrong_in(table, told, truth, found), *unequal(told, truth, output, profile, found)]

    true = worlds.proofs(rows)
    assert not problems(true)
    assert problems({"npd.a": {y: false(p) if p.max_rows else p for y, p in true["npd.a"].items()}})


def test_several_scans_or_no_certificate_need_evidence_person_by_person() -> None:
    proofs: VaultProofs = {"npd.a": {2017: VaultProof(1)}}
    joined = "SELECT COUNT(*) AS n FROM a JOIN b ON a.Key = b.Key AND a.Y = b.Y WHERE a.Y = '2017/2018'"
    single = planned(SINGLE).tables[0]
    assert proven_scan_of(planned(joined).tables[0], EvidenceNeeds(T), proofs, 9) is None
    assert proven_scan_of(single, EvidenceNeeds(T), {}, 9) is None
    assert proven_scan_of(single, EvidenceNeeds(T, institutions=True), proofs, 9) is None
    assert proven_scan_of(single, EvidenceNeeds(T, record_keys=True), proofs, 9) is None
    assert proven_scan_of(single, EvidenceNeeds(T), proofs, 9) is not None
    many: VaultProofs = {"npd.a": {2017: VaultProof(2)}}
    assert proven_scan_of(single, EvidenceNeeds(T), many, 9) is not None
    assert proven_scan_of(single, EvidenceNeeds(T, exact_persons=True), many, 9) is None


def test_one_row_in_each_of_two_years_is_not_one_row_a_person() -> None:
    table = planned(SINGLE.replace("Y = '2017/2018'", "Y IN ('2017/2018', '2018/2019')")).tables[0]
    ground = proven_scan_of(table, EvidenceNeeds(T), {"npd.a": {2017: VaultProof(1), 2018: VaultProof(1)}}, 9)
    assert ground is not None
    assert (ground.is_single, ground.most) == (False, 2)

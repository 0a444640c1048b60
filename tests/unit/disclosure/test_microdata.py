"""Person rows assessed: full cross product, persons not rows, totals that do not give holes away."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from broker.disclosure.microdata.judge_microdata import judge_microdata
from broker.disclosure.suppression.attack_intervals import attack_intervals
from broker.disclosure.suppression.cell_systems import close_categories
from broker.domain.errors import Invalid
from broker.domain.plans.scalars import Value
from broker.evidence.tabulation import TabulationRequest
from broker.policy.disclosure_rules import DisclosureRules, ZeroPolicy
from tests.oracles.tabulate import tabulate_rows

PROFILE = DisclosureRules(name="npd", source="test", t=10)


def rows(*groups: tuple[str, str, int, int]) -> dict[str, list[Value]]:
    """(la, sex, persons, rows a person) with scores that differ."""
    flat = [
        (f"p{g}-{i}", la, sex, 20 + (i * 7 + g) % 60)
        for g, (la, sex, persons, times) in enumerate(groups)
        for i in range(persons)
        for _ in range(times)
    ]
    return {n: [r[k] for r in flat] for k, n in enumerate(("id", "la", "sex", "score"))}


TABLE = rows(("a", "f", 40, 1), ("a", "m", 4, 1), ("b", "f", 30, 1), ("b", "m", 25, 2), ("c", "f", 50, 1))


def judged(table: dict[str, list[Value]], *by: str, profile: DisclosureRules = PROFILE, **asked: Any) -> dict[str, Any]:
    return judge_microdata(tabulate_rows(table, TabulationRequest("id", by, **asked)), profile)


def by_place(found: dict[str, Any], statistic: str = "count") -> dict[tuple[str | None, ...], dict[str, Any]]:
    return {tuple(c["by"].values()): c for c in found["cells"] if c["statistic"] == statistic}


def test_one_object_for_each_cell_zeros_included() -> None:
    table = {n: TABLE[n] + more for n, more in rows(("d", "f", 60, 1), ("d", "m", 70, 1)).items()}
    table["id"] = [f"{i}-{p}" for i, p in zip(table["la"], table["id"], strict=True)]
    found = by_place(judged(table, "la", "sex"))
    assert len(found) == 8
    assert found["d", "f"] == {
        "by": {"la": "d", "sex": "f"}, "statistic": "count", "value": 60, "released": 60, "persons": 60,
        "verdict": "publish", "rules": [], "primary": False,
    }  # fmt: skip
    assert found["a", "f"]["rules"] == ["X1"], "the total of a is known although it is not asked for"
    assert found["a", "m"].items() >= {"verdict": "suppress", "released": None, "primary": True}.items()
    assert found["c", "m"].items() >= {"value": 0, "rules": ["F2"], "verdict": "review"}.items()
    assert (found["b", "m"]["value"], found["b", "m"]["persons"]) == (50, 25)


def test_totals_count_a_person_once_and_do_not_give_the_small_cell_away() -> None:
    found = judged(TABLE, "la", "sex", sums=("score",), means=("score",), totals=True)
    assert found["audit"] == {"exact": 0, "narrow": 0}
    counts = by_place(found)
    assert counts[None, None]["value"] == 174
    assert counts[None, None]["persons"] == 149
    table = close_categories([["a", "b", "c"], ["f", "m"]], [True, True])
    for statistic in ("count", "sum(score)"):
        cells = by_place(found, statistic)
        places = [cells[place] for place in table.cells]
        shown = {i: float(cell["value"] or 0) for i, cell in enumerate(places) if cell["released"] is not None}
        hidden = [i for i in range(len(places)) if i not in shown]
        at = attack_intervals(table, shown, hidden)
        assert not any(at[i].exact for i in hidden if places[i]["primary"])
    means, sums = by_place(found, "mean(score)"), by_place(found, "sum(score)")
    of_means, of_sums = ({p for p, c in of.items() if c["released"] is None} for of in (means, sums))
    assert of_means == of_sums
    assert any(c["rules"] == ["X1"] and not c["primary"] for c in counts.values())


def test_persons_are_people_not_rows() -> None:
    found = by_place(judged(rows(("a", "f", 1, 100), ("a", "m", 20, 1)), "sex"))
    assert found[("f",)]["rules"] == ["F1"]
    assert (found[("f",)]["value"], found[("f",)]["persons"]) == (100, 1)


def test_missing_is_a_category_and_rows_without_a_unit_are_persons_of_their_own() -> None:
    table: dict[str, list[Value]] = {"id": [None, "", "x", "x"], "g": [None, "", "k", None]}
    found = by_place(judged(table, "g"))
    assert set(found) == {("k",), ("(missing)",)}
    assert found[("(missing)",)]["persons"] == 3


def test_few_institutions_where_the_profile_protects_them() -> None:
    table = TABLE | {"urn": [1] * len(TABLE["id"])}
    strict = replace(PROFILE, protects_institutions=True)
    found = by_place(judged(table, "la", profile=strict, institution="urn"))
    assert Counter(str(c["rules"]) for c in found.values()) == {"['F6']": 3}


@pytest.mark.parametrize(("asked", "code"), [
    (TabulationRequest("pupil", ("la",)), "no-column"),
    (TabulationRequest("id", ("la", "la")), "bad-by"),
    (TabulationRequest("id", ()), "bad-by"),
    (TabulationRequest("id", ("la",), sums=("sex",)), "bad-number"),
])  # fmt: skip
def test_bad_options_are_errors(asked: TabulationRequest, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        tabulate_rows(TABLE, asked)
    assert caught.value.code == code


def test_the_number_of_all_is_known_of_a_table_of_one_dimension() -> None:
    found = by_place(judged(rows(("a", "f", 40, 1), ("b", "f", 30, 1), ("c", "f", 4, 1)), "la"))
    assert {place: cell["rules"] for place, cell in found.items()} == {("a",): [], ("b",): ["X1"], ("c",): ["F1"]}


@pytest.mark.parametrize("totals", [True, False])
def test_where_one_total_is_small_the_others_of_its_kind_are_not_all_known(totals: bool) -> None:
    table = rows(("a", "f", 40, 1), ("a", "m", 50, 1), ("b", "f", 30, 1), ("b", "m", 25, 1), ("c", "f", 3, 1))
    found = judged(table, "la", "sex", totals=totals)
    assert found["audit"] == {"exact": 0, "narrow": 0}
    if totals:
        counts = by_place(found)
        assert counts["c", None]["rules"] == ["F1", "F5"]
        assert sum(counts[la, None]["released"] is None for la in "abc") == 2


def test_zeros_that_a_profile_shows_are_hidden_next_to_hidden_cells() -> None:
    open_zeros = replace(PROFILE, zeros=ZeroPolicy.PUBLISH)
    small = rows(("a", "f", 40, 1), ("a", "m", 4, 1), ("a", "x", 60, 1), ("b", "f", 30, 1), ("b", "x", 20, 1))
    without = rows(("a", "f", 40, 1), ("a", "m", 14, 1), ("b", "f", 30, 1), ("c", "f", 12, 1), ("c", "m", 12, 1))
    assert by_place(judged(small, "la", "sex", profile=open_zeros))["b", "m"]["released"] is None
    full = replace(open_zeros, full=ZeroPolicy.PUBLISH)
    assert by_place(judged(without, "la", "sex", profile=full))["b", "m"]["released"] == 0


def test_large_amounts_with_nothing_to_protect_are_not_attacked() -> None:
    """Whatever their floats add up to: there is nothing that could be derived."""
    table: dict[str, list[Value]] = {"id": list(range(600)), "la": [f"la{i % 6}" for i in range(600)]}
    table["score"] = [10**12 * (1 + i % 89) / 7 for i in range(600)]
    found = judged(table, "la", sums=("score",), totals=True)
    assert found["audit"] == {"exact": 0, "narrow": 0}
    assert all(c["verdict"] == "publish" for c in by_place(found, "sum(score)").values())

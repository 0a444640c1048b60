"""Restricted mounts: a script gets only its declared variables where its whole grant would break a combination rule."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from broker.domain.plans.variable_uses import VariableUse
from broker.domain.projects.project import Grant
from broker.scope.combinations import check_combinations, restricted_mount
from tests.unit.scope.conftest import POLICIES, PROJECT, use

KS4, CENSUS, SCHOOLS = "npd.ks4_pupil", "npd.spring_census", "ref.schools"


def names(held: Sequence[VariableUse] | None) -> set[tuple[str, str | None, frozenset[int] | None]] | None:
    return None if held is None else {(u.table, u.variable, u.years) for u in held}


CLOSED = [
    ("schools of the same table", [use(f"{KS4}.KS4_ATT8", 2019)]),
    ("schools of another table in another year", [use(f"{KS4}.KS4_ATT8", 2020), use(f"{CENSUS}.PHASE", 2022)]),
    ("one closed year among others", [use(f"{KS4}.KS4_ATT8", 2016, 2020)]),
    ("a closed year of one variable", [use(f"{KS4}.KS4_ATT8", 2019), use(f"{KS4}.KS4_GENDER", 2016)]),
]
OPEN = [
    ("years that are not closed", [use(f"{KS4}.KS4_ATT8", 2016, 2018)]),
    ("schools where attainment is open", [use(f"{KS4}.KS4_ATT8", 2016), use(f"{KS4}.KS4_URN", 2016)]),
    ("no attainment", [use(f"{CENSUS}.PHASE", 2019)]),
    ("Key Stage 2 in years that nobody closed", [use("npd.ks2_pupil.KS2_READSCORE", 2018)]),
    ("nothing", []),
]


@pytest.mark.parametrize(("what", "uses"), CLOSED)
def test_a_forbidden_combination_is_mounted_without_undeclared_variables(what: str, uses: list[VariableUse]) -> None:
    assert not check_combinations(uses, PROJECT, POLICIES), "the job itself is accepted"
    held = restricted_mount(uses, PROJECT, POLICIES)
    assert held is not None, what
    assert not check_combinations(held, PROJECT, POLICIES)
    declared = {(u.table, u.variable) for u in uses}
    more = {(u.table, u.variable) for u in held} - declared
    assert all(POLICIES.catalogue.table(t).is_link_key(v or "") for t, v in more), "link keys, and nothing else"
    assert {u.table for u in held} == {u.table for u in uses}


@pytest.mark.parametrize(("what", "uses"), OPEN)
def test_all_others_are_mounted_on_the_vault(what: str, uses: list[VariableUse]) -> None:
    assert restricted_mount(uses, PROJECT, POLICIES) is None, what


def test_link_keys_come_in_the_years_of_their_table() -> None:
    held = restricted_mount([use(f"{KS4}.KS4_ATT8", 2019)], PROJECT, POLICIES)
    year = frozenset({2019})
    assert names(held) == {(KS4, "KS4_ATT8", year), (KS4, "KS4_PupilMatchingRefAnonymous", year)}


def test_a_link_key_of_a_combination_rule_is_left_out() -> None:
    (rule,) = (r for r in POLICIES.combinations if r.id == "C3")
    key = "variable:KS4_PupilMatchingRefAnonymous"
    stricter = replace(POLICIES, combinations=(replace(rule, with_any=(*rule.with_any, key)),))
    asked = [use(f"{KS4}.KS4_ATT8", 2019)]
    assert names(restricted_mount(asked, PROJECT, stricter)) == names(asked)


def test_a_register_without_years_is_held_apart_too() -> None:
    """Its key is an establishment's identifier."""
    grants = (Grant(KS4, "KS4_ATT8", frozenset({2019}), "y"), *(Grant(SCHOOLS, v, None, "y") for v in ("URN", "LA")))
    small = replace(PROJECT, grants=grants)
    asked = [use(f"{KS4}.KS4_ATT8", 2019), use(f"{SCHOOLS}.LA")]
    assert names(restricted_mount(asked, small, POLICIES)) == names(asked)
    assert restricted_mount(asked, replace(small, grants=(grants[0], grants[2])), POLICIES) is None


def test_what_only_another_gateway_forbids_changes_nothing() -> None:
    asked = [use(f"{CENSUS}.PHASE", 2019)]
    assert restricted_mount(asked, PROJECT, POLICIES) is None
    assert restricted_mount(asked, replace(PROJECT, gateway="Digital Economy Act 2017"), POLICIES) is not None


def test_an_undeclared_variable_is_left_out() -> None:
    (beyond, *_) = (v.name for v in POLICIES.catalogue.table(CENSUS).variables if not v.default_item)
    years = frozenset({2019})
    grants = tuple(Grant(CENSUS, v, years, "y", default_items=True) for v in ("PHASE", beyond))
    asked = [use(f"{CENSUS}.PHASE", 2019)]
    assert names(restricted_mount(asked, replace(PROJECT, grants=grants), POLICIES)) == names(asked)

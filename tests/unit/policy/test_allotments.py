"""What a policy set allots: accounts and caps; what contradicts itself is told before it is in force."""

from dataclasses import replace

import pytest

from broker.domain.errors import Invalid
from broker.domain.ledger.privacy_loss import Accounting, PrivacyAccount, PrivacyAmount
from broker.domain.projects.project import ProjectBudget, ProtectionMode
from broker.policy.policy_changes import policy_changes
from broker.policy.policy_set import PolicySet
from broker.policy.privacy_allotments import allotments, check_allotments, promised_tables
from broker.policy.stored_policies import policies_from_json

APPROXIMATE = Accounting.APPROXIMATE


def changed(policies: PolicySet, **fields: object) -> PolicySet:
    projects = tuple(replace(p, **fields) if p.ident == "P0421" else p for p in policies.projects)  # type: ignore[arg-type]
    return replace(policies, projects=projects)


def test_every_budget_is_an_account_and_a_unit_comes_before_its_allotments(policies: PolicySet) -> None:
    found = allotments(policies)
    assert found[PrivacyAccount("pupil")] == PrivacyAmount(APPROXIMATE, 8 * 10**6, 10**7)
    assert found[PrivacyAccount("pupil", "P0421")] == PrivacyAmount(APPROXIMATE, 2 * 10**6, 2 * 10**6)
    assert found[PrivacyAccount("pupil", "P0733", "npd.absence")] == PrivacyAmount(APPROXIMATE, 4 * 10**6, 10**6)
    assert found[PrivacyAccount("pupil", "", "npd.cla")] == PrivacyAmount(APPROXIMATE, 4 * 10**6, 4 * 10**6)
    assert PrivacyAccount("pupil", "", "npd.ks1") not in found, "kept to private answers, with no cap of its own"
    order = list(found)
    assert all(order.index(PrivacyAccount(a.unit)) <= order.index(a) for a in order)
    check_allotments(policies)


@pytest.mark.parametrize(("fields", "told"), [
    ({"budgets": (ProjectBudget("", 9.0, 0.0, "pupil"),)}, "more than the unit's cap"),
    ({"budgets": (ProjectBudget("", 1.0, 0.0, "school"),)}, "Nothing is promised"),
    ({"budgets": (ProjectBudget("ref.schools", 1.0, 0.0),)}, "Nothing is promised"),
    ({"budgets": (ProjectBudget("npd.nothing", 1.0, 0.0),)}, "Nothing is promised"),
    ({"mode": ProtectionMode.DISCLOSURE_CONTROL}, "may not be private"),
    ({"privacy": ""}, "may not be private"),
    ({"privacy": "other"}, "no privacy profile"),
])  # fmt: skip
def test_contradictions_are_faults(policies: PolicySet, fields: dict[str, object], told: str) -> None:
    with pytest.raises(Invalid, match=told):
        check_allotments(changed(policies, **fields))


def test_changes_of_privacy_are_listed(policies: PolicySet) -> None:
    after = changed(policies, budgets=(ProjectBudget("", 1.0, 0.0, "pupil"),), privacy_raised=True)
    privacy = replace(policies.privacy, datasets=policies.privacy.datasets[1:], promises=policies.privacy.promises[:1])
    assert policy_changes(policies, replace(after, privacy=privacy)) == [
        "project P0421: may spend 1 of pupil (delta 0)",
        "project P0421: no longer has a budget of staff",
        "project P0421: one release may cost up to the raised maximum",
        "promise to each staff is removed",
        "data set npd.cla is removed",
    ]


def test_only_tables_about_promised_units_are_promised(policies: PolicySet) -> None:
    found = promised_tables(policies)
    assert {"npd.absence", "swc.workforce", "leo.earnings"} <= found
    assert "ref.schools" not in found
    assert promised_tables(replace(policies, privacy=replace(policies.privacy, promises=()))) == frozenset()


def test_sets_of_before_can_be_read(policies: PolicySet) -> None:
    """Budgets were told in epsilon, and nothing was promised."""
    text = policies.text
    start = text.index('"privacy":{"datasets"')
    end = text.index('"profiles":[{"attacker"')
    before = (text[:start] + text[end:]).replace('"loss":', '"epsilon":')
    found = policies_from_json(before)
    assert found.privacy.promises == ()
    assert [b.loss for p in found.projects for b in p.budgets if b.table == "npd.absence"] == [4.0]

"""One administrator alone cannot make a checker, a second administrator, or a token of somebody else."""

from dataclasses import replace
from datetime import date

import pytest

from broker.domain.errors import Conflict, Forbidden, Invalid
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import Person, Role
from broker.workflow.administration import user_accounts
from tests.unit.workflow.conftest import ADA, AMIR, CLEO, ROSA, refused

NEW = Person("new-one", "New", frozenset({Role.ADMINISTRATOR}))


def save(broker, by: str, person: Person, password: str | None = None) -> Person:
    return broker.by(by, user_accounts.save_person, person, password)


def test_an_account_waits_for_a_second_administrator_who_requests_exactly_the_same(broker):
    assert not save(broker, ADA, NEW).active
    assert not save(broker, ADA, NEW).active, "asking twice is not two"
    assert not save(broker, AMIR, replace(NEW, roles=frozenset({Role.RESEARCHER}))).active, "another role"
    assert not save(broker, AMIR, replace(NEW, name="Newer", active=False)).active
    assert not save(broker, ADA, NEW).active, "a correction of a waiting account is no consent"
    assert save(broker, AMIR, NEW).active


def test_taking_power_away_needs_one_and_giving_it_back_two(broker):
    cleo = broker.person(CLEO)
    token = broker.by(CLEO, user_accounts.make_token, CLEO)
    assert not save(broker, ADA, replace(cleo, active=False)).active
    assert user_accounts.person_by_token(broker.ports, token) is None
    save(broker, ADA, cleo)
    assert save(broker, AMIR, cleo).active
    assert user_accounts.person_by_token(broker.ports, token) is None, "tokens of before stay dead"


def test_a_change_of_name_takes_nothing_away_and_one_more_role_waits(broker):
    assert save(broker, ADA, replace(broker.person(CLEO), name="Cleopatra")).active
    rosa = broker.person(ROSA)
    both = replace(rosa, roles=rosa.roles | {Role.CHECKER})
    assert not save(broker, ADA, both).active
    assert save(broker, AMIR, both).active


def test_two_who_change_an_account_at_once_do_not_undo_each_other(broker, monkeypatch):
    """One stops Cleo while the other corrects her name: the correction does not let her in again."""
    cleo, whole = broker.person(CLEO), broker.store.audit_of

    def stopping(subject, action):
        monkeypatch.undo()
        save(broker, AMIR, replace(cleo, active=False))
        return whole(subject, action)

    monkeypatch.setattr(broker.store, "audit_of", stopping)
    both = replace(cleo, name="Cleopatra", roles=cleo.roles | {Role.RESEARCHER})
    refused(Conflict, save, broker, ADA, both)
    assert not broker.person(CLEO).active


def test_whoever_set_the_password_of_an_account_is_no_second_by_it(broker):
    """Ada knows the password of the administrator whom she made and Amir agreed to: the two are one hand."""
    save(broker, ADA, NEW, "hash")
    assert save(broker, AMIR, NEW).active
    puppet = broker.person(NEW.ident)
    changed = replace(broker.policies, projects=tuple(replace(p, votes=0) for p in broker.policies.projects))
    broker.by(ADA, user_accounts.propose_policy, changed)
    told = refused(Forbidden, user_accounts.apply_policy, broker.ports, puppet, changed.fingerprint)
    assert told.code == "second-administrator"
    another = replace(NEW, ident="other-one")
    save(broker, ADA, another)
    assert not user_accounts.save_person(broker.ports, puppet, another).active
    broker.by(AMIR, user_accounts.apply_policy, changed.fingerprint)


def test_an_administrator_is_never_a_checker_and_nobody_gets_a_token_of_somebody_else(broker):
    for ident in (ADA, ROSA, CLEO):
        broker.refuses(ident, Forbidden, user_accounts.make_token, AMIR)
    both = Person("two", "Two", frozenset({Role.ADMINISTRATOR, Role.CHECKER}))
    refused(Invalid, save, broker, ADA, both)
    refused(Forbidden, save, broker, ADA, broker.person(ADA))


def test_a_policy_set_with_dangling_names_is_not_even_proposed(broker):
    projects = tuple(replace(p, profile="none") for p in broker.policies.projects)
    refused(Invalid, broker.put_in_force, replace(broker.policies, projects=projects))


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"ident": "New One"}, "ident"),
        ({"name": ""}, "name"),
        ({"email": "new-one"}, "email"),
        ({"accredited_from": date(2027, 1, 1), "accredited_until": date(2026, 1, 1)}, "accredited_until"),
    ],
)
def test_what_no_account_may_have_is_refused_by_whatever_door_it_comes(broker, changed, code):
    assert refused(Invalid, save, broker, ADA, replace(NEW, **changed)).code == code


def test_an_account_of_which_a_detail_would_not_be_taken_any_more_can_still_be_ended(broker):
    odd = replace(broker.person(CLEO), email="no address")
    event = AuditEvent(broker.clock.now(), ADA, "person.put", CLEO)
    broker.store.put_person(odd, [event], before=(broker.person(CLEO),))
    assert not save(broker, ADA, replace(odd, active=False)).active

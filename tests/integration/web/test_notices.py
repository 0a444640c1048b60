"""Notices on the page and by mail (to a real server on loopback): what waits, what was decided, what ends soon."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message

from broker.domain.errors import Invalid, Unavailable
from broker.domain.findings import Verdict
from broker.domain.identity.people import Person, Role
from broker.domain.projects.stops import StopKind
from broker.mail.smtp import SmtpMailer
from broker.workflow.administration import emergency_stops, user_accounts
from broker.workflow.views.person_notices import mail_notices, notices_for
from tests.integration.web.conftest import ADA, AMIR, CHRIS, CLEO, OTIS, ROSA, missing, text

HOME = "https://broker.example.org"


class Inbox(Message):
    """Keeps what comes."""

    def __init__(self):
        super().__init__()
        self.letters = []

    def handle_message(self, message):
        self.letters.append(message)


@pytest.fixture
def inbox() -> Iterator[tuple[Inbox, SmtpMailer]]:
    kept = Inbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Controller(kept, hostname="127.0.0.1", port=port)
    server.start()
    yield kept, SmtpMailer(f"smtp://127.0.0.1:{port}", "broker@example.org")
    server.stop()


def sentences(site, person):
    return [n.sentence for n in notices_for(site.ports, site.person(person))]


def with_mail(site, ident, **facts):
    person = replace(site.person(ident), email=f"{ident}@example.org", **facts)
    by = AMIR if ident == ADA else ADA
    return user_accounts.save_person(site.ports, site.person(by), person)


def test_checkers_learn_what_waits_and_researchers_what_was_decided(site):
    assert sentences(site, CLEO) == sentences(site, ROSA) == []
    site.assessed()
    assert sentences(site, CLEO) == ["One output of project P0421 is waiting for a vote."]
    assert sentences(site, ROSA) == [], "nothing is told before a decision"
    job, _ = site.released()
    assert sentences(site, ROSA) == ["A job of project P0421: released."]
    assert f"/jobs/{job}" in text(site.browser(ROSA), "/notices")
    assert "You have no notices" in text(site.browser(OTIS), "/notices")


def test_invariant_9_a_withheld_output_makes_no_notice_that_one_in_review_does_not(site):
    before = sentences(site, ROSA)
    site.assessed(Verdict.REFUSE, None)
    assert sentences(site, ROSA) == before


def test_administrators_learn_what_needs_a_second_one(site, policies):
    first = replace(policies.projects[0], title="Another title")
    changed = replace(policies, projects=(first, *policies.projects[1:]))
    user_accounts.propose_policy(site.ports, site.person(ADA), changed)
    emergency_stops.stop(site.ports, site.person(ADA), StopKind.PROJECT, "P0421", "R")
    user_accounts.save_person(site.ports, site.person(ADA), Person("new-one", "New", frozenset({Role.CHECKER})))
    told = (
        "proposed by demo-admin-1, is waiting for you", "demo-admin-1 has stopped the project P0421",
        "account new-one, saved by demo-admin-1, is waiting",
    )  # fmt: skip
    assert missing(" ".join(sentences(site, AMIR)), *told) == []
    assert sentences(site, ADA) == []
    emergency_stops.lift(site.ports, site.person(ADA), StopKind.PROJECT, "P0421")
    assert "has requested to lift the stop of the project P0421" in " ".join(sentences(site, AMIR))


def test_grants_and_accreditations_that_end_soon(site, policies):
    soon = tuple(replace(p, expires=date(2026, 12, 10)) if p.ident == "P0421" else p for p in policies.projects)
    changed = replace(policies, projects=soon)
    user_accounts.propose_policy(site.ports, site.person(ADA), changed)
    user_accounts.apply_policy(site.ports, site.person(AMIR), changed.fingerprint)
    with_mail(site, ROSA, accredited_until=date(2026, 12, 1))
    ends = {"The grants of project P0421 end on 10 December 2026.", "Your accreditation ends on 1 December 2026."}
    assert ends <= set(sentences(site, ROSA))


def test_everybody_is_mailed_once(site, inbox):
    kept, post = inbox
    for ident in (ROSA, CLEO):
        with_mail(site, ident)
    site.released()
    site.assessed()
    assert mail_notices(site.ports, post, HOME) == 2
    assert mail_notices(site.ports, post, HOME) == 0
    by_person = {m["To"]: m for m in kept.letters}
    assert set(by_person) == {f"{ROSA}@example.org", f"{CLEO}@example.org"}
    letter = by_person[f"{ROSA}@example.org"]
    assert letter["Auto-Submitted"] == "auto-generated"
    assert f"{HOME}/jobs/" in letter.get_payload()
    assert "Absence" not in letter.get_payload(), "ids only: no title, no name of an output"
    site.assessed()
    assert mail_notices(site.ports, post, HOME) == 1, "and of what is new again"
    assert "notice.mailed" in [line.event.action for line in site.ports.store.audit()]


def test_who_is_inactive_or_has_no_address_gets_no_mail(site, inbox):
    kept, post = inbox
    with_mail(site, CLEO)
    emergency_stops.stop(site.ports, site.person(ADA), StopKind.PERSON, CLEO, "R")
    site.assessed()
    assert sentences(site, CHRIS)
    assert mail_notices(site.ports, post, HOME) == 0
    assert kept.letters == []


def test_a_server_that_is_away_is_tried_again(site, inbox):
    with_mail(site, CLEO)
    site.assessed()
    with pytest.raises(Unavailable):
        mail_notices(site.ports, SmtpMailer("smtp://127.0.0.1:9", "broker@example.org"), HOME)
    assert mail_notices(site.ports, inbox[1], HOME) == 1


@pytest.mark.parametrize("url", ["http://x", "smtp://", "smtp://a:b@x:25"])
def test_a_mail_server_is_named_well(url):
    with pytest.raises(Invalid):
        SmtpMailer(url, "broker@example.org")

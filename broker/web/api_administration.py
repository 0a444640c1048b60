"""API of accounts, policies, audit log, and what a person may know of themselves, projects and catalogue. No rules."""

from dataclasses import replace
from typing import Any

from flask import g
from pydantic import ValidationError

from broker.domain.errors import Invalid
from broker.domain.people import Person
from broker.domain.permissions import Action
from broker.domain.ports import StoredPolicy
from broker.policy.models import Policies
from broker.policy.stored import POLICIES
from broker.web import models, models_given, models_staff
from broker.web.documented import changes, gives, subject
from broker.web.passwords import hash_password
from broker.web.setup import caller, door, ports
from broker.web.shown import project_shown
from broker.workflow import accounts, administer, browse, preview, watch

api = subject("administration")


@api.get("/me", responses=gives(200, models_staff.MeShown))
def me() -> dict[str, Any]:
    """Who the token belongs to."""
    return models_staff.MeShown.model_validate(caller()).model_dump(mode="json")


@api.get("/projects", responses=gives(200, models.ProjectsShown))
def projects() -> dict[str, Any]:
    """The projects that name the caller, with their grants."""
    mine = [project_shown(p) for p in browse.my_projects(ports(), caller())]
    return models.ProjectsShown(projects=mine).model_dump(mode="json")


@api.get("/catalogue", responses=gives(200, models.CatalogueShown))
def catalogue(query: models_given.CatalogueQuery) -> dict[str, Any]:
    """Variables by words of their name or description, with the years that the caller's projects were granted."""
    found = preview.find_variables(ports(), caller(), query.q, query.limit)
    shown = [models.EntryShown.model_validate(e) for e in found]
    return models.CatalogueShown(variables=shown).model_dump(mode="json")


@api.post("/tokens", responses=changes(201, models_staff.TokenShown))
def make_token() -> tuple[dict[str, Any], int]:
    """A new token for oneself, told once. Nobody gets a token of somebody else here."""
    token = administer.make_token(ports(), caller(), caller().ident)
    return models_staff.TokenShown(token=token).model_dump(mode="json"), 201


@api.delete("/tokens/current", responses=changes(204, None))
def end_token() -> tuple[str, int]:
    """Revoke the token that this request carries."""
    accounts.end_token(ports(), caller(), g.token)
    return "", 204


@api.get("/people", responses=gives(200, models_staff.PeopleShown))
def people() -> dict[str, Any]:
    """Every account (administrators)."""
    found = [models_staff.PersonShown.model_validate(p) for p in accounts.list_people(ports(), caller())]
    return models_staff.PeopleShown(people=found).model_dump(mode="json")


@api.put("/people/<person>", responses=changes(204, None))
def put_person(path: models_given.PersonPath, body: models_given.PersonBody) -> tuple[str, int]:
    """Make or change another person's account (administrators). What gives power (a new account, another role,
    becoming active) waits, inactive, until a second administrator asks for the same. A password is for new demo
    accounts only."""
    if body.password is not None and not door().settings.demo_sign_in:
        raise Invalid("no-passwords", "This broker has no password accounts.", "/password")
    before = accounts.account(ports(), caller(), path.person) or Person(path.person, "", frozenset())
    given = body.model_dump(include={"accredited_from", "accredited_until", "email"} & body.model_fields_set)
    person = replace(before, name=body.name, roles=frozenset(body.roles), active=body.active, **given)
    hashed = None if body.password is None else hash_password(body.password)
    accounts.keep_person(ports(), caller(), person, hashed)
    return "", 204


@api.get("/policies/current", responses=gives(200, models_staff.PolicyShown))
def policy_in_force() -> dict[str, Any]:
    """The policy set in force (administrators)."""
    return _policy_shown(watch.in_force(ports(), caller()).policy)


@api.post("/policies", responses=changes(201, models_staff.PolicyShown))
def propose_policy(body: models_given.PolicyBody) -> tuple[dict[str, Any], int]:
    """Put a policy set before the second administrator."""
    administer.check_administrator(caller(), Action.PROPOSE_POLICY)
    stored = administer.propose_policy(ports(), caller(), read_policies(body.content))
    return _policy_shown(stored), 201


def read_policies(content: str) -> Policies:
    try:
        return POLICIES.validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = "/".join(map(str, first["loc"]))
        raise Invalid("policy", f"The policy set does not fit at {place}: {first['msg']}.", "/content") from error


def _policy_shown(stored: StoredPolicy) -> dict[str, Any]:
    return models_staff.PolicyShown.model_validate(stored).model_dump(mode="json")


@api.post("/policies/<fingerprint>/application", responses=changes(204, None))
def apply_policy(path: models_given.PolicyPath) -> tuple[str, int]:
    """Put a proposed set in force; not by the administrator who proposed it."""
    administer.apply_policy(ports(), caller(), path.fingerprint)
    return "", 204


@api.get("/audit", responses=gives(200, models_staff.AuditLinesShown))
def audit(query: models_given.AuditQuery) -> dict[str, Any]:
    """Lines of the audit log (administrators): ids and codes only."""
    lines = administer.audit_lines(ports(), caller(), query.first, query.limit)
    shown = [
        models_staff.AuditShown(
            number=line.number,
            at=line.event.at,
            actor=line.event.actor,
            action=line.event.action,
            subject=line.event.subject,
            codes=dict(line.event.codes),
            previous=line.previous,
            hash=line.hash,
        )
        for line in lines
    ]
    return models_staff.AuditLinesShown(lines=shown).model_dump(mode="json")


@api.get("/audit/verification", responses=gives(200, models_staff.VerifiedShown))
def verify_audit() -> dict[str, Any]:
    """Follow the whole hash chain (administrators)."""
    found = watch.verify_audit(ports(), caller())
    shown = models_staff.VerifiedShown(lines=found.lines, head=found.hash, broken_at=found.broken)
    return shown.model_dump(mode="json")

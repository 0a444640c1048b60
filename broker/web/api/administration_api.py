"""API of accounts, policies and the audit log, and of the caller's own account, projects and catalogue. No rules."""

from dataclasses import replace
from typing import Any

from flask import g
from pydantic import ValidationError

from broker.domain.errors import Invalid
from broker.domain.identity.people import Action, Person
from broker.policy.policy_set import PolicySet
from broker.policy.stored_policies import POLICY_SET_ADAPTER
from broker.web.api.openapi import api_blueprint, change_responses, read_responses
from broker.web.schemas import api_schemas, staff_schemas
from broker.web.security.authentication import hash_password
from broker.web.web_context import caller, ports, web_context
from broker.workflow.administration import user_accounts
from broker.workflow.submission import preview
from broker.workflow.views import job_views, monitoring

api = api_blueprint("administration")


@api.get("/me", responses=read_responses(200, staff_schemas.MeShown))
def me() -> dict[str, Any]:
    """Return the person to whom the token belongs."""
    return staff_schemas.MeShown.answer(caller())


@api.get("/projects", responses=read_responses(200, api_schemas.ProjectsShown))
def projects() -> dict[str, Any]:
    """Return the projects that name the caller, with their grants."""
    return api_schemas.ProjectsShown.answer({"projects": job_views.my_projects(ports(), caller())})


@api.get("/catalogue", responses=read_responses(200, api_schemas.CatalogueShown))
def catalogue(query: api_schemas.CatalogueQuery) -> dict[str, Any]:
    """Return variables by words of their name or description.

    Includes the years that the caller's projects were granted.
    """
    return api_schemas.CatalogueShown.answer(
        {"variables": preview.find_variables(ports(), caller(), query.q, query.limit)}
    )


@api.post("/tokens", responses=change_responses(201, staff_schemas.TokenShown))
def make_token() -> tuple[dict[str, Any], int]:
    """Create a new token for oneself; it is shown this once.

    Nobody can create a token for somebody else.
    """
    token = user_accounts.make_token(ports(), caller(), caller().ident)
    return staff_schemas.TokenShown.answer({"token": token}), 201


@api.delete("/tokens/current", responses=change_responses(204, None))
def end_token() -> None:
    """Revoke the token of this request."""
    user_accounts.end_token(ports(), caller(), g.token)


@api.get("/people", responses=read_responses(200, staff_schemas.PeopleShown))
def people() -> dict[str, Any]:
    """Return every account (administrators)."""
    return staff_schemas.PeopleShown.answer({"people": user_accounts.list_people(ports(), caller())})


@api.put("/people/<person>", responses=change_responses(204, None))
def put_person(path: api_schemas.PersonPath, body: api_schemas.PersonBody) -> None:
    """Create or change another person's account (administrators).

    A change that gives power (a new account, another role, becoming active) waits, inactive, until a second
    administrator requests the same. Only new demo accounts can have a password.
    """
    if body.password is not None and not web_context().settings.demo_sign_in:
        raise Invalid("no-passwords", "This broker has no password accounts.", "/password")
    before = user_accounts.account(ports(), caller(), path.person) or Person(path.person, "", frozenset())
    # What the caller left out stays as it is.
    given = body.model_dump(include={"accredited_from", "accredited_until", "email"} & body.model_fields_set)
    person = replace(before, name=body.name, roles=frozenset(body.roles), active=body.active, **given)
    hashed = None if body.password is None else hash_password(body.password)
    user_accounts.save_person(ports(), caller(), person, hashed)


@api.get("/policies/current", responses=read_responses(200, staff_schemas.PolicyShown))
def policy_in_force() -> dict[str, Any]:
    """Return the policy set in force (administrators)."""
    return staff_schemas.PolicyShown.answer(monitoring.in_force(ports(), caller()).policy)


@api.post("/policies", responses=change_responses(201, staff_schemas.PolicyShown))
def propose_policy(body: api_schemas.PolicyBody) -> tuple[dict[str, Any], int]:
    """Propose a policy set; a second administrator has to apply it."""
    # Before the content is parsed, so that others get no messages about it.
    user_accounts.check_administrator(caller(), Action.PROPOSE_POLICY)
    stored = user_accounts.propose_policy(ports(), caller(), read_policies(body.content))
    return staff_schemas.PolicyShown.answer(stored), 201


def read_policies(content: str) -> PolicySet:
    try:
        return POLICY_SET_ADAPTER.validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = "/".join(map(str, first["loc"]))
        raise Invalid("policy", f"The policy set is not valid at {place}: {first['msg']}.", "/content") from error


@api.post("/policies/<fingerprint>/application", responses=change_responses(204, None))
def apply_policy(path: api_schemas.PolicyPath) -> None:
    """Put a proposed set in force. The administrator who proposed it cannot do this."""
    user_accounts.apply_policy(ports(), caller(), path.fingerprint)


@api.get("/audit", responses=read_responses(200, staff_schemas.AuditLinesShown))
def audit(query: api_schemas.AuditQuery) -> dict[str, Any]:
    """Return lines of the audit log (administrators). They have ids and codes only."""
    lines = user_accounts.audit_lines(ports(), caller(), query.first, query.limit)
    return staff_schemas.AuditLinesShown.answer({"lines": lines})


@api.get("/audit/verification", responses=read_responses(200, staff_schemas.VerifiedShown))
def verify_audit() -> dict[str, Any]:
    """Verify the whole hash chain of the audit log (administrators)."""
    return staff_schemas.VerifiedShown.answer(monitoring.verify_audit(ports(), caller()))

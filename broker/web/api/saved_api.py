"""API for saved definitions: list, propose a lookup, drop; and a checker's view and decision. The workflow decides."""

from typing import Any

from broker.web.api.openapi import api_blueprint, change_responses, read_responses
from broker.web.schemas import api_schemas
from broker.web.schemas.staff_schemas import StateShown
from broker.web.web_context import caller, ports
from broker.workflow.submission import save_definition

api = api_blueprint("saved")


@api.get("/projects/<project>/saved", responses=read_responses(200, api_schemas.SavedListShown))
def saved(path: api_schemas.ProjectPath) -> dict[str, Any]:
    """Return what a project has saved or proposed, for its researchers and checkers."""
    return api_schemas.SavedListShown.answer({"saved": save_definition.list_saved(ports(), caller(), path.project)})


@api.post("/projects/<project>/saved", responses=change_responses(201, api_schemas.SavedShown))
def propose(path: api_schemas.ProjectPath, body: api_schemas.LookupBody) -> tuple[dict[str, Any], int]:
    """Propose a CSV text as a lookup. Jobs can read it once a checker has approved it."""
    entry = save_definition.propose_lookup(ports(), caller(), path.project, body.name, body.about, body.text)
    return api_schemas.SavedShown.answer(entry), 201


@api.delete("/projects/<project>/saved/<name>", responses=change_responses(204, None))
def drop(path: api_schemas.SavedPath) -> tuple[str, int]:
    """Drop a cohort or lookup. Accepted jobs still have what they read."""
    save_definition.drop_saved(ports(), caller(), path.project, path.name)
    return "", 204


@api.get("/lookups", responses=read_responses(200, api_schemas.SavedListShown))
def waiting() -> dict[str, Any]:
    """Return the lookups that wait for the caller's decision, oldest first."""
    return api_schemas.SavedListShown.answer({"saved": save_definition.lookups_waiting(ports(), caller())})


@api.get("/lookups/<lookup>", responses=read_responses(200, api_schemas.LookupShown))
def lookup(path: api_schemas.LookupPath) -> dict[str, Any]:
    """Return one definition with its content. The view is in the audit log."""
    return api_schemas.LookupShown.answer(save_definition.view_definition(ports(), caller(), path.lookup))


@api.post("/lookups/<lookup>/decision", responses=change_responses(201, StateShown))
def decide(path: api_schemas.LookupPath, body: api_schemas.DecisionBody) -> tuple[dict[str, Any], int]:
    """Approve or reject a lookup (checkers who are independent of the project)."""
    state = save_definition.decide_lookup(ports(), caller(), path.lookup, body.choice, body.reason)
    return StateShown.answer({"state": state.value}), 201

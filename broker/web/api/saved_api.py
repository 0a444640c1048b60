"""API for saved definitions: list, propose a lookup, drop; and a checker's view and decision. The workflow decides."""

from typing import Any

from broker.domain.projects.saved_definitions import Cohort, SavedEntry
from broker.web.api.openapi import api_blueprint, change_responses, read_responses
from broker.web.schemas import api_schemas
from broker.web.schemas.staff_schemas import StateShown
from broker.web.web_context import caller, ports
from broker.workflow.submission import save_definition
from broker.workflow.timing_channel import minute_of

api = api_blueprint("saved")


@api.get("/projects/<project>/saved", responses=read_responses(200, api_schemas.SavedListShown))
def saved(path: api_schemas.ProjectPath) -> dict[str, Any]:
    """Return what a project has saved or proposed, for its researchers and checkers."""
    return _saved_list(save_definition.list_saved(ports(), caller(), path.project))


@api.post("/projects/<project>/saved", responses=change_responses(201, api_schemas.SavedShown))
def propose(path: api_schemas.ProjectPath, body: api_schemas.LookupBody) -> tuple[dict[str, Any], int]:
    """Propose a CSV text as a lookup. Jobs can read it once a checker has approved it."""
    entry = save_definition.propose_lookup(ports(), caller(), path.project, body.name, body.about, body.text)
    return api_schemas.SavedShown.answer(_entry_fields(entry)), 201


@api.delete("/projects/<project>/saved/<name>", responses=change_responses(204, None))
def drop(path: api_schemas.SavedPath) -> tuple[str, int]:
    """Drop a cohort or lookup. Accepted jobs still have what they read."""
    save_definition.drop_saved(ports(), caller(), path.project, path.name)
    return "", 204


@api.get("/lookups", responses=read_responses(200, api_schemas.SavedListShown))
def waiting() -> dict[str, Any]:
    """Return the lookups that wait for the caller's decision, oldest first."""
    return _saved_list(save_definition.lookups_waiting(ports(), caller()))


@api.get("/lookups/<lookup>", responses=read_responses(200, api_schemas.LookupShown))
def lookup(path: api_schemas.LookupPath) -> dict[str, Any]:
    """Return one definition with its content. The view is in the audit log."""
    entry = save_definition.view_definition(ports(), caller(), path.lookup)
    found = entry.definition
    rows = [] if isinstance(found, Cohort) else [[None if v is None else str(v) for v in row] for row in found.rows]
    return api_schemas.LookupShown.answer(_entry_fields(entry) | {"rows": rows})


@api.post("/lookups/<lookup>/decision", responses=change_responses(201, StateShown))
def decide(path: api_schemas.LookupPath, body: api_schemas.DecisionBody) -> tuple[dict[str, Any], int]:
    """Approve or reject a lookup (checkers who are independent of the project)."""
    state = save_definition.decide_lookup(ports(), caller(), path.lookup, body.choice, body.reason)
    return StateShown.answer({"state": state.value}), 201


def _saved_list(entries: list[SavedEntry]) -> dict[str, Any]:
    return api_schemas.SavedListShown.answer({"saved": [_entry_fields(e) for e in entries]})


def _entry_fields(entry: SavedEntry) -> dict[str, Any]:
    names = ("ident", "project", "name", "about", "by", "created", "reason")
    found = entry.definition
    fields: dict[str, Any] = {n: getattr(entry, n) for n in names} | {"state": entry.state.value}
    fields["created"] = minute_of(entry.created)
    if isinstance(found, Cohort):
        return fields | {"kind": "cohort", "dialect": found.dialect, "text": found.text, "columns": list(found.columns)}
    columns = [f"{c.name} {c.type.value}" for c in found.columns]
    return fields | {"kind": "lookup", "dialect": None, "text": None, "columns": columns}

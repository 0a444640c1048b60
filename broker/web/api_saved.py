"""API for what projects keep: list, propose a lookup, drop; and a checker's look and decision. The workflow decides."""

from typing import Any

from broker.domain.saved import Cohort, SavedEntry
from broker.web import models_saved as models
from broker.web.documented import changes, gives, subject
from broker.web.models_staff import StateShown
from broker.web.setup import caller, ports
from broker.workflow import cohorts, lookups
from broker.workflow.silence import minute_of

api = subject("saved")


@api.get("/projects/<project>/saved", responses=gives(200, models.SavedListShown))
def saved(path: models.ProjectPath) -> dict[str, Any]:
    """What a project keeps and has asked for: its researchers and its checkers may know."""
    return _list(cohorts.listed(ports(), caller(), path.project))


@api.post("/projects/<project>/saved", responses=changes(201, models.SavedShown))
def propose(path: models.ProjectPath, body: models.LookupBody) -> tuple[dict[str, Any], int]:
    """Ask for a CSV to be kept as a lookup. It can be read once a checker has approved it."""
    entry = lookups.propose(ports(), caller(), path.project, body.name, body.about, body.text)
    return models.SavedShown(**_fields(entry)).model_dump(mode="json"), 201


@api.delete("/projects/<project>/saved/<name>", responses=changes(204, None))
def drop(path: models.SavedPath) -> tuple[str, int]:
    """Drop a cohort or lookup. Jobs that were accepted go on with what they read then."""
    cohorts.drop(ports(), caller(), path.project, path.name)
    return "", 204


@api.get("/lookups", responses=gives(200, models.SavedListShown))
def waiting() -> dict[str, Any]:
    """Lookups that wait for the caller's decision, oldest first."""
    return _list(lookups.inbox(ports(), caller()))


@api.get("/lookups/<lookup>", responses=gives(200, models.LookupShown))
def lookup(path: models.LookupPath) -> dict[str, Any]:
    """One definition with all that is in it; the look is in the audit log."""
    entry = lookups.look(ports(), caller(), path.lookup)
    found = entry.definition
    rows = [] if isinstance(found, Cohort) else [[None if v is None else str(v) for v in row] for row in found.rows]
    return models.LookupShown(**_fields(entry), rows=rows).model_dump(mode="json")


@api.post("/lookups/<lookup>/decision", responses=changes(201, StateShown))
def decide(path: models.LookupPath, body: models.DecisionBody) -> tuple[dict[str, Any], int]:
    """Approve or reject a lookup (checkers who are independent of the project)."""
    state = lookups.decide(ports(), caller(), path.lookup, body.choice, body.reason)
    return StateShown(state=state.value).model_dump(mode="json"), 201


def _list(entries: list[SavedEntry]) -> dict[str, Any]:
    return models.SavedListShown(saved=[models.SavedShown(**_fields(e)) for e in entries]).model_dump(mode="json")


def _fields(entry: SavedEntry) -> dict[str, Any]:
    names = ("ident", "project", "name", "about", "by", "created", "reason")
    found = entry.definition
    fields: dict[str, Any] = {n: getattr(entry, n) for n in names} | {"state": entry.state.value}
    fields["created"] = minute_of(entry.created)
    if isinstance(found, Cohort):
        return fields | {"kind": "cohort", "dialect": found.dialect, "text": found.text, "columns": list(found.columns)}
    columns = [f"{c.name} {c.type.value}" for c in found.columns]
    return fields | {"kind": "lookup", "dialect": None, "text": None, "columns": columns}

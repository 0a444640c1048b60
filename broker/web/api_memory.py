"""API for the memory of everything released: the gauge of the caps, and bringing it back. No rules, no file of it."""

from typing import Any

from broker.domain.errors import Unknown
from broker.web import models_memory as models
from broker.web.documented import changes, gives, subject
from broker.web.ledger_shown import head_of
from broker.web.memory_shown import caps_shown, forgotten_tables_of
from broker.web.models_ledger import HeadBody, HeadShown
from broker.web.models_staff import StateShown
from broker.web.setup import caller, ports
from broker.workflow import caps as full
from broker.workflow import restore_memory

api = subject("memory")


@api.get("/memory/caps", responses=gives(200, models.CapsShown))
def caps(query: models.CapsQuery) -> dict[str, Any]:
    """How many exact figures that split each reference population are released, and how many may be (administrators).
    The fullest first, fifty a page."""
    found = full.caps(ports(), caller(), query.snapshot, query.search, query.page)
    return caps_shown(found).model_dump(mode="json")


@api.get("/memory/head", responses=gives(200, HeadShown))
def memory_head() -> dict[str, Any]:
    """The memory's signed head (administrators), to be kept elsewhere. It has no figures."""
    found = full.memory_head(ports(), caller())
    if found is None:
        raise Unknown("head", "memory")
    return HeadShown.model_validate(found).model_dump(mode="json")


@api.post("/memory/reentries", responses=changes(201, StateShown))
def reenter_memory(body: models.ForgottenTablesBody) -> tuple[dict[str, Any], int]:
    """After a restored back-up: have a worker enter what the memory forgot. `asked` until a second administrator has
    sent exactly the same, then `agreed`: a worker enters it within seconds, if its files tell exactly that."""
    done = restore_memory.reenter(ports(), caller(), forgotten_tables_of(body))
    return StateShown(state="agreed" if done else "asked").model_dump(mode="json"), 201


@api.post("/memory/vouches", responses=changes(201, StateShown))
def vouch_memory(body: HeadBody) -> tuple[dict[str, Any], int]:
    """Where the memory's last signed head itself was lost: take an exported one for it. `asked`, then `taken`."""
    done = restore_memory.vouch(ports(), caller(), head_of(body))
    return StateShown(state="taken" if done else "asked").model_dump(mode="json"), 201

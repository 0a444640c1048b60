"""API for words about outputs, votes on a whole submission and the attack on a candidate. The workflow decides."""

import json
from dataclasses import asdict
from typing import Any

from broker.domain.errors import Invalid
from broker.web import models_given, models_threads
from broker.web.documented import changes, gives, subject
from broker.web.setup import caller, ports
from broker.workflow import review
from broker.workflow.ballots import Ballot
from broker.workflow.reviewing import submission, thread
from broker.workflow.reviewing.attack import attacked

api = subject("messages")


@api.get("/outputs/<output>/messages", responses=gives(200, models_threads.ThreadShown))
def messages(path: models_given.OutputPath) -> dict[str, Any]:
    """An output's thread, for checkers: others' words show after one's own vote."""
    found = [models_threads.MessageShown.model_validate(m) for m in thread.thread(ports(), caller(), path.output)]
    return models_threads.ThreadShown(messages=found).model_dump(mode="json")


@api.post("/outputs/<output>/messages", responses=changes(204, None))
def say(path: models_given.OutputPath, body: models_threads.MessageBody) -> tuple[str, int]:
    """Write about an output; checkers' words with a digit wait for a second checker before researchers read them."""
    thread.say(ports(), caller(), path.output, body.text, body.audience)
    return "", 204


@api.post("/outputs/<output>/messages/<number>/confirmation", responses=changes(204, None))
def confirm(path: models_threads.MessagePath) -> tuple[str, int]:
    """As a second checker let researchers read words with a figure."""
    thread.confirm(ports(), caller(), path.output, path.number)
    return "", 204


@api.get("/jobs/<job>/messages", responses=gives(200, models_threads.ToldListShown))
def told(path: models_given.JobPath) -> dict[str, Any]:
    """What was said about the decided outputs of a job, for its researchers."""
    found = [models_threads.ToldShown.model_validate(m) for m in thread.for_researchers(ports(), caller(), path.job)]
    return models_threads.ToldListShown(messages=found).model_dump(mode="json")


@api.post("/jobs/<job>/votes", responses=changes(201, models_threads.CastShown))
def vote_on_all(path: models_given.JobPath, body: models_threads.VotesBody) -> tuple[dict[str, Any], int]:
    """Cast one word on several outputs of a job: all of them or none."""
    ballots = {o.output: _ballot(body, o) for o in body.outputs}
    if len(ballots) != len(body.outputs):
        raise Invalid("twice", "Each output stands once.", "/outputs")
    number = submission.vote_all(ports(), caller(), path.job, ballots)
    return models_threads.CastShown(votes=number).model_dump(mode="json"), 201


def _ballot(body: models_threads.VotesBody, seen: models_threads.SeenBody) -> Ballot:
    return Ballot(
        choice=body.choice,
        reason=body.reason,
        staff_hash=seen.staff_hash,
        findings_hash=seen.findings_hash,
        memory_version=body.memory_version,
        words=body.words,
    )


@api.get("/outputs/<output>/attack", responses=gives(200, models_threads.AttackShown))
def attack(path: models_given.OutputPath) -> dict[str, Any]:
    """What could be worked out of each hidden figure of a table as it would leave; the look is in the audit log."""
    look = review.look(ports(), caller(), path.output)
    found = [models_threads.AttackedShown.model_validate(asdict(a)) for a in attacked(json.loads(look.staff))]
    return models_threads.AttackShown(columns=found).model_dump(mode="json")

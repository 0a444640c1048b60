"""API for checkers: inbox, evidence, attack, claims, votes, recalls, and messages about outputs. The
workflow decides."""

from typing import Any

from flask import Response

from broker.domain.errors import Invalid
from broker.web.api.openapi import JSON_OBJECT, api_blueprint, change_responses, read_responses
from broker.web.schemas import api_schemas, staff_schemas
from broker.web.web_context import caller, ports
from broker.workflow.pipeline import job_release, output_records
from broker.workflow.reviewing import checker_inbox, output_review, output_thread, script_failures
from broker.workflow.reviewing.output_evidence import attack_columns

reviews_blueprint = api_blueprint("reviews")


@reviews_blueprint.get("/inbox", responses=read_responses(200, staff_schemas.InboxShown))
def inbox() -> dict[str, Any]:
    """Return the outputs that wait for the caller's vote, oldest first."""
    return staff_schemas.InboxShown.answer({"outputs": checker_inbox.outputs_waiting(ports(), caller())})


@reviews_blueprint.get("/failures", responses=read_responses(200, staff_schemas.FailuresShown))
def failures() -> dict[str, Any]:
    """Return the scripts that ran on real rows and that a checker has to read, oldest first.

    They failed, were withdrawn, or left nothing or something unusable, and nobody has read them.
    """
    return staff_schemas.FailuresShown.answer({"jobs": script_failures.scripts_waiting(ports(), caller())})


LOG = {"description": "What the script printed on real data", "content": {"text/plain": {"schema": {"type": "string"}}}}


@reviews_blueprint.get("/jobs/<job>/failure", responses={**read_responses(200, None), 200: LOG})
def failure(path: api_schemas.JobPath) -> Response:
    """Return what such a script printed on real data, for an independent checker. The view is in the audit log."""
    return Response(script_failures.view_print(ports(), caller(), path.job), mimetype="text/plain")


@reviews_blueprint.post("/jobs/<job>/failure", responses=change_responses(204, None))
def tell_failure(path: api_schemas.JobPath, body: api_schemas.RecallBody) -> None:
    """Report to a job's researchers, once, why it gave nothing.

    In words without figures if it failed or left something unusable, otherwise by a code.
    """
    script_failures.report_reason(ports(), caller(), path.job, body.reason)


@reviews_blueprint.post("/jobs/<job>/read", responses=change_responses(204, None))
def read_script(path: api_schemas.JobPath) -> None:
    """Record that the caller has read a script's text and print, and has opened them before. It is in the audit log."""
    script_failures.mark_read(ports(), caller(), path.job)


@reviews_blueprint.get("/outputs/<output>/evidence", responses=read_responses(200, staff_schemas.EvidenceShown))
def evidence(path: api_schemas.OutputPath) -> dict[str, Any]:
    """Return an output with its evidence, findings and candidate. The view is in the audit log."""
    return staff_schemas.EvidenceShown.answer(output_review.view_output(ports(), caller(), path.output))


STAFF_RECORD = {"description": "The staff record (docs/reference/records.md)", "content": JSON_OBJECT}


@reviews_blueprint.get("/outputs/<output>/staff-record", responses={**read_responses(200, None), 200: STAFF_RECORD})
def staff_record(path: api_schemas.OutputPath) -> dict[str, Any]:
    """Return every rule tried on an output, verdicts, evidence, pattern and audit. The view is in the audit log."""
    return output_records.record_for_staff(ports(), caller(), path.output)


@reviews_blueprint.get("/jobs/<job>/acro", responses=read_responses(200, staff_schemas.AcroShown))
def acro(path: api_schemas.JobPath) -> dict[str, Any]:
    """Return a job's outputs as ACRO's `results.json` with the files that it names. Each view is in the audit log."""
    return staff_schemas.AcroShown.answer(output_records.acro_folder(ports(), caller(), path.job))


@reviews_blueprint.put("/outputs/<output>/claim", responses=change_responses(204, None))
def claim(path: api_schemas.OutputPath) -> None:
    """Claim an output."""
    output_review.claim(ports(), caller(), path.output, True)


@reviews_blueprint.delete("/outputs/<output>/claim", responses=change_responses(204, None))
def give_up_claim(path: api_schemas.OutputPath) -> None:
    """Give up the claim on an output."""
    output_review.claim(ports(), caller(), path.output, False)


@reviews_blueprint.post("/outputs/<output>/votes", responses=change_responses(201, staff_schemas.StateShown))
def vote(path: api_schemas.OutputPath, body: api_schemas.VoteBody) -> tuple[dict[str, Any], int]:
    """Vote on an output, once. Enough equal votes decide it."""
    ballot = output_review.Ballot(**(dict(body) | {"overrides": tuple(body.overrides)}))
    state = output_review.cast_vote(ports(), caller(), path.output, ballot)
    return staff_schemas.StateShown.answer({"state": state.value}), 201


@reviews_blueprint.post("/outputs/<output>/recall", responses=change_responses(204, None))
def recall(path: api_schemas.OutputPath, body: api_schemas.RecallBody) -> None:
    """Recall a released output (independent checkers and administrators)."""
    job_release.recall(ports(), caller(), path.output, body.reason)


messages_blueprint = api_blueprint("messages")


@messages_blueprint.get("/outputs/<output>/messages", responses=read_responses(200, staff_schemas.ThreadShown))
def messages(path: api_schemas.OutputPath) -> dict[str, Any]:
    """Return an output's thread, for checkers. Other checkers' messages appear after one's own vote."""
    return staff_schemas.ThreadShown.answer({"messages": output_thread.view_thread(ports(), caller(), path.output)})


@messages_blueprint.post("/outputs/<output>/messages", responses=change_responses(204, None))
def say(path: api_schemas.OutputPath, body: staff_schemas.MessageBody) -> None:
    """Write a message about an output.

    A checker's message with a digit waits for a second checker before researchers can read it.
    """
    output_thread.write_message(ports(), caller(), path.output, body.text, body.audience)


@messages_blueprint.post("/outputs/<output>/messages/<number>/confirmation", responses=change_responses(204, None))
def confirm(path: staff_schemas.MessagePath) -> None:
    """Confirm, as a second checker, that researchers may read a message with a figure."""
    output_thread.confirm_message(ports(), caller(), path.output, path.number)


@messages_blueprint.get("/jobs/<job>/messages", responses=read_responses(200, staff_schemas.ResearcherMessagesShown))
def told(path: api_schemas.JobPath) -> dict[str, Any]:
    """Return the messages about the decided outputs of a job, for its researchers."""
    found = output_thread.messages_for_researchers(ports(), caller(), path.job)
    return staff_schemas.ResearcherMessagesShown.answer({"messages": found})


@messages_blueprint.post("/jobs/<job>/votes", responses=change_responses(201, staff_schemas.CastShown))
def vote_on_all(path: api_schemas.JobPath, body: staff_schemas.VotesBody) -> tuple[dict[str, Any], int]:
    """Cast the same vote on several outputs of a job, on all or none."""
    shared = body.model_dump(exclude={"outputs"})
    ballots = {o.output: output_review.Ballot(**shared, **o.model_dump(exclude={"output"})) for o in body.outputs}
    if len(ballots) != len(body.outputs):
        raise Invalid("twice", "Name each output only once.", "/outputs")
    number = checker_inbox.vote_all(ports(), caller(), path.job, ballots)
    return staff_schemas.CastShown.answer({"votes": number}), 201


@messages_blueprint.get("/outputs/<output>/attack", responses=read_responses(200, staff_schemas.AttackShown))
def attack(path: api_schemas.OutputPath) -> dict[str, Any]:
    """Return what could be derived about each hidden figure of a table as it would leave.

    The view is in the audit log.
    """
    view = output_review.view_output(ports(), caller(), path.output)
    return staff_schemas.AttackShown.answer({"columns": attack_columns(view.record)})

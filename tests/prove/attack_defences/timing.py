"""Each defence against times as carriers, and of turns, how it is taken out, and the test that must fail then.

`python -m tests.prove.attack_defences.timing` tries all of them and prints what was not caught.
"""

# ruff: noqa: E501 - one defence a line reads as a table

import json
import uuid
from contextlib import nullcontext
from functools import partial

from broker.domain.errors import Conflict
from broker.domain.ports import SandboxEnd
from tests.prove.defences import Defence as Listed, edited, put, run

TIMES = "tests.attacks.test_times_as_carriers"
CAUGHT = (AssertionError, Conflict)
Defence = partial(Listed, module=TIMES)
RUN, SILENCE, TURNS = ("broker.workflow.slot_work", "broker.workflow.timing_channel", "broker.workflow.job_scheduling")

DEFENCES = (
    Defence("a failure is told at the end of its slot", edited(f"{SILENCE}:end_hidden_until", "until is not None and now < until", "False"), "test_a_failure_shows"),
    Defence("a worker is free at the end of a slot of time", edited(f"{RUN}:run_whole_slot", "_wait_for(ports, [found])", "pass"), "test_a_script_shows"),
    Defence("real rows are held to the end of a slot of time", edited(f"{RUN}:run_whole_slot", "ports.sandbox.holding_to_slot_end(partial(_slot_end, ports, job))", "__import__('contextlib').nullcontext()"), "test_a_neighbour_on"),
    Defence("a trial that waits a moment waits for a slot", edited(f"{RUN}:run_whole_slot", "ports.sandbox.holding_to_slot_end(partial(_slot_end, ports, job))", "__import__('contextlib').nullcontext()"), "test_a_trial_that"),
    Defence("a place is taken to the end of a slot of time", put("broker.sandbox.real_synthetic_lock.RealSyntheticLock._reserving", lambda *_: nullcontext()), "test_a_neighbour_on"),
    Defence("a job that is not told to have ended can be withdrawn", edited("broker.workflow.submission.job_withdrawal:_withdraw", "JobState.RUNNING if hidden else None", "None"), "test_withdrawing", given=(SandboxEnd.CRASHED,)),
    Defence("what leaves by itself leaves at the end of a slot", edited("broker.workflow.pipeline.output_routing:route", "if hidden_until is not None and not ports.store.voted(frozenset(o.ident for o in outputs)):", "if False:"), "test_a_sql_job_shows"),
    Defence("a SQL job ends with its comparison", edited("broker.storage.job_stores.job_lifecycle:SqlComparisons.put_compared", ".values(ended=now)", ".values(ended=jobs.c.ended)"), "test_rounds"),
    Defence("a SQL job's slot is of its text and the history", edited("broker.domain.jobs.job:TimeSlots._comparing_seconds", "if compares", "if False"), "test_the_shown_time"),
    Defence("room in the queue is told in slots", put("broker.workflow.submission.job_submission.apparently_running", lambda *_: []), "test_room"),
    Defence("a killed slot waits", edited(f"{RUN}:resume_hold", "job.worker == worker", "False"), "test_a_slot_that"),
    Defence("a job that is given back looks as if it ran", edited(f"{SILENCE}:appears_running", "return job.started is not None", "return job.state is JobState.RUNNING"), "test_a_slot_that"),
    Defence("an attempt begins at the end of a slot", edited("broker.workflow.work:give_back", "slots.displayed_end(job, rests_until) or rests_until", "rests_until"), "test_the_next_attempt"),
    Defence("a grid begins with the first attempt", edited("broker.storage.work_store:_run_begins", "sa.func.coalesce(jobs.c.started, now)", "now"), "test_attempts"),
    Defence("projects take turns", edited("broker.domain.jobs.job:fair_order", "used.get(project, 0.0) + own[project] * slots.seconds[0]", "0.0"), "test_long_scripts", module="tests.attacks.test_fairness"),
    Defence("turns are by the times that are told", edited("broker.domain.jobs.job:seconds_used", "until = slots.displayed_end(job, now)", "until = job.ended or now"), "test_the_next_job"),
    Defence("turns forget", edited(f"{TURNS}:jobs_in_turn", "timedelta(seconds=policies.service.fair_window_seconds)", "timedelta(days=9)"), "test_the_next_job"),
    Defence("a lane for SQL", edited(f"{TURNS}:WorkerSlot.takes_scripts", "return self.number >=", "return True or self.number >="), "test_a_lane"),
    Defence("no slot under a minute on real data", edited(f"{SILENCE}:check_slots", "not ports.synthetic_only and", "False and"), "test_real_data"),
    Defence("a manifest has minutes", edited("broker.workflow.pipeline.job_release:manifest_of", "whole_minute(now).isoformat()", "now.isoformat()"), "test_no_time"),
    Defence("a job's times are minutes", put("broker.workflow.timing_channel.minute_of", lambda at: at), "test_no_time"),
    Defence("ids are random", put("broker.domain.identifiers.uuid.uuid4", uuid.uuid1), "test_no_time"),
)  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(run(DEFENCES, CAUGHT), indent=2))

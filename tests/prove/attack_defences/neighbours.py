"""Each defence of neighbours, unread scripts and the low findings, how it is removed, and the test that must fail then."""

# ruff: noqa: E501 - one defence a line reads as a table

import contextlib
import subprocess
from functools import partial

import pytest
import sqlalchemy

from broker.domain.errors import Breach, BrokerError
from tests.attacks import test_unread_scripts as endings
from tests.prove.defences import Defence as Listed, edited, nothing, put

NEIGHBOURS, UNREAD, LOW = (f"tests.attacks.test_{name}" for name in ("neighbours", "unread_scripts", "low_findings"))
CAUGHT = (
    AssertionError, Breach, BrokerError, OSError, ValueError, KeyError, IndexError, TypeError, pytest.fail.Exception,
    subprocess.SubprocessError,
)  # fmt: skip

PLACES = "broker.sandbox.real_synthetic_lock:RealSyntheticLock"
HELD = edited(f"{PLACES}._has_turn", "return not [p for p in others if self._lives(p)]", "return True")

near = partial(Listed, module=NEIGHBOURS)
unread = partial(Listed, module=UNREAD)
low = partial(Listed, module=LOW)

DEFENCES = (
    near("turns are in order of arrival", edited(f"{PLACES}._next", "max((p.number for p in self._places()), default=0) + 1", "0"), "test_neither_side"),
    near("a trial waits while real rows are held", HELD, "test_a_sender", given=("runc",)),
    near("a trial waits while real rows are held, on runsc", HELD, "test_a_sender", given=("runsc",)),
    near("the dead's sandbox is ended first", edited(f"{PLACES}._lives", "self._end_sandbox(place.name)", "pass"), "test_a_holder"),
    near("a place is taken to the end of a slot", put("broker.sandbox.real_synthetic_lock.RealSyntheticLock._reserving", lambda *_: contextlib.nullcontext()), "test_real_rows", given=(False, 0.3, 1)),
    near("also if the holder dies", edited(f"{PLACES}._reserve_slot", "self._reserve(place, until)", "threading.current_thread()"), "test_real_rows", given=(True, 0.3, 1)),
    near("and if it dies in a later slot", edited(f"{PLACES}._reserve_slots", "while not over.wait(left):", "while False:"), "test_real_rows", given=(True, 1.5, 2)),
    near("a place is kept", put("broker.sandbox.real_synthetic_lock.RESERVATION_SECONDS", 0.0), "test_a_reserved_place"),
    near("whoever is terminated goes on no more", put("broker.sandbox.real_synthetic_lock.RealSyntheticLock.cancel", lambda *_: None), "test_whoever_is"),
    near("a wait is told in slots", edited("broker.workflow.timing_channel:trial_disclosed_at", "return time_slots_of(ports, policies).end(started, (ended - started).total_seconds())", "return ended"), "test_the_wait_of_a_trial"),
    near("real rows are held", edited("broker.workflow.pipeline.script_run:run_on_real_rows", "ports.sandbox.holding(job, attempt, DataKind.REAL)", "__import__('contextlib').nullcontext()"), "test_a_script_has"),
    near("synthetic rows are held", edited("broker.workflow.pipeline.script_run:try_on_synthetic", "attempt.ports.sandbox.holding(context.subject, context.attempt, DataKind.SYNTHETIC)", "__import__('contextlib').nullcontext()"), "test_a_script_has"),
    near("a rehearsal asks for its turn", edited("broker.workflow.slot_work:run_rehearsal", "if rehearsal.submission.kind is not JobKind.PYTHON:", "if True:"), "test_script_rehearsals_wait"),
    near("real data need a holder", edited("broker.sandbox.docker_sandbox:DockerSandbox._check_real", "request.image == container_spec.UNTRUSTED and", "False and"), "test_real_data"),
    near("settings refuse slots side by side", put("broker.settings.check_side_by_side", nothing), "test_settings"),
    near("a second worker is refused", put("broker.sandbox.real_synthetic_lock.RealSyntheticLock.sole_worker", lambda _: contextlib.nullcontext(True)), "test_a_second_worker"),
    near("control groups are its own", edited("broker.sandbox.container_spec:host_settings", '"CgroupnsMode": "private",', ""), "test_a_container"),
    near("shared memory has so many files", edited("broker.sandbox.container_spec:host_settings", ", SHM: SHM_BYTES", ""), "test_a_container"),
    near("the audit compares control groups", edited("broker.sandbox.container_spec:host_settings", '"CgroupnsMode": "private",', ""), "test_the_audit"),
    unread("what met real rows is noted", edited("broker.workflow.pipeline.script_run:run_on_real_rows", "ports.store.note_real_run(job, attempt, ports.clock.now())", "pass"), "test_what_came", given=(endings.withdrawn,)),
    unread("what it printed is kept, withdrawn or not", edited("broker.storage.job_stores.rehearsal_store:SqlScriptRuns.note_log", "JobState.WITHDRAWN, ", ""), "test_what_came", given=(endings.withdrawn,)),
    unread("what left nothing is listed", edited("broker.storage.job_stores.job_store:to_read", "~exists().where(useful)", "rehearsals.c.problems.is_(True)"), "test_what_came", given=(endings.withheld,)),
    unread("one has opened what one has read", put("broker.workflow.reviewing.script_failures._check_opened", nothing), "test_only_an_independent", given=(endings.failed,)),
    unread("readers are independent", edited("broker.workflow.reviewing.script_failures:_reach_script", "or not allowed", ""), "test_only_an_independent", given=(endings.failed,)),
    unread("a project waits for a reader", put("broker.storage.job_stores.job_store.check_few", nothing), "test_a_project", given=(endings.withheld,)),
    unread("one in review counts alike", edited("broker.storage.job_stores.job_store:_count_unread", "or_(_ended_early(), ~voted.exists())", "_ended_early()"), "test_a_project", given=(endings.in_review,)),
    unread("a vote is no reading of what was withdrawn", put("broker.storage.job_stores.job_store._ended_early", sqlalchemy.false), "test_a_vote"),
    unread("a failed trial counts until it is told", edited("broker.storage.job_stores.job_store:_count_unread", "or_(under_way, undisclosed, unread)", "or_(under_way, unread)"), "test_a_failed_trial"),
    unread("a rule out of a closed list", edited("broker.workflow.reviewing.script_failures:report_reason", "_reason_sentence(reason) if _by_rule(job, rehearsal) else _check_reason(reason)", "reason or 'x'"), "test_an_author_learns", given=(endings.withheld,)),
    low("the store's mode", put("broker.storage.database._make_private", nothing), "test_the_store"),
    low("few tokens", put("broker.storage.people_store._check_few", nothing), "test_a_person"),
    low("no body where none is taken", put("broker.web.security.request_checks._takes_body", lambda: True), "test_an_address", given=(b'{"x": 1}',)),
    low("what is refused is read to its end", put("broker.web.security.request_checks._drain", nothing), "test_what_is_refused"),
    low("each name once", put("broker.web.security.request_checks._each_once", dict), "test_json_is_read", given=("twice",)),
    low("UTF-8 only", edited("broker.web.security.request_checks:_read", 'raw.decode("utf-8-sig")', "raw"), "test_json_is_read", given=("utf-16",)),
    low("no redirect by Host", edited("broker.web.security.request_checks:check_size", "or isinstance(request.routing_exception, RequestRedirect)", ""), "test_no_redirect", given=("/static//x",)),
    low("a name is limited at an address", edited("broker.web.pages.account_pages:_attempt", 'f"{key} at {address}"', 'f"{key}"'), "test_wrong_passwords"),
    low("an address has a bound of its own", put("broker.web.security.authentication.SHARED_FACTOR", 1000), "test_wrong_passwords"),
    low("messages name no permission", edited("broker.workflow.administration.user_accounts:check_administrator", '"page", ""', '"page", action.value'), "test_messages"),
    low("refusals name no action", edited("broker.domain.identity.people:check_permission", '"You do not have permission to do that here."', "f'You may not {action.value}'"), "test_a_refusal"),
    low("the demo's runtime", edited("broker.demo.run_demo:run_demo", 'os.environ.get("BROKER_RUNTIME") or', ""), "test_the_demo"),
    low("nothing turns JSON round", edited("broker.cli.output.console:print_json", 'if c.isprintable() or c == "\\n" else', "if True else"), "test_json_at", given=("a\u202eb",)),
)  # fmt: skip

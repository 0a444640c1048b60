"""A fifth kind of job is one executor: a toy that gives back its own text is run, assessed, reviewed and released, and
nothing else of the workflow knows of it."""

import pytest

from broker.domain.findings import Verdict
from broker.domain.jobs.job import JobState, OutputKind, OutputState
from broker.domain.staff_records import FileRecord, StaffRecord
from broker.workflow.checking.submission_check import CheckedSubmission
from broker.workflow.pipeline import executors
from broker.workflow.pipeline.draft_output import DraftOutput
from broker.workflow.pipeline.job_attempt import Executed, JobAttempt
from broker.workflow.run_context import RunContext
from tests.unit.workflow.conftest import CLEO, SQL, Broker

ECHO = SQL.replace("-- output: absence", "-- output: echo")


class EchoExecutor:
    """Gives back the text of the job, in a file that a checker looks at."""

    def takes(self, checked: CheckedSubmission) -> bool:
        return "-- output: echo" in checked.canonical

    def open_vault(self, attempt: JobAttempt) -> RunContext:
        return attempt.context(attempt.no_vault(), attempt.checked)

    def execute(self, context: RunContext) -> Executed:
        record = StaffRecord(FileRecord("echo.txt", None, {"kind": "document"}))
        said = context.checked.canonical.encode()
        draft = DraftOutput("echo.txt", OutputKind.FILE, "text/plain", record, said, "[]", Verdict.REVIEW, False)
        return Executed(context, [draft], image="echo", runtime="here")


@pytest.fixture(autouse=True)
def fifth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "EXECUTORS", (EchoExecutor(), *executors.EXECUTORS))


def test_a_job_of_the_fifth_kind_goes_the_whole_way(broker: Broker) -> None:
    job, output = broker.ran(ECHO)
    assert (output.name, output.state, broker.sandbox.ran) == ("echo.txt", OutputState.IN_REVIEW, [])
    assert broker.vote(CLEO, output.ident) == "released"
    found = broker.store.job(job)
    assert (found.state, found.image, found.runtime) == (JobState.DECIDED, "echo", "here")
    released = broker.ports.content_store.get("released", broker.store.output(output.ident).release_hash)
    assert released.decode() == found.canonical


def test_the_other_kinds_are_as_before(broker: Broker) -> None:
    _, output = broker.ran(SQL)
    assert (output.name, len(broker.sandbox.ran)) == ("absence", 1)

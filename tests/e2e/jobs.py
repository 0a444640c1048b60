"""Submissions of end-to-end tests, and how tests wait for them."""

import time
from typing import Any

from broker.client import BrokerClient
from broker.client.api_answers import EvidenceAnswer, JobAnswer
from broker.domain.jobs.job import JobKind, Submission

POLL_SECONDS = 0.15
"""Between two looks: asking more often takes the processor from what is waited for."""

ABSENCE = """-- output: absence
SELECT a.NCyearActual, a.FSMeligible, COUNT(*) AS n, COUNT(DISTINCT a.PupilMatchingRefAnonymous) AS pupils,
       SUM(a.OverallAbsence_6HalfTerms) AS missed
FROM npd.absence AS a WHERE a.AcademicYear = '2022/2023'
GROUP BY a.NCyearActual, a.FSMeligible
"""

PYTHON = """# input: npd.spring_census [PHASE] 2022/2023
# output: phases.csv | Pupils by phase
census = load("spring_census")
census.groupby("PHASE").size().rename("n").reset_index().to_csv("phases.csv", index=False)
"""

SLOW = """# input: npd.spring_census [PHASE] 2022/2023
# output: slow.csv | A constant
import time
time.sleep(3)
open("slow.csv", "w").write("n\\n100\\n")
"""

ENDS = frozenset({"released", "not released", "returned", "failed", "limit", "withdrawn"})


def send(client: BrokerClient, text: str, kind: str = "sql", **more: Any) -> JobAnswer:
    fields = {"project": "P0421", "dialect": "", "title": "A test", "purpose": "To test the way.", **more}
    return client.submit(Submission(kind=JobKind(kind), text=text, **fields))


def wait(client: BrokerClient, job: str, seconds: float = 90, until: frozenset[str] | None = None) -> str:
    """The job's shown state once it waits for nobody but people."""
    deadline = time.monotonic() + seconds
    while True:
        state = str(client.job(job)["state"])
        if (until is None and state not in {"queued", "running"}) or (until is not None and state in until):
            return state
        if time.monotonic() > deadline:
            raise AssertionError(f"job {job} is still {state} after {seconds} s")
        time.sleep(POLL_SECONDS)


def end_of(client: BrokerClient, job: str) -> str:
    """The job's last state. Between its assessment and its release it is shown as waiting, whoever decides."""
    return wait(client, job, until=ENDS)


def approve(checker: BrokerClient, job: str) -> list[EvidenceAnswer]:
    """Look at and approve every waiting output of a job; returns what was seen."""
    deadline = time.monotonic() + 20
    while not (found := [w for w in checker.inbox() if w["job"] == job]):
        assert time.monotonic() < deadline, f"no output of job {job} came to review"
        time.sleep(POLL_SECONDS)
    looks = []
    for waiting in found:
        seen = checker.evidence(waiting["output"])
        checker.vote(waiting["output"], "approve", "meets-rules", seen)
        looks.append(seen)
    while any(output["state"] == "approved" for output in checker.job(job)["outputs"]):
        assert time.monotonic() < deadline + 20, f"job {job} was approved and no worker released it"
        time.sleep(POLL_SECONDS)
    return looks

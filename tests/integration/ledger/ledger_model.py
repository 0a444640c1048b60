"""A reference model of the ledger, small enough to read at a glance. Uses no database and no ledger code."""

from dataclasses import dataclass, field

MOVES = {
    ("reserved", "charge"): "charged", ("reserved", "refund"): "refunded",
    ("charged", "release"): "released", ("charged", "withhold"): "withheld",
}  # fmt: skip
AGAIN = {"charge": {"charged", "released"}, "refund": {"refunded"}, "release": {"released"}, "withhold": {"withheld"}}


@dataclass
class Job:
    project: int
    cost: int
    question: int
    state: str = "reserved"
    answered: bool = False


@dataclass
class Model:
    """One unit; projects have one allotment each."""

    cap: int
    allotments: dict[int, int]
    jobs: dict[int, Job] = field(default_factory=dict)

    def used(self, states: set[str], project: int | None = None) -> int:
        return sum(j.cost for j in self.jobs.values() if j.state in states and project in {None, j.project})

    def do(self, verb: str, number: int, *more: int) -> str:
        """What the ledger must answer: `done`, `refused`, `conflict`, `unknown`, or `free` with another's answer."""
        if verb == "reserve":
            return self._reserve(number, Job(*more))
        if verb == "allot":
            return self._allot(number, *more)
        job = self.jobs.get(number)
        if job is None:
            return "unknown"
        return self._answer(job) if verb == "answer" else self._move(job, verb)

    def _reserve(self, number: int, job: Job) -> str:
        known = self.jobs.get(number)
        if known is not None:
            same = (known.project, known.cost, known.question) == (job.project, job.cost, job.question)
            return "done" if same else "conflict"
        if any(
            (j.project, j.cost, j.question, j.state) == (job.project, job.cost, job.question, "released")
            for j in self.jobs.values()
        ):
            return "free"
        taken = {"reserved", "charged", "released", "withheld"}
        room = min(self.cap - self.used(taken), self.allotments[job.project] - self.used(taken, job.project))
        if job.cost > room:
            return "refused"
        self.jobs[number] = job
        return "done"

    def _allot(self, project: int, cap: int) -> str:
        if cap < self.used({"reserved", "charged", "released", "withheld"}, project):
            return "conflict"
        self.allotments[project] = cap
        return "done"

    def _answer(self, job: Job) -> str:
        if job.answered:
            return "done"
        job.answered = job.state == "charged"
        return "done" if job.answered else "conflict"

    def _move(self, job: Job, verb: str) -> str:
        if job.state in AGAIN[verb]:
            return "done"
        after = MOVES.get((job.state, verb))
        if after is None or (after == "released" and not job.answered):
            return "conflict"
        job.state = after
        return "done"

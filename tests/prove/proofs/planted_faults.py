"""Tests see the loss of each defence: one defence at a time is taken out of a copy of the tree, and a test must fail."""

# ruff: noqa: E501 - one fault a line reads as a table

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from tests.prove.mutants import house, passes, passes_with
from tests.prove.proof import ROOT, Line, Proof


@dataclass(frozen=True, slots=True)
class Fault:
    """A defence that is taken out: the one piece of text of a module that becomes another. `tests`: files or folders of
    which one test must fail then."""

    what: str
    module: str
    old: str
    new: str
    tests: tuple[str, ...]

    def planted(self, source: str) -> str:
        """The module with the fault. Raises LookupError where the text is not there once."""
        if source.count(self.old) != 1:
            raise LookupError(
                f"{self.module} has {source.count(self.old)} times {self.old!r}: where is the defence now?"
            )
        return source.replace(self.old, self.new)


EVIDENCE = ("tests/generative/query/test_evidence.py", "tests/spec", "tests/integration/engine")
REPLACEMENTS = ("tests/attacks/test_public_rows_in_a_place.py",)
RULES = ("tests/spec/disclosure", "tests/unit/disclosure", "tests/generative/disclosure/test_repair_attacked.py")
SCOPE = ("tests/spec/scope", "tests/unit/scope")
SANDBOX = ("tests/unit/sandbox",)
STORAGE = ("tests/integration/storage", "tests/unit/storage", "tests/integration/ledger")
WORKFLOW = ("tests/unit/workflow",)

SECONDS = 900
"""A fault that makes the tests run longer than this is seen."""

FREQUENCY, MAGNITUDE = "broker/disclosure/rules/frequency.py", "broker/disclosure/rules/magnitude.py"
PEOPLE, GRANTS, CONTAINER = (
    "broker/query/sql/person_evidence.py", "broker/scope/grants.py", "broker/sandbox/container_spec.py"
)  # fmt: skip
SPENDS, ACCESS = "broker/storage/ledger/spend_store.py", "broker/workflow/access.py"

FAULTS = (
    # Evidence
    Fault("people are counted, and not their rows", PEOPLE, 'return "COUNT(p)" if', "return 'SUM(\"rows\")' if", EVIDENCE),
    Fault("the second largest contribution is known", PEOPLE, "coalesce(list_extract(MAX({size}, 2), 2), MAX({size}) - MAX({size}))", "MAX({size}) - MAX({size})", EVIDENCE),
    Fault("contributions are sizes, whatever their sign", PEOPLE, "SUM(abs({value}))", "SUM({value})", EVIDENCE),
    Fault("a public row that takes a person's place is evidence", PEOPLE, "self._replacement = replacement_rows(table.contributions)", "self._replacement = None", REPLACEMENTS),
    Fault("impossible counts end a job", "broker/engine/result_checks.py", "if (persons.values > most).any() or (planned.keys and not rows.values.all()):", "if False:", ("tests/integration/engine", "tests/generative/disclosure/test_screens.py")),
    # Rules
    Fault("the threshold is that of policy", FREQUENCY, "if 0 < n < profile.t]", "if 0 < n < profile.t - 1]", RULES),
    Fault("both sides of a yes/no figure are compared", FREQUENCY, 'return found | is_few(columns["rest"], profile.t) if', "return found if", (*RULES, "tests/generative/disclosure/test_screens.py")),
    Fault("a cell in which everybody has the property is hidden", FREQUENCY, "if rule_input.evidence.persons and rule_input.evidence.rest:", "if True:", RULES),
    Fault("few contributors do not make up most of a figure", MAGNITUDE, "if total <= 0 or held * 100 <= k * total:", "if total <= 0 or held * 50 <= k * total:", RULES),
    Fault("a table about few people is hidden whole", "broker/disclosure/judge_job.py", "return any(e.persons < self.profile.t for e in self.evidence.tables)", "return False", (*RULES, *WORKFLOW)),
    Fault("further cells are hidden so that none can be worked out", "broker/disclosure/suppression/secondary_suppression.py", "        cover.make()\n", "", RULES),
    # Scope
    Fault("a variable must be granted", GRANTS, "if variable is not None and not grants:", "if False:", SCOPE),
    Fault("years must be granted", GRANTS, "return years_touched(use, table) - ", "return frozenset() - ", SCOPE),
    Fault("an identifier is never granted", GRANTS, "if variable is not None and not table.can_grant(variable):", "if False:", SCOPE),
    Fault("an approval ends", GRANTS, "if not project.is_live(today):", "if False:", SCOPE),
    Fault("nobody groups by a quasi-identifier without a grant for it", GRANTS, "elif variable.cls is VariableClass.QUASI and", "elif False and", SCOPE),
    Fault("what must not be combined is refused", "broker/scope/combinations.py", "if not first or not second:", "if True:", SCOPE),
    # Sandbox
    Fault("a container has no network", CONTAINER, '"NetworkMode": "none"', '"NetworkMode": "bridge"', SANDBOX),
    Fault("a container's files are read-only", CONTAINER, '"ReadonlyRootfs": True', '"ReadonlyRootfs": False', SANDBOX),
    Fault("a container has no capabilities", CONTAINER, '"CapDrop": ["ALL"]', '"CapDrop": []', SANDBOX),
    Fault("no two containers share a user", CONTAINER, "return 200_000 + int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) % 1_000_000_000", "return 200_000", SANDBOX),
    Fault("the data are mounted read-only", CONTAINER, '"Target": "/data", "ReadOnly": True', '"Target": "/data", "ReadOnly": False', SANDBOX),
    # Storage
    Fault("a release cannot be changed", "broker/storage/tables/schema.py", '"votes", "releases", ', '"votes", ', STORAGE),
    Fault("bytes that are not those of the hash are not served", "broker/storage/content_store.py", "if hashlib.sha256(content).hexdigest() != digest:", "if False:", STORAGE),
    Fault("private files are the broker's alone", "broker/storage/private_files.py", "os.O_EXCL, 0o600)", "os.O_EXCL, 0o644)", STORAGE),
    Fault("nobody spends more than the cap", SPENDS, "if amount is None or not (balance.used + amount).within(balance.cap):", "if amount is None:", STORAGE),
    Fault("a worker that lost its lease writes nothing", "broker/storage/work_store.py", "if connection.execute(sa.select(work_leases.c.attempt).where(held).with_for_update()).first() is None:", "if False:", STORAGE),
    Fault("an audit line follows the one before", "broker/storage/audit_store.py", "        previous = digest\n", "", STORAGE),
    # Workflow
    Fault("nobody checks a project whose data they use", ACCESS, "live_grant_on_same_data=self._has_live_grant(project)", "live_grant_on_same_data=False", WORKFLOW),
    Fault("nobody checks what their project made", ACCESS, "was_member=self.is_checker and job is not None and self._was_member(job)", "was_member=False", WORKFLOW),
)  # fmt: skip


def planted_faults(workers: int = 2) -> Iterator[Line]:
    with tempfile.TemporaryDirectory(prefix="prove-") as folder, ThreadPoolExecutor(workers) as pool:
        homes: SimpleQueue[Path] = SimpleQueue()
        for number in range(workers):
            homes.put(house(Path(folder), number))

        def unharmed(tests: tuple[str, ...]) -> Line:
            home = homes.get()
            try:
                return Line(f"pass without a fault: {', '.join(tests)}", passes(tests, home, SECONDS), {})
            finally:
                homes.put(home)

        def seen(fault: Fault) -> Line:
            home = homes.get()
            try:
                planted = fault.planted((ROOT / fault.module).read_text())
                is_seen = not passes_with(fault.module, planted, fault.tests, home, SECONDS)
            finally:
                homes.put(home)
            return Line(f"seen if it is gone: {fault.what}", is_seen, {"module": fault.module})

        yield from pool.map(unharmed, dict.fromkeys(fault.tests for fault in FAULTS))
        yield from pool.map(seen, FAULTS)


PROOF = Proof("the loss of each defence is seen by a test", seed=1, measured={"planted faults": planted_faults})

"""Generated private queries, from the check to the ledger, with the engine's own statements over rows. The check
refuses a query, or the engine plans it before the charge. No charged query ends in an error of the engine (A10).

`PROOF_PLANNED` says how many are asked.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from broker.domain.jobs.job import FailureCode, JobKind, JobState, OutputState
from broker.domain.ports import Vault, VaultTable
from broker.domain.projects.project import ProtectionMode
from broker.engine import private_engine
from broker.engine.private_engine import PrivateDuckDB
from broker.privacy.noise.noise_client import NoiseClient
from broker.workflow.submission.preview import check_text
from tests.attacks.private_town import dashboard, kit, policies
from tests.in_process_broker import OwnEngine
from tests.proof_size import report_figures, seed, size
from tests.unit.workflow.conftest import DORA, PROJECT, Broker
from tests.unit.workflow.dashboard_kit import after_slot

from shapes import sample  # isort: skip - private_town says where it stands

QUESTIONS = size("PLANNED", 42)
PLAIN = 0
"""The number of a question that is answered."""

pytestmark = pytest.mark.long

SPEND = "-- private: epsilon 0.01\n"


@dataclass(frozen=True)
class Files:
    """A vault of drawn rows of every table that questions are about, as a worker has it: an empty file with the
    columns, then the rows."""

    folder: Path

    def ensure(self, project: str, snapshot: str) -> Vault:
        names = sorted(p.name for p in self.folder.iterdir())
        tables = tuple(VaultTable(n, (f"{n}/schema.parquet", f"{n}/all.parquet"), (None, None)) for n in names)
        return Vault(f"v-{project}-{snapshot}", snapshot, project, self.folder, self.folder, tables, True)

    def registers(self, vault: Vault) -> Mapping[str, Sequence[Any]]:
        every = ((t, v) for t in policies().catalogue.tables for v in t.variables)
        return {f"{t.full_name}.{v.name}": tuple(kit.worlds.domain(v)) for t, v in every if v.register_key}


@contextmanager
def files_of(number: int) -> Iterator[Files]:
    """Persons with many rows, some equal, and every kind of value that the catalogue allows, NULL too."""
    catalogue = policies().catalogue
    rows = kit.crowded(catalogue, number)
    with TemporaryDirectory() as folder, kit.vault(catalogue, rows, number) as con:
        for name in rows:
            made = Path(folder) / name
            made.mkdir()
            for file, limit in (("schema", "LIMIT 0"), ("all", "")):
                con.execute(f"COPY (SELECT * FROM {name} {limit}) TO '{made / file}.parquet' (FORMAT parquet)")
        yield Files(Path(folder))


@contextmanager
def town(files: Files) -> Iterator[Broker]:
    """A project that asks privately about all that the generator's questions are about, of all years, with much to
    spend."""
    found = policies()
    promises = tuple(replace(p, loss=1000.0, delta=1e-6) for p in found.privacy.promises)
    own = found.project(PROJECT)
    assert own is not None
    budgets = tuple(replace(b, loss=1000.0, delta=1e-6) for b in own.budgets)
    years = {t.full_name: t.year.years for t in found.catalogue.tables if t.year}
    grants = tuple(replace(g, years=years.get(g.table)) for g in own.grants)
    private = {"mode": ProtectionMode.DIFFERENTIAL_PRIVACY, "privacy": "npd-private", "budgets": budgets}
    asks = replace(own, grants=grants, votes=0, researchers=frozenset({DORA}), **private)
    others = tuple(p for p in found.projects if p.ident != PROJECT)
    with dashboard() as broker, closing(NoiseClient(60)) as noise:
        assert broker.ports.private is not None
        real = replace(broker.ports.private, engine=PrivateDuckDB(), noise=noise)
        broker.ports = replace(broker.ports, private=real, sandbox=OwnEngine(), vaults=files)
        privacy = replace(found.privacy, promises=promises)
        broker.policies = broker.put_in_force(replace(found, projects=(asks, *others), privacy=privacy))
        yield broker


def charged(broker: Broker) -> int:
    """Millionths that all accounts together have spent; nothing is reserved for a job that has ended."""
    balances = broker.store.balances()
    assert all(not b.reserved.micro for b in balances)
    return sum(b.spent.micro for b in balances)


def different_questions(many: int) -> Iterator[tuple[str, str]]:
    """Drawn texts and their dialects, each once: who asks again gets the same answer, and pays nothing."""
    asked = set[tuple[str, str]]()
    for number in count(seed()):
        if len(asked) == many:
            return
        drawn = sample(number)
        if (drawn.text, drawn.dialect) not in asked:
            asked.add((drawn.text, drawn.dialect))
            yield drawn.text, drawn.dialect


def ends(broker: Broker, question: str, dialect: str) -> str:
    """How a question ends, and that it was charged where it is answered and only there."""
    text, before = SPEND + question, charged(broker)
    found = check_text(broker.ports, broker.person(DORA), PROJECT, text, JobKind.SQL, dialect)
    if not found.accepted:
        return "refused at check"
    job = broker.send(text, by=DORA, project=PROJECT, dialect=dialect)
    assert broker.run(job)
    after_slot(broker, job)
    ended, cost = broker.store.job(job), charged(broker) - before
    if ended.state is JobState.FAILED:
        assert ended.failure is FailureCode.ENGINE_ERROR, (ended.failure, question)
        assert cost == 0, f"charged, and then the engine ended in an error: {question}"
        return "refused when planned"
    assert {o.state for o in broker.store.outputs_of(job)} == {OutputState.RELEASED}, (ended.state, question)
    assert cost > 0, question
    return "answered"


def test_no_question_is_charged_and_then_ends_in_an_error_of_the_engine() -> None:
    ended: Counter[str] = Counter()
    with files_of(seed()) as files, town(files) as broker:
        for text, dialect in different_questions(QUESTIONS):
            ended[ends(broker, text, dialect)] += 1
    report_figures("planned", {"questions": QUESTIONS, "charged and then failed": 0, **ended})
    assert ended["answered"] > QUESTIONS // 2
    assert ended["refused at check"], "the generator asks for more than can be told"


K, Y = "PupilMatchingRefAnonymous", "AcademicYear"
APPLIED = (
    f"SELECT a.{K} AS p, x.v FROM npd.absence AS a CROSS APPLY (VALUES (a.OverallAbsence_6HalfTerms), "
    "(a.SessionsPossible_6HalfTerms)) AS x(v)"
)
PLAIN_ROWS = f"SELECT {K} AS p, OverallAbsence_6HalfTerms AS v FROM npd.absence"
QUERIED = (
    f"SELECT c.{K} AS p, s.v FROM npd.spring_census AS c CROSS APPLY (SELECT SUM(a.OverallAbsence_6HalfTerms) AS v "
    f"FROM npd.absence AS a WHERE a.{K} = c.{K} AND a.{Y} = c.{Y}) AS s"
)
SETS = {
    f"{word} of {name}": f"SELECT COUNT(*) AS n FROM ({one} {word} {other}) AS d"
    for word in ("INTERSECT", "EXCEPT", "UNION ALL")
    for name, one, other in (
        ("what is applied and what is not", APPLIED, PLAIN_ROWS),
        ("what is not and what is applied", PLAIN_ROWS, APPLIED),
        ("what is applied twice", APPLIED, APPLIED),
        ("persons applied", APPLIED.replace(", x.v", "") + " WHERE x.v > 3", f"SELECT {K} AS p FROM npd.absence"),
        ("a query applied", QUERIED, PLAIN_ROWS),
    )
}  # fmt: skip
"""Sets over what CROSS APPLY makes: one of them ended in an internal error of the engine (A10)."""


def test_a10_sets_over_what_is_applied_are_answered() -> None:
    with files_of(seed()) as files, town(files) as broker:
        found = {name: ends(broker, text, "tsql") for name, text in SETS.items()}
    assert {name for name, way in found.items() if way != "answered"} == set()


BROKEN = [("s", 'SELECT "nope" FROM "npd"."absence"')]


def test_a_statement_that_no_engine_can_run_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the look at its plan it would be paid for."""
    monkeypatch.setattr(private_engine, "private_statements", lambda *given: iter(BROKEN))
    drawn = sample(PLAIN)
    with files_of(seed()) as files, town(files) as broker:
        assert ends(broker, drawn.text, drawn.dialect) == "refused when planned"

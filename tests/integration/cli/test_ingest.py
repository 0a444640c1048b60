"""`broker ingest` carries out an erasure: the next snapshot lacks the person; the earlier one and its vault go."""

from pathlib import Path

import duckdb
import pytest

from broker.cli.commands.server_commands import EARLIER_STILL_READ
from broker.cli.main import run
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import Person, Role
from broker.domain.jobs.job import JobKind, JobState, Submission
from broker.domain.projects.erasures import ErasureState
from broker.policy.files import load_policies
from broker.settings import read_settings
from broker.vault.vault_store import VaultStore
from broker.wiring.broker_ports import build_ports
from broker.wiring.data_intake import make_extracts
from broker.workflow.administration import snapshot_erasures, user_accounts
from broker.workflow.submission.job_submission import submit
from tests.integration.web.conftest import SQL

pytestmark = pytest.mark.long

PEOPLE = (("ada", Role.ADMINISTRATOR), ("amir", Role.ADMINISTRATOR), ("demo-researcher", Role.RESEARCHER))


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A broker with the shipped policies and a small synthetic NPD; its ports, and the folder of extracts."""
    monkeypatch.setenv("BROKER_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("BROKER_QUEUE_URL", f"unix://{tmp_path}/nobody")
    ports, policies = build_ports(read_settings()), load_policies(Path("policies"))
    user_accounts.initialise_broker(ports, [(Person(i, i.title(), frozenset({r})), None) for i, r in PEOPLE])
    user_accounts.propose_policy(ports, ports.store.person("ada"), policies)
    user_accounts.apply_policy(ports, ports.store.person("amir"), policies.fingerprint)
    make_extracts(policies.catalogue, 500, (2022, 2022), 7, tmp_path / "extracts", lambda *_: None)
    yield ports, tmp_path / "extracts"
    ports.store.close()


def pupils(folder: str) -> set[str]:
    with duckdb.connect() as con:
        asked = f"SELECT DISTINCT PupilMatchingRefAnonymous FROM '{folder}/npd.spring_census/*.parquet'"
        return {str(key) for (key,) in con.execute(asked).fetchall() if key is not None}


def test_the_next_ingest_leaves_the_person_out_and_the_earlier_snapshot_goes(here, tmp_path, capsys):
    ports, extracts = here
    assert run(["ingest", str(extracts)], ()) == 0
    first = ports.store.latest_snapshot()
    keeper = VaultStore(tmp_path / "data", lambda: load_policies(Path("policies")))
    vault = keeper.ensure("P0421", first.ident)
    key = sorted(pupils(first.path))[0]
    number = snapshot_erasures.request_erasure(ports, ports.store.person("ada"), "PMR", key, "E/1")
    snapshot_erasures.confirm_erasure(ports, ports.store.person("amir"), number, key)
    sent = Submission("P0421", JobKind.SQL, text=SQL, dialect="", title="T", purpose="P")
    job, _ = submit(ports, ports.store.person("demo-researcher"), sent)

    assert run(["ingest", str(extracts)], ()) == 0
    assert EARLIER_STILL_READ in capsys.readouterr().err
    second = ports.store.latest_snapshot()
    assert pupils(first.path) - pupils(second.path) == {key}
    assert ports.store.erasure(number).state is ErasureState.LEFT_OUT

    now = ports.clock.now()
    event = AuditEvent(now, "demo-researcher", "job.withdrawn", job.ident)
    ports.store.advance(job.ident, None, JobState.QUEUED, JobState.WITHDRAWN, now, [event])
    assert run(["ingest", str(extracts)], ()) == 0
    assert EARLIER_STILL_READ not in capsys.readouterr().err
    assert ports.store.erasure(number).state is ErasureState.DONE
    assert ports.store.latest_snapshot() == second
    assert not Path(first.path).exists()
    assert not vault.evidence.exists()
    assert not keeper.person_map(vault).exists()
    for path in (tmp_path / "data").rglob("*"):
        assert path.is_dir() or key.encode() not in path.read_bytes(), path

"""A private query that no engine can plan reads nobody's rows and costs nothing."""

import json
from pathlib import Path
from typing import Any
from unittest import mock

import duckdb
import pytest

from broker.domain.errors import Breach
from broker.domain.jobs.job import FailureCode, JobState
from broker.domain.ports import SandboxRequest
from broker.engine.private_engine import check_plans
from tests.attacks.private_town import dashboard
from tests.unit.workflow.dashboard_kit import open_budgets, send, spent

pytestmark = pytest.mark.long

NO_SUCH_COLUMN = 'SELECT "nope" FROM "npd"."a"'
OF_NO_TYPE = 'SELECT SUM(x < t) AS s FROM (SELECT x, DATE \'2020-01-01\' AS t FROM "npd"."a")'


def request(folder: Path, *statements: str) -> SandboxRequest:
    """Over a table whose first file has its columns, and whose second has a row that is no number."""
    with duckdb.connect() as connection:
        for name, rows in (("schema", "LIMIT 0"), ("year", "")):
            text = f"COPY (SELECT 1 AS x, 'no number' AS t {rows}) TO '{folder / name}.parquet' (FORMAT parquet)"
            connection.execute(text)
    tables = [{"schema": "npd", "name": "a", "paths": ["schema.parquet", "year.parquet"]}]
    job = {"kind": "sql", "tables": tables, "statements": [{"name": "s", "sql": s} for s in statements]}
    limits: Any = None
    return SandboxRequest("j", 1, "sql", folder, (("job", json.dumps(job).encode()),), limits, False)


@pytest.mark.parametrize("statement", [NO_SUCH_COLUMN, OF_NO_TYPE])
def test_what_cannot_be_planned_is_found(statement: str, tmp_path: Path) -> None:
    with pytest.raises(Breach):
        check_plans(request(tmp_path, 'SELECT SUM(x) AS s FROM "npd"."a"', statement))


def test_no_row_is_read_for_that(tmp_path: Path) -> None:
    """A row that would end the statement ends no plan; and its file need not be there."""
    asked = request(tmp_path, 'SELECT SUM(CAST(t AS INT)) AS s FROM "npd"."a"')
    (tmp_path / "year.parquet").unlink()
    check_plans(asked)


def test_what_no_engine_runs_is_not_charged() -> None:
    cannot = Breach("The engine cannot plan a statement.")
    with dashboard() as broker:
        open_budgets(broker)
        assert broker.ports.private is not None
        job = send(broker)
        with mock.patch.object(broker.ports.private.engine, "prepare", side_effect=cannot):
            assert broker.run(job)
        ended = broker.store.job(job)
        assert (ended.state, ended.failure) == (JobState.FAILED, FailureCode.ENGINE_ERROR)
        assert spent(broker) == (0, 0)

"""One synthetic NPD of 20,000 pupils for all tests of this folder, and small ones over all years."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from broker.policy.data_catalogue import Catalogue
from broker.policy.files import load_policies
from broker.synth.generate import generate
from tests.policy_sets import TEST_POLICIES

PUPILS, SEED = 20_000, 11
RunQuery = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return load_policies(TEST_POLICIES).catalogue


@pytest.fixture(scope="session")
def npd(catalogue: Catalogue, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """2018/19 to 2023/24."""
    out = tmp_path_factory.mktemp("synth") / "npd"
    generate(catalogue, PUPILS, (2018, 2023), SEED, out)
    return out


@pytest.fixture(scope="session")
def small(catalogue: Catalogue, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1,500 pupils in every year there is."""
    out = tmp_path_factory.mktemp("synth") / "small"
    generate(catalogue, 1_500, (2001, 2023), SEED, out)
    return out


def query_runner(folder: Path) -> RunQuery:
    """Runs SQL over the delivery; `{npd.absence/2022}` stands for the file of that table and year (2*: all years)."""

    def run_query(query: str) -> list[tuple[Any, ...]]:
        text = query.replace("{", f"'{folder}/").replace("}", ".parquet'")
        with duckdb.connect() as con:
            return con.execute(text).fetchall()

    return run_query


@pytest.fixture(scope="session")
def run_query(npd: Path) -> RunQuery:
    return query_runner(npd)


@pytest.fixture(scope="session")
def run_small_query(small: Path) -> RunQuery:
    return query_runner(small)

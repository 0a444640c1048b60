"""Ranks as a vault stores them: the main record first, within the filters that the catalogue names, and never an error
for a person with more rows than a rank can tell apart."""

from collections.abc import Callable
from dataclasses import replace

import pyarrow.parquet as parquet
import pytest

from broker.domain.ports import Vault
from broker.policy.data_catalogue import RowRanking
from broker.vault.ingest import ingest
from broker.vault.vault_store import VaultStore
from tests.integration.vault.conftest import CATALOGUE, CENSUS, GOOD, NOW, POLICIES, rows

MANY = 300
"""Rows of one pupil: more than one byte can number."""


@pytest.fixture(scope="module")
def built(draw, tmp_path_factory) -> Callable[[str], Vault]:
    by_sex = (RowRanking(within=("Gender",), rows=2), RowRanking(within=("FSM",), rows=2))
    census = replace(CENSUS, max_rows_per_unit_year=1000, rankings=by_sex)
    catalogue = replace(CATALOGUE, tables=(census, *CATALOGUE.tables[1:]))
    extracts, data = dict(GOOD), tmp_path_factory.mktemp("data")
    for year in (2018, 2019):
        more = f"SELECT 'P2', '{year}/{year + 1}', 'U', 'N', 101 + i % 3, CASE WHEN i % 4 = 0 THEN 'M' ELSE 'F' END"
        extracts[f"npd.census/{year}"] += f" UNION ALL {more}, i % 2, 100000 + i % 5, 201 FROM range({MANY}) t(i)"
    snapshot = ingest(draw(extracts), data, catalogue, NOW)
    keeper = VaultStore(data, lambda: replace(POLICIES, catalogue=catalogue))
    return lambda project: keeper.ensure(project, snapshot.ident)


def census(vault: Vault, year: int) -> str:
    return f"read_parquet('{vault.evidence}/npd.census/{year}.parquet')"


def test_rows_beyond_the_last_rank_share_it(built):
    """P2 has a main record and 300 duplicates. No filter `__r < k` with k up to 255 has more than k of them."""
    found = rows(f"SELECT __r, count(*) FROM {census(built('ONE'), 2019)} WHERE PMR IS NOT NULL GROUP BY __p, __r "
                 "HAVING count(*) > 1")  # fmt: skip
    assert found == [(255, MANY + 1 - 255)]


def test_ranks_within_a_filter_start_again_in_each_of_its_values(built):
    table = census(built("ONE"), 2019)
    numbered = f"SELECT DISTINCT __p, Gender, count(*), count(DISTINCT __r_Gender), max(__r_Gender) + 1 FROM {table}"
    assert all(n == d == m for _, _, n, d, m in rows(f"{numbered} GROUP BY __p, Gender HAVING count(*) < 255"))
    order = "a.__p = b.__p AND a.Gender = b.Gender AND a.__r < b.__r AND a.__r_Gender > b.__r_Gender"
    other = "(a.RecordStatus, a.URN) IS DISTINCT FROM (b.RecordStatus, b.URN)"
    assert rows(f"SELECT count(*) FROM {table} a JOIN {table} b ON {order} AND {other}") == [(0,)]
    assert rows(f"SELECT Gender, max(__r_Gender) FROM {table} WHERE RecordStatus > 1 GROUP BY 1 ORDER BY 1") == [
        ("F", 224), ("M", 75)
    ]  # fmt: skip


def test_the_main_record_comes_first_within_filters_too(built):
    table = census(built("ONE"), 2019)
    first = f"SELECT count(*) FILTER (RecordStatus IS NULL), count(*) FROM {table} WHERE PMR IS NOT NULL"
    (main, of) = rows(f"{first} AND __r_Gender = 0 AND Gender = 'M'")[0]
    assert (main, of) == (20, 20), "P2 is a boy by his main record, and a quarter of his duplicates say so too"


def test_only_what_a_project_sees_is_ranked_within(built):
    """ONE has Gender in 2019 and no FSM; TWO has FSM in 2018. In a year without the variable ranks are those of all."""
    one, two = built("ONE"), built("TWO")
    for vault, has, year in ((one, "__r_Gender", 2018), (two, "__r_FSM", 2019)):
        names = set(parquet.read_schema(vault.evidence / f"npd.census/{year}.parquet").names)
        assert {n for n in names if n.startswith("__r_")} == {has}
        assert rows(f"SELECT count(*) FROM {census(vault, year)} WHERE {has} <> __r") == [(0,)]
        assert not any(
            n.startswith("__") for n in parquet.read_schema(vault.script / f"npd.census/{year}.parquet").names
        )

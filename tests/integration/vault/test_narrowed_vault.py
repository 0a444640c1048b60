"""Narrowed vaults hold only declared variables and years: built once, present while used, removed with the vault."""

import os
import stat

import pyarrow.parquet as parquet
import pytest

from broker.domain.errors import Unavailable
from broker.domain.plans.variable_uses import Usage, VariableUse
from broker.vault import vault_store as room
from tests.integration.expected_errors import expect
from tests.integration.vault.conftest import rows

pytestmark = pytest.mark.long

READ = frozenset({Usage.READ})
CENSUS = "npd.census"
URN_OF_2018 = [
    VariableUse(CENSUS, "PMR", frozenset({2018, 2019}), READ),
    VariableUse(CENSUS, "URN", frozenset({2018}), READ),
    VariableUse("npd.attainment", "Score", frozenset({2019}), READ),
    VariableUse("ref.schools", "LA", None, READ),
]
DECLARED = {
    "npd.census/2018": "PMR, URN",
    "npd.census/2019": "PMR",
    "npd.attainment/2019": "Score",
    "ref.schools/all": "LA",
}


def test_only_declared_tables_variables_and_years_are_in_it(keeper, one):
    made = keeper.narrowed(one, URN_OF_2018)
    held = {
        str(p.relative_to(made.script)): parquet.read_schema(p).names for p in made.script.rglob("*") if p.is_file()
    }
    census = {f"npd.census/{name}.parquet": ["PMR", "URN"] for name in ("schema", "2018", "2019")}
    attainment = {f"npd.attainment/{name}.parquet": ["Score"] for name in ("schema", "2019")}
    assert held == census | attainment | {f"ref.schools/{name}.parquet": ["LA"] for name in ("schema", "all")}
    assert {t.name: set(t.paths) for t in made.tables} == {
        name: {path for path in held if path.startswith(name)} for name in (CENSUS, "npd.attainment", "ref.schools")
    }
    assert (made.key, made.evidence, made.proofs) == (one.key, one.evidence, one.proofs)


def test_years_are_those_in_which_anything_is_declared(keeper, one):
    made = keeper.narrowed(one, [VariableUse(CENSUS, "PMR", frozenset({2019}), READ)])
    assert [(t.name, t.years) for t in made.tables] == [(CENSUS, (None, 2019))]
    assert sorted(p.name for p in made.script.rglob("*.parquet")) == ["2019.parquet", "schema.parquet"]


def test_rows_types_and_order_are_the_vaults(keeper, one):
    made = keeper.narrowed(one, URN_OF_2018)
    for path, columns in DECLARED.items():
        was, now = (rows(f"SELECT {columns} FROM '{v.script}/{path}.parquet'") for v in (one, made))
        assert was == now
        assert was
    assert rows(f"SELECT count(*), count(URN) FROM '{made.script}/npd.census/2019.parquet'") == [(44, 0)]
    for path in made.script.rglob("*.parquet"):
        was = parquet.read_schema(one.script / path.relative_to(made.script))
        assert all(field.type == was.field(field.name).type for field in parquet.read_schema(path))


def test_of_other_columns_not_even_statistics_are_left(keeper, one):
    made = keeper.narrowed(one, [VariableUse(CENSUS, "PMR", frozenset({2019}), READ)])
    was, now = ((v.script / CENSUS / "2019.parquet").read_bytes() for v in (one, made))
    assert b"Gender" in was
    assert b"Gender" not in now
    assert b"RecordStatus" not in now


def test_equal_requests_share_one_narrowed_vault(keeper, one):
    """That many who ask at once build it once is `build_once`'s."""
    made = [keeper.narrowed(one, uses).script for uses in (URN_OF_2018, URN_OF_2018[::-1], URN_OF_2018[:1])]
    assert made[0] == made[1] != made[2]


def test_any_user_may_read_and_nobody_write(keeper, one):
    script = keeper.narrowed(one, URN_OF_2018).script
    modes = {stat.S_IMODE(p.stat().st_mode) for p in script.rglob("*.parquet")}
    assert modes == {0o444}
    assert {stat.S_IMODE(p.stat().st_mode) for p in [script, *script.iterdir()]} == {0o555}
    assert all(p.stat().st_mode & 0o001 for p in (script.parent, script.parent.parent))


def test_it_goes_with_its_vault(apart):
    keeper, one = apart.keeper, apart.vault("ONE")
    script = keeper.narrowed(one, URN_OF_2018).script
    assert keeper.remove_unused({one.key}) == 0
    assert script.is_dir()
    assert keeper.remove_unused(()) == 1
    assert not script.exists()
    expect(Unavailable, keeper.narrowed, one, URN_OF_2018)
    assert not one.script.parent.exists(), "nobody takes what is left of it for a vault"


def test_what_nobody_has_used_for_long_goes(apart):
    keeper, one = apart.keeper, apart.vault("ONE")
    first, second = (keeper.narrowed(one, uses) for uses in (URN_OF_2018, URN_OF_2018[:1]))
    os.utime(first.script.parent / room.MANIFEST, (0, 0))
    assert keeper.narrowed(one, URN_OF_2018) == first
    assert first.script.is_dir(), "it is used again"
    os.utime(first.script.parent / room.MANIFEST, (0, 0))
    keeper.narrowed(one, URN_OF_2018[:1])
    assert not first.script.exists()
    assert second.script.is_dir()
    assert keeper.narrowed(one, URN_OF_2018) == first
    assert first.script.is_dir(), "made again when it is wanted again"

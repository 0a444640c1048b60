"""An erased person: no row of any of their keys in a new snapshot, no key in the private map, no number used twice."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from broker.domain.errors import Breach
from broker.domain.projects.erasures import ErasedPersons
from broker.policy.data_catalogue import Catalogue
from broker.vault.ingest import ingest
from broker.vault.snapshot_files import read_snapshot, remove_snapshot
from tests.integration.vault.conftest import NOW

pytestmark = pytest.mark.long

Extracts = dict[str, str]
Draw = Callable[[Extracts], Path]
Rows = Callable[[str], list[tuple[object, ...]]]


def digest(domain: str, key: str) -> str:
    return sha256(f"a secret {domain} {key}".encode()).hexdigest()


def without(*keys: tuple[str, str]) -> ErasedPersons:
    return ErasedPersons(frozenset(digest(*key) for key in keys), digest)


def table(snapshot: object, name: str) -> str:
    return f"read_parquet('{snapshot.path}/{name}.parquet')"  # type: ignore[attr-defined]


def test_every_row_of_every_key_of_the_person_is_left_out(
    draw: Draw, good: Extracts, data: Path, catalogue: Catalogue, rows: Rows
) -> None:
    """AE_ID 9000 leads to P0 and P31: erased by one key, the rows of the other go too. Staff 'P0' is no pupil."""
    source = draw(good)
    before = ingest(source, data, catalogue, NOW)
    after = ingest(source, data, catalogue, NOW, erased=without(("pmr", "P0")))
    assert after.ident != before.ident
    for name, column in (("npd.census/2018", "PMR"), ("npd.census/2019", "PMR"), ("npd.attainment/2019", "PMR")):
        gone = rows(f"SELECT {column} FROM {table(before, name)} EXCEPT SELECT {column} FROM {table(after, name)}")
        assert {str(k) for (k,) in gone} == {"P0", "P31"}
    assert rows(f"SELECT count(*) FROM {table(after, 'leo.ae_pmr/all')} WHERE AE_ID = 9000 OR PMR = 'P0'") == [(0,)]
    assert rows(f"SELECT count(*) FROM {table(after, 'swc.staff/2019')} WHERE StaffRef = 'P0'") == [(1,)]
    kept = "SELECT PMR, __person FROM {} WHERE PMR IS NOT NULL AND PMR NOT IN ('P0', 'P31') ORDER BY ALL"
    name = "npd.census/2018"
    assert rows(kept.format(table(before, name))) == rows(kept.format(table(after, name))), "others keep their number"


def test_no_file_has_the_key_once_earlier_snapshots_are_removed(
    draw: Draw, good: Extracts, data: Path, catalogue: Catalogue, rows: Rows
) -> None:
    """Not the snapshot nor the private map; a number that was a person's is nobody else's."""
    good["npd.attainment/2019"] = good["npd.attainment/2019"].replace("'P' || i PMR", "'P' || (i + 500) PMR")
    source = draw(good)
    before = ingest(source, data, catalogue, NOW)
    map_file = data / "private" / "persons.parquet"
    ((number,),) = rows(f"SELECT number FROM '{map_file}' WHERE key = 'P517'")
    after = ingest(source, data, catalogue, NOW, erased=without(("pmr", "P517")))
    remove_snapshot(data, before.ident)
    remove_snapshot(data, before.ident)
    assert not Path(before.path).exists()
    for path in [map_file, *Path(after.path).rglob("*.parquet")]:
        columns = [str(name) for name, *_ in rows(f"DESCRIBE FROM '{path}'")]
        for column in columns:
            assert rows(f"SELECT count(*) FROM '{path}' WHERE \"{column}\"::VARCHAR = 'P517'") == [(0,)], path
    assert rows(f"SELECT domain FROM '{map_file}' WHERE number = {number}") == [("(erased)",)]
    assert read_snapshot(data, after.ident) == after


def test_a_person_stays_erased_whichever_key_comes_again_and_the_map_does_not_grow(
    draw: Draw, good: Extracts, data: Path, catalogue: Catalogue, rows: Rows
) -> None:
    ingest(draw(good), data, catalogue, NOW)
    wanted = without(("ae", "9000"))
    ingest(draw(good), data, catalogue, NOW, erased=wanted)
    marks = f"SELECT key, number FROM '{data / 'private' / 'persons.parquet'}' WHERE domain = '(erased)' ORDER BY ALL"
    first = rows(marks)
    assert len(first) == 3, "AE_ID 9000, P0 and P31"
    unlinked = {name: query for name, query in good.items() if name != "leo.ae_pmr/all"}
    again = ingest(draw(unlinked), data, catalogue, NOW, erased=wanted)
    assert rows(f"SELECT count(*) FROM {table(again, 'npd.census/2018')} WHERE PMR IN ('P0', 'P31')") == [(0,)]
    assert rows(marks) == first


def test_nothing_is_ingested_without_the_digests_where_somebody_was_erased(
    draw: Draw, good: Extracts, data: Path, catalogue: Catalogue
) -> None:
    ingest(draw(good), data, catalogue, NOW, erased=without(("pmr", "P5")))
    good["swc.staff/2019"] = good["swc.staff/2019"].replace("30000.5", "31000.5")
    with pytest.raises(Breach):
        ingest(draw(good), data, catalogue, NOW)


def test_who_is_in_no_extract_changes_no_row(
    draw: Draw, good: Extracts, data: Path, catalogue: Catalogue, rows: Rows
) -> None:
    source = draw(good)
    before = ingest(source, data, catalogue, NOW)
    after = ingest(source, data, catalogue, NOW, erased=without(("pmr", "nobody")))
    for name in ("npd.census/2018", "leo.ae_pmr/all", "swc.staff/2019"):
        assert rows(f"FROM {table(before, name)} ORDER BY ALL") == rows(f"FROM {table(after, name)} ORDER BY ALL")

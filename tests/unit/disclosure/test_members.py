"""Members: their two stored forms, and input that cannot be members."""

import numpy as np
import pytest

from broker.domain.errors import Breach
from broker.evidence.member_tables import from_bytes, members_of, to_bytes


def triples(members, amount=None):
    persons, cells = members.rows()
    amounts = members.amounts.get(amount, np.ones(len(persons))) if amount else np.ones(len(persons))
    return sorted(zip(persons.tolist(), cells.tolist(), amounts.tolist(), strict=True))


@pytest.mark.parametrize("scattered", [1, 1000])
def test_members_read_back_unchanged(scattered):
    persons = np.array([7, 3, 5, 3, 9]) * scattered
    members = members_of(4, persons, [0, 1, 1, 2, 3])
    again = from_bytes(to_bytes(members))
    assert triples(again) == sorted(zip(persons.tolist(), [0, 1, 1, 2, 3], [1.0] * 5, strict=True))
    assert (again.persons is None) == (scattered == 1), "a cell for each number only where many are in the table"
    assert again.sizes().tolist() == [1, 2, 1, 1, 0]


def test_amounts_follow_their_rows_and_ones_are_not_stored():
    amounts = {"rows": [1, 1, 1, 1], "total": [2.5, -1, 0, 4]}
    members = from_bytes(to_bytes(members_of(3, [4, 2, 4, 1], [0, 1, 2, 0], amounts)))
    assert list(members.amounts) == ["total"]
    assert triples(members, "total") == [(1, 0, 4.0), (2, 1, -1.0), (4, 0, 2.5), (4, 2, 0.0)]


def test_a_table_of_nobody_has_members():
    assert triples(from_bytes(to_bytes(members_of(2, [], [], {"rows": []})))) == []


@pytest.mark.parametrize(
    "asked", [([1, 1], [0, 0], {}), ([1], [4], {}), ([1], [-1], {}), ([1], [0], {"total": [np.nan]})]
)
def test_what_cannot_be_members_is_a_breach(asked):
    with pytest.raises(Breach):
        members_of(3, asked[0], asked[1], asked[2])


def test_bytes_that_are_cut_off_or_others_are_a_breach():
    content = to_bytes(members_of(3, [1, 2], [0, 1]))
    for wrong in (content[:-70], b"else", content[5:]):
        with pytest.raises(Breach):
            from_bytes(wrong)

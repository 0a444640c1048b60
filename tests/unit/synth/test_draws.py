"""The draws: streams that do not depend on each other, shares that are kept, text without Python objects."""

import numpy as np
import pytest

from broker.domain.errors import Breach
from broker.synth.delivery import blank_keys, coded, day, days_of, duplicates, record_status, untidy, whole
from broker.synth.draws import opaque, patterned, pick, pick_by_group, ranks, standardised, stream


def test_a_stream_depends_on_seed_purpose_and_year_only() -> None:
    first = stream(1, "npd.cin", 2020).random(3).tolist()
    assert stream(1, "npd.cin", 2020).random(3).tolist() == first
    for other in (stream(2, "npd.cin", 2020), stream(1, "npd.cla", 2020), stream(1, "npd.cin", 2021)):
        assert other.random(3).tolist() != first


def test_pick_retains_shares_and_those_of_each_group() -> None:
    got = np.bincount(pick(stream(1, "t"), [1, 2, 0, 7], 100_000), minlength=4) / 100_000
    assert got == pytest.approx([0.1, 0.2, 0.0, 0.7], abs=0.01)
    shares, group = np.array([[0.9, 0.1, 0.0], [0.0, 0.2, 0.8]]), np.repeat([0, 1], 50_000)
    got = pick_by_group(stream(1, "t"), shares, group)
    for g in (0, 1):
        assert np.bincount(got[group == g], minlength=3) / 50_000 == pytest.approx(shares[g], abs=0.01)


def test_ranks_are_uniform_and_retain_the_order_and_equal_values_are_standardised_to_zero() -> None:
    assert ranks(np.array([5.0, -1.0, 3.0, 9.0])).tolist() == [0.625, 0.125, 0.375, 0.875]
    assert standardised(np.array([3.0, 3.0])).tolist() == [0.0, 0.0]


def test_references_are_unique_and_patterns_are_followed() -> None:
    references = opaque(stream(1, "t"), 10_000, 18).to_pylist()
    assert len(set(references)) == 10_000
    assert {len(r) for r in references} == {18}
    assert all(code[:2] == "QQ" and code[2:].isdigit() for code in patterned(stream(1, "t"), 50, "QQ999").to_pylist())
    assert opaque(stream(1, "t"), 0, 18).to_pylist() == []


def test_coded_makes_null_of_negative_positions_and_takes_no_code_twice() -> None:
    assert coded(("A", "B"), np.array([1, -1, 0])).to_pylist() == ["B", None, "A"]
    assert coded(("A", "B"), np.array([1, 0]), np.array([False, True])).to_pylist() == ["B", None]
    with pytest.raises(Breach):
        coded(("A", "A"), np.array([0]))


def test_record_status_pairs_main_records_with_their_duplicates() -> None:
    again = duplicates(stream(1, "t"), 1_000, 0.01)
    status = record_status(stream(1, "u"), 1_000, again)
    assert len(again) == len(set(again.tolist())) == 10
    assert (status[again] + 100 == status[1_000:]).all()
    assert ((status > 0).sum(), status[again].min() >= 1, status.max() <= 120) == (20, True, True)


def test_blank_keys_are_null_or_empty() -> None:
    keys = blank_keys(stream(1, "t"), opaque(stream(2, "t"), 10_000, 18), 0.1).to_pylist()
    assert keys.count(None) == pytest.approx(500, abs=80)
    assert keys.count("") == pytest.approx(500, abs=80)


def test_untidy_codes_differ_only_in_case_and_blanks() -> None:
    codes = coded(("N", "K"), np.array([0, 1, -1] * 1_000))
    spoilt = untidy(stream(1, "t"), codes, 0.2).to_pylist()
    assert [c if c is None else c.strip().upper() for c in spoilt] == codes.to_pylist()
    assert spoilt.count("k ") > 50


def test_whole_numbers_retain_missing_values_and_days_are_dates() -> None:
    assert str(day(np.array([days_of(2022, 9, 1)])).to_pylist()[0]) == "2022-09-01"
    assert whole(np.array([1.0, 2.0]), np.array([True, False])).to_pylist() == [None, 2]

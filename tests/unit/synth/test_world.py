"""Places, schools and scores: what holds before any table is written."""

import numpy as np
import pytest

from broker.synth import geography as pools
from broker.synth.draws import stream
from broker.synth.geography import Places, Schools, make_places, make_schools
from broker.synth.marginals import marginals


@pytest.fixture(scope="module")
def places() -> Places:
    return make_places(3, 20_000, marginals())


@pytest.fixture(scope="module")
def schools(places: Places) -> Schools:
    return make_schools(3, 20_000, places, marginals())


def test_small_authorities_are_small_and_large_ones_large() -> None:
    places = make_places(3, 500_000, marginals())
    size = {int(c): w for c, w in zip(places.codes, places.weight, strict=True)}
    assert size[201] < size[857] / 5
    assert size[420] < size[857] / 5
    assert size[886] > 30 * size[857]


def test_a_small_delivery_has_pupils_in_every_authority(places: Places) -> None:
    assert (places.weight * 20_000).min() >= 7


def test_ethnic_mix_is_raked_to_the_national_shares(places: Places) -> None:
    shares = marginals().shares("ethnicity.percent")
    national = np.array(list(shares.values())) / sum(shares.values())
    assert places.weight @ places.ethnic_mix == pytest.approx(national, abs=2e-3)
    assert places.ethnic_mix.sum(axis=1) == pytest.approx(np.ones(153))


def test_every_authority_finds_a_school_of_every_kind(places: Places, schools: Schools) -> None:
    la = np.repeat(np.arange(153), 20)
    for pool in schools.pools:
        chosen = pool.choose(la, stream(1, "t").random(len(la)))
        assert (schools.la[chosen] == pool.serving_la[la]).all()


def test_the_isles_of_scilly_have_one_school_for_all(places: Places, schools: Schools) -> None:
    scilly = np.flatnonzero(places.codes == 420)
    of = [int(schools.pools[pool].choose(scilly, np.array([0.5]))[0]) for pool in (pools.PRIMARY, pools.SECONDARY)]
    assert of[0] == of[1]
    assert schools.la[of[0]] == scilly[0]


def test_urns_and_school_numbers_are_unique(schools: Schools) -> None:
    urns = np.concatenate([schools.urn, schools.new_urn])
    assert len(np.unique(urns)) == len(urns)
    assert len(np.unique(schools.laestab)) == len(schools.laestab)
    assert (urns.min() >= 100_000, urns.max() <= 150_000) == (True, True)


def test_too_many_schools_for_the_numbers_that_exist_is_not_reached() -> None:
    """A million pupils still find school numbers of four digits and URNs of the known range."""
    many = make_places(3, 1_000_000, marginals())
    made = make_schools(3, 1_000_000, many, marginals())
    assert len(np.unique(made.laestab)) == len(made.laestab)
    assert (made.laestab // 10_000 == many.codes[made.la]).all()


def test_series_are_read_on_the_line_between_known_years() -> None:
    known = marginals()
    assert known.in_year("fsm.share", 2017) == 0.136
    assert known.in_year("fsm.share", 2016) == pytest.approx((0.143 + 0.136) / 2)
    assert known.in_year("ks4.att8", 2030) == known.in_year("ks4.att8", 2023)


def test_every_section_of_the_marginals_names_its_source() -> None:
    helpers = {"language"}
    lacking = [name for name, content in marginals().content.items() if "source" not in content and name not in helpers]
    assert lacking == []

"""One school year: who is on roll where, with free meals and special needs. Makes no table."""

from dataclasses import dataclass

import numpy as np

from broker.synth import synthetic_people as persons
from broker.synth.draws import Array, stream
from broker.synth.geography import Places, Schools
from broker.synth.marginals import Marginals, fsm_score, sen_chances
from broker.synth.synthetic_people import LEAVES, SyntheticPeople

SEN = ("N", "K", "E", "A", "P", "S")


@dataclass(frozen=True)
class World:
    """Everything that stays the same over the years."""

    seed: int
    pupils: int
    known: Marginals
    places: Places
    schools: Schools
    people: SyntheticPeople


@dataclass(frozen=True)
class SchoolYear:
    """The data that all tables of one year share. Arrays marked "everyone" have one element for each person."""

    year: int
    group: Array
    """Everyone: year group; reception is 0."""
    fsm: Array
    ever6: Array
    sen: Array
    """Everyone: position in SEN."""
    need: Array
    """Everyone: position in NEEDS, or -1."""
    school: Array
    """Everyone: position of the school, for persons of school age."""
    roll: Array
    """Positions of the people on roll in January."""

    def at(self, *groups: int) -> Array:
        """Positions of the people on roll in these year groups."""
        return self.roll[np.isin(self.group[self.roll], groups)]


class Calendar:
    """Makes school years in order, and remembers when each person last had free meals."""

    def __init__(self, world: World, first: int) -> None:
        self._world = world
        self._last_fsm = np.full(world.people.count, -9999)
        # EVERFSM_6 looks back six years.
        for year in range(first - 6, first):
            self._fsm(year)

    def next(self, year: int) -> SchoolYear:
        people = self._world.people
        group = (year - people.reception).astype(np.int16)
        fsm = self._fsm(year)
        ever6 = self._last_fsm > year - 6
        plan, support = sen_chances(self._world.known, year, people.male, people.poor)
        sen = _stage(self._world, year, plan, support)
        return SchoolYear(
            year, group, fsm, ever6, sen, _need(people, sen, year), _school(people, group), _roll(self._world, group)
        )

    def _fsm(self, year: int) -> Array:
        """Free meals: the year's share of those of school age. Most persons retain their draw from year to year."""
        people, known = self._world.people, self._world.known
        rng = stream(self._world.seed, "fsm", year)
        fresh = rng.random(people.count) > known.number("fsm.persistence")
        uniform = np.where(fresh, rng.random(people.count), people.poverty)
        group = year - people.reception
        of_age = (group >= -2) & (group <= LEAVES)
        score = fsm_score(uniform, people.idaci, known)
        cut = np.quantile(score[of_age], 1 - known.in_year("fsm.share", year)) if of_age.any() else np.inf
        eligible = (score > cut) & of_age
        self._last_fsm[eligible] = year
        return np.asarray(eligible)


def _stage(world: World, year: int, plan: Array, support: Array) -> Array:
    """Codes of the year: School Action, Action Plus and statements to 2014, then K and E; statements end by 2018."""
    draw = world.people.sen  # one draw for life: who has a plan lasts
    rng = stream(world.seed, "sen", year)
    converted = rng.random(len(draw)) < world.known.in_year("sen.plan_conversion.share", year)
    has_plan = np.where(converted, SEN.index("E"), SEN.index("S"))
    old = np.where(draw < plan + support * 0.4, SEN.index("P"), SEN.index("A"))
    has_old_code = rng.random(len(draw)) < (1.0 if year < 2014 else 0.05 if year == 2014 else 0.0)
    supported = np.where(has_old_code, old, SEN.index("K"))
    return np.where(draw < plan, has_plan, np.where(draw < plan + support, supported, 0)).astype(np.int8)


def _need(people: SyntheticPeople, sen: Array, year: int) -> Array:
    """The main need. Before 2014/15, SEMH was called BESD and NSA did not exist."""
    need = np.where(np.isin(sen, [2, 5]), people.need_plan, people.need_support)
    need = np.where(sen == 0, -1, need)
    if year < 2014:
        need = np.where(need == persons.NEEDS.index("SEMH"), persons.NEEDS.index("BESD"), need)
        need = np.where(need == persons.NEEDS.index("NSA"), persons.NEEDS.index("OTH"), need)
    return np.asarray(need, dtype=np.int8)


def _school(people: SyntheticPeople, group: Array) -> Array:
    primary = np.where(group >= people.moves_at[0], people.school[1], people.school[0])
    secondary = np.where(group >= people.moves_at[1], people.school[3], people.school[2])
    toddlers = np.where(people.stays_on < 0.05, people.school[4], primary)
    here = np.where(group < 0, toddlers, np.where(group <= 6, primary, secondary))
    return np.asarray(here, dtype=np.int32)


def _roll(world: World, group: Array) -> Array:
    """Some attend nursery and sixth form; in the sixth form the more able are more likely."""
    people, known = world.people, world.known
    share = np.ones(len(group))
    for at, name in ((-2, "nursery_two"), (-1, "nursery_three"), (12, "sixth_form_12"), (13, "sixth_form_13")):
        share[group == at] = known.number(f"people.{name}")
    wish = np.where(group >= 12, np.clip(people.stays_on - 0.12 * people.ability, 0.0, 1.0), people.stays_on)
    # In England at that age.
    of_age = (group >= -2) & (group <= LEAVES) & (group >= people.arrives) & (group <= people.leaves)
    return np.flatnonzero(of_age & (wish < share) & ~people.outside)

"""Key Stage 4: pupil indicators. Attainment 8 has the stated mean in every published group."""

import numpy as np
import pyarrow as pa

from broker.synth import schools as pools
from broker.synth import scores
from broker.synth.columns import Columns, coded, flag, nothing, number, whole
from broker.synth.defects import blank_keys, duplicates, untidy
from broker.synth.draws import Array, Rng, ranks, standardised
from broker.synth.people import ETHNIC, MAJOR, MAJOR_OF, NEEDS, People
from broker.synth.school_year import SEN, SchoolYear, World

_GRADES = ("Q", "1", "2", "3", "4", "5", "6", "7", "8", "9")


def cohort(world: World, now: SchoolYear) -> Array:
    """The end of KS4: those on roll in Year 11 and those of that age outside the state's schools."""
    people = world.people
    outside = np.flatnonzero(people.outside & (now.group == 11) & (people.arrives <= 11) & (people.leaves >= 11))
    return np.sort(np.concatenate([now.at(11), outside]))


def school_of(world: World, now: SchoolYear, who: Array) -> Array:
    """Independent schools for those outside."""
    away = world.schools.pools[pools.INDEPENDENT].choose(world.people.la[who], world.people.stays_on[who])
    return np.where(world.people.outside[who], away, now.school[who])


def attainment_8(world: World, now: SchoolYear, who: Array) -> Array:
    """Scores from ability, raked until the means of the published groups are the stated ones."""
    people, known = world.people, world.known
    z = standardised(scores.latent(people, who, scores.KS4, known) - 0.15 * people.truancy[who])
    mean = known.in_year("ks4.att8", now.year)
    offset = mean - known.in_year("ks4.att8", 2022)
    groups = [(member, known.number(f"ks4.mean_by.{name}") + offset) for name, member in _groups(world, now, who)]
    value = mean + known.number("ks4.att8_sd") * z
    nought = ranks(z) < known.number("ks4.zero_share")
    for _ in range(12):
        for member, target in groups:
            if member.sum() >= 30:
                value[member] += target - np.where(nought, 0, np.clip(value, 0, 90))[member].mean()
        spread = np.where(nought, 0, np.clip(value, 0, 90))
        value = mean + (value - spread.mean()) * np.clip(known.number("ks4.att8_sd") / spread.std(), 0.9, 1.1)
    return np.where(nought, 0.0, np.round(np.clip(value, 0.5, 90) * 2) / 2)


def _groups(world: World, now: SchoolYear, who: Array) -> list[tuple[str, Array]]:
    people, sen = world.people, now.sen[who]
    poor, major = disadvantaged(people, now, who), MAJOR_OF[people.ethnic[who]]
    by_group = [(name, major == MAJOR.index(name)) for name in ("ASIA", "BLAC", "CHIN")]
    by_group += [
        ("disadvantaged", poor),
        ("other", ~poor),
        ("none", sen == 0),
        ("support", np.isin(sen, [1, 3, 4])),
        ("plan", np.isin(sen, [2, 5])),
    ]
    return [*by_group, ("male", people.male[who]), ("female", ~people.male[who])]


def disadvantaged(people: People, now: SchoolYear, who: Array) -> Array:
    """Free meals in six years, or looked after."""
    return np.asarray(now.ever6[who] | (people.hardship[who] < 0.007))


def prior_score(world: World, who: Array) -> Array:
    """The KS2 score of English and maths, whichever year it was taken in."""
    z = standardised(scores.latent(world.people, who, scores.KS2, world.known))
    return np.clip(np.round(104.5 + 7.6 * z, 1), 80, 120)


def ks4_pupil(world: World, now: SchoolYear, rng: Rng, most: int) -> Columns:
    people = world.people
    who = cohort(world, now)
    again = duplicates(rng, len(who), 0.02) if most >= 2 else who[:0]
    row = np.concatenate([np.arange(len(who)), again])
    first = np.arange(len(row)) < len(who)
    school, outside = school_of(world, now, who)[row], people.outside[who][row]
    person = who[row]
    columns = {
        "KS4_PupilMatchingRefAnonymous": blank_keys(rng, people.references(person, now.year), 0.004),
        "KS4_GENDER": untidy(rng, coded(("F", "M"), people.male[person].astype(np.int8))),
        "KS4_NATRES": flag(first & (rng.random(len(row)) > 0.01)),
        "KS4_NATMTDRES": flag(first & ~outside),
        "KS4_ENDKS": flag(first | (rng.random(len(row)) < 0.5)),
        "KS4_FSM": flag(now.fsm[person], outside),
        "KS4_FSM6": flag(now.ever6[person], outside),
        "KS4_FSM6CLA1A": flag(disadvantaged(people, now, person), outside),
        "KS4_CLA_PP_1_DAY": flag(people.hardship[person] < 0.007, outside),
        "KS4_SENF": untidy(rng, coded(SEN, now.sen[person], outside)),
        "KS4_SENTYPE": coded(NEEDS, now.need[person], outside),
        "KS4_ETHNIC": coded(ETHNIC, people.ethnic[person], outside),
        "KS4_LANG1ST": coded(
            ("ENG", "OTH", "NOT"),
            np.where(rng.random(len(row)) < 0.005, 2, np.where(people.english[person], 0, 1)),
            outside,
        ),
        "KS4_IDACI": number(people.idaci[person], 4, outside),
        "KS4_URN": whole(world.schools.urn_in(school, now.year)),
        "KS4_LAESTAB": whole(world.schools.laestab[school]),
        "KS4_NFTYPE": whole(np.where(outside, 30, np.where(now.year >= world.schools.converts[school], 52, 21))),
    }
    results = _indicators(world, now, who, rng)
    return columns | {name: column.take(pa.array(row)) for name, column in results.items()}


def _indicators(world: World, now: SchoolYear, who: Array, rng: Rng) -> Columns:
    known, n, year = world.known, len(who), now.year
    score, prior = attainment_8(world, now, who), prior_score(world, who)
    no_prior = (world.people.arrives[who] > 6) | world.people.outside[who]
    english, maths = (ranks(scores.effects(rng, score, c)) for c in (0.88, 0.88))
    both = np.minimum(english, maths)
    four, five = (float(np.quantile(both, 1 - known.in_year(f"ks4.grade{g}", year))) for g in (4, 5))
    # a pass needs both subjects: the cut lies where the worse of the two reaches it often enough
    edges = [0.02, 0.25 * four, 0.5 * four, four, five, *(five + (1 - five) * np.array([0.3, 0.55, 0.75, 0.9]))]
    entered = scores.reaching(score + 8 * rng.standard_normal(n), known.number("ks4.ebacc_entry"))
    achieved = entered & scores.reaching(np.where(entered, score, -1.0), known.number("ks4.ebacc_achieved"))
    columns = {
        "KS4_L2BASICS_94": flag(both >= four),
        "KS4_L2BASICS_95": flag(both >= five),
        "KS4_EBACC_E_PTQ_EE": flag(entered),
        "KS4_EBACC_94": flag(achieved),
        "KS4_PASS_94": whole(np.clip(np.round(score / 90 * 9 + 1.2 * rng.standard_normal(n) + 1), 0, 14)),
        "KS4_KS2EMSS": number(prior, 1, no_prior),
        "KS4_PRIORBAND_PTQ_EE": coded(("1", "2", "3", "4"), np.searchsorted([0.2, 0.5, 0.8], ranks(prior)), no_prior),
    }
    grades = year >= 2016
    for name, place in (("APENG", english), ("APMAT", maths)):
        grade = np.searchsorted(edges, place, side="right")
        columns[f"KS4_{name}_91"] = coded(_GRADES, grade, rng.random(n) < 0.012) if grades else nothing(n, pa.string())
    return columns | _progress(world, year, score, prior, no_prior)


def _progress(world: World, year: int, score: Array, prior: Array, no_prior: Array) -> Columns:
    """Progress 8: what is left of Attainment 8 once KS2 is known, in grades; not made in 2019/20 and 2020/21."""
    known, n = world.known, len(score)
    scored = year >= 2015
    in_p8 = ~no_prior & scored & (year not in (2019, 2020))
    # written out, not by a linear algebra library: its sums depend on the number of cores
    x, y = prior[~no_prior], score[~no_prior]
    left = score - ((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum() * prior
    of = left[~no_prior]
    p8 = known.number("ks4.p8_mean") + known.number("ks4.p8_sd") * (left - of.mean()) / of.std()
    return {
        "KS4_ATT8": number(score) if scored else nothing(n, pa.float64()),
        "KS4_P8SCORE": number(np.clip(p8, -6, 6), 2, ~in_p8),
        "KS4_INP8CALC": flag(in_p8),
    }

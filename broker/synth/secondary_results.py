"""Secondary results: Key Stage 4 indicators and examinations, and results at 16 to 18."""

import numpy as np
import pyarrow as pa

from broker.synth import geography as pools, scores
from broker.synth.delivery import Columns, blank_keys, blank_unless, coded, duplicates, flag, number, untidy, whole
from broker.synth.draws import Array, Rng, pick, ranks, standardised
from broker.synth.school_year import SEN, SchoolYear, World
from broker.synth.synthetic_people import ETHNIC, MAJOR, MAJOR_OF, NEEDS, SyntheticPeople

_GRADES = ("Q", "1", "2", "3", "4", "5", "6", "7", "8", "9")


def cohort(world: World, now: SchoolYear) -> Array:
    """The end of KS4: pupils on roll in Year 11, and those of that age outside state schools."""
    people = world.people
    outside = np.flatnonzero(people.outside & (now.group == 11) & (people.arrives <= 11) & (people.leaves >= 11))
    return np.sort(np.concatenate([now.at(11), outside]))


def school_of(world: World, now: SchoolYear, who: Array) -> Array:
    """The school of each person; independent schools for those outside state schools."""
    away = world.schools.pools[pools.INDEPENDENT].choose(world.people.la[who], world.people.stays_on[who])
    return np.where(world.people.outside[who], away, now.school[who])


def attainment_8(world: World, now: SchoolYear, who: Array) -> Array:
    """Scores from ability, raked until the means of the published groups equal the stated ones."""
    people, known = world.people, world.known
    z = standardised(scores.latent(people, who, scores.KS4, known) - 0.15 * people.truancy[who])
    mean = known.in_year("ks4.att8", now.year)
    offset = mean - known.in_year("ks4.att8", 2022)
    groups = [(member, known.number(f"ks4.mean_by.{name}") + offset) for name, member in _groups(world, now, who)]
    value = mean + known.number("ks4.att8_sd") * z
    nought = ranks(z) < known.number("ks4.zero_share")
    for _ in range(12):  # raking: groups overlap, so one round is not enough
        for member, target in groups:
            if member.sum() >= 30:  # means of smaller groups are noise
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


def disadvantaged(people: SyntheticPeople, now: SchoolYear, who: Array) -> Array:
    """Flags: free meals within six years, or looked after."""
    return np.asarray(now.ever6[who] | (people.hardship[who] < 0.007))


def prior_score(world: World, who: Array) -> Array:
    """The KS2 score in English and maths, whatever year it was taken in."""
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
    no_prior = (world.people.arrives[who] > 6) | world.people.outside[who]  # no KS2 in the state's schools
    english, maths = (ranks(scores.effects(rng, score, c)) for c in (0.88, 0.88))
    both = np.minimum(english, maths)
    four, five = (float(np.quantile(both, 1 - known.in_year(f"ks4.grade{g}", year))) for g in (4, 5))
    # a pass needs both subjects, so the cut is a quantile of the worse of the two
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
    grades = {
        f"KS4_{name}_91": coded(_GRADES, np.searchsorted(edges, place, side="right"), rng.random(n) < 0.012)
        for name, place in (("APENG", english), ("APMAT", maths))
    }
    columns |= blank_unless(year >= 2016, grades)  # 9-1 grades in English and maths
    return columns | _progress(world, year, score, prior, no_prior)


def _progress(world: World, year: int, score: Array, prior: Array, no_prior: Array) -> Columns:
    """Progress 8 in grades: the residual of Attainment 8 given KS2. Not made in 2019/20 and 2020/21."""
    known, scored = world.known, year >= 2015
    in_p8 = ~no_prior & scored & (year not in (2019, 2020))
    # without a linear algebra library, whose sums depend on the number of cores
    x, y = prior[~no_prior], score[~no_prior]
    left = score - ((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum() * prior
    of = left[~no_prior]
    p8 = known.number("ks4.p8_mean") + known.number("ks4.p8_sd") * (left - of.mean()) / of.std()
    return blank_unless(scored, {"KS4_ATT8": number(score)}) | {
        "KS4_P8SCORE": number(np.clip(p8, -6, 6), 2, ~in_p8),
        "KS4_INP8CALC": flag(in_p8),
    }


_CORE = ("FK2B", "FC4", "RB1")
_CHOSEN = ("RC1", "RD1", "RH3", "RA1E", "DB", "RF4", "FKF", "FKG", "FKS", "DD1", "CK1", "JA2")
_NUMBERS = ("U", "1", "2", "3", "4", "5", "6", "7", "8", "9")
_LETTERS = ("U", "G", "F", "E", "D", "C", "B", "A", "A*")


def ks4_exam(world: World, now: SchoolYear, rng: Rng, most: int) -> Columns:
    """Three core subjects and a choice of others: the higher the score, the more subjects."""
    who = cohort(world, now)
    score = attainment_8(world, now, who)
    entries = np.minimum(
        np.where(score > 0, np.clip(np.round(3 + score / 90 * 7 + rng.standard_normal(len(who))), 1, 12), 1), most
    ).astype(int)
    row = np.repeat(np.arange(len(who)), entries)
    n = len(row)
    place = np.arange(n) - np.repeat(np.cumsum(entries) - entries, entries)
    turn = rng.integers(0, len(_CHOSEN), len(who))[row]
    subject = np.where(place < 3, place, 3 + (place - 3 + turn) % len(_CHOSEN))
    z = 0.85 * standardised(score)[row] + 0.5 * rng.standard_normal(n)
    numbers = now.year >= 2018  # before, most subjects had letters
    nine = np.searchsorted([0.015, 0.05, 0.12, 0.25, 0.42, 0.60, 0.75, 0.87, 0.95], ranks(z))
    eight = np.searchsorted([0.02, 0.05, 0.09, 0.16, 0.33, 0.62, 0.82, 0.94], ranks(z))
    grade = coded(_NUMBERS, nine) if numbers else coded(_LETTERS, eight)
    vocational = rng.random(n) < 0.04
    return {
        "KS4_PupilMatchingRefAnonymous": blank_keys(rng, world.people.references(who[row], now.year), 0.003),
        "KS4_CANDNO": whole(1 + who[row] % 9_999_999),
        "KS4_EXAMYEAR": whole(now.year + 1 - (rng.random(n) < 0.03)),
        "KS4_SUBLEVNO": whole(np.where(vocational, 250, 391 if numbers else 310)),
        "KS4_MAPPING": coded((*_CORE, *_CHOSEN), subject),
        "KS4_GRADE": untidy(rng, grade),
        "KS4_POINTS_PTQ_EE": number(nine if numbers else np.where(eight == 0, 0, 10 + 6 * eight), 1),
        "KS4_GSIZE_PTQ_EE": number(np.ones(n), 2),
        "KS4_A8POINTS": number(np.minimum(nine if numbers else eight, 9), 1),
        "KS4_DISC3_PTQ_EE": flag(rng.random(n) < 0.02),
        "KS4_AMDEXAM": coded(("N", "A", "I"), pick(rng, [0.985, 0.01, 0.005], n)),
        "KS4_LAESTAB": whole(world.schools.laestab[school_of(world, now, who)[row]]),
    }


def ks5_student(world: World, now: SchoolYear, rng: Rng, most: int) -> Columns:
    """About two in three of those aged 17: from school sixth forms, and from colleges, which have no provider in the
    register."""
    people = world.people
    age = np.flatnonzero((now.group == 13) & (people.arrives <= 11) & (people.leaves >= 13))
    here = np.isin(age, now.roll)
    who = age[here | (rng.random(len(age)) < 0.45)]
    again = duplicates(rng, len(who), 0.005) if most >= 2 else who[:0]
    at_school = np.isin(who, now.roll)
    row = np.concatenate([np.arange(len(who)), again])
    results = _sixth_form(world, now, who, at_school, rng)
    return {name: column.take(pa.array(row)) for name, column in results.items()} | {
        "KS5_TRIGGER": flag((np.arange(len(row)) < len(who)) & (rng.random(len(row)) < 0.97)),
        "KS5_PupilMatchingRefAnonymous": blank_keys(rng, people.references(who[row], now.year), 0.004),
    }


def _sixth_form(world: World, now: SchoolYear, who: Array, at_school: Array, rng: Rng) -> Columns:
    people, n = world.people, len(who)
    place = ranks(scores.latent(people, who, scores.KS4, world.known) + 0.8 * rng.standard_normal(n) + 0.6 * at_school)
    a_level = place > 0.42
    entries = np.where(a_level, np.clip(np.round(2.2 + 1.3 * place), 1, 5), 0)
    points = np.clip(entries * (14 + 42 * place + 5 * rng.standard_normal(n)), 0, 60 * entries)
    best = np.clip(np.round(8 * place), 0, 8)
    return {
        "KS5_GENDER": untidy(rng, coded(("F", "M"), people.male[who].astype(np.int8))),
        "KS5_ALEV": flag(a_level),
        "KS5_TOTENTS_ALEV": number(entries, 2),
        "KS5_TOTPTSE_ALEV": number(points, 1),
        "KS5_AGEN": flag(~a_level & (rng.random(n) < 0.5)),
        "KS5_AAB_FAC": flag(place > 0.92),
        "KS5_BEST_E": number(best, 1),
        "KS5_PROGRESS_E": number(np.clip(best - 4, -1, 8), 1, place > 0.4),
        "KS5_KS4_DISADVANTAGE": flag(disadvantaged(people, now, who)),
        "KS5_KS4_SENF": coded(SEN, now.sen[who]),
        "KS5_LAESTAB": whole(world.schools.laestab[now.school[who]], ~at_school),
    }

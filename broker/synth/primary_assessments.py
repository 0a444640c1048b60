"""Primary assessments: early years profile, phonics check, Key Stages 1 and 2."""

import numpy as np
import pyarrow as pa

from broker.synth import delivery, scores
from broker.synth.draws import Array, Rng, ranks, standardised
from broker.synth.school_year import SEN, SchoolYear, World

_GOALS = ("COM_G01", "PSE_G06", "LIT_G09", "LIT_G10", "MAT_G11")
OUTCOMES = ("GDS", "EXS", "WTS", "PK4", "A", "D")


def eyfsp(world: World, now: SchoolYear, rng: Rng, most: int) -> delivery.Columns:
    people, known = world.people, world.known
    who = now.at(0)
    n, place = len(who), ranks(scores.latent(people, who, scores.PROFILE, known))
    # September is 0, the oldest.
    age = (people.month[who] + 3) % 12
    old, young = known.number("eyfsp.september"), known.number("eyfsp.august")
    share = (old + (young - old) * age / 11) * known.in_year("eyfsp.gld", now.year) / ((old + young) / 2)
    own = _rank_within(age, place)
    good = own > 1 - share  # the best share of each month of birth
    new = now.year >= 2021
    goals = {name: _goal(rng, own, share, good, new) for name in _GOALS}
    points = np.round(17 + 17 * np.clip(own + share - 0.3, 0, 1) * (1.0 if new else 1.35))
    columns = {
        "FSP_PupilMatchingRefAnonymous": delivery.blank_keys(rng, people.references(who, now.year), 0.004),
        "FSP_GENDER": delivery.untidy(rng, delivery.coded(("F", "M"), people.male[who].astype(np.int8))),
        "MONTHOFBIRTH": delivery.whole(people.month[who]),
        "FSP_NFTYPE": delivery.whole(np.where(rng.random(n) < 0.4, 52, 21)),
        "FSP_LAESTAB": delivery.whole(world.schools.laestab[now.school[who]]),
        "FSP_LSOA11": world.places.area_names.take(people.area[who]),
        "FSP_IDACISCORE": delivery.number(people.idaci[who], 4),
    }
    results = {f"FSP_{name}": delivery.coded(("1", "2", "3", "A"), goal) for name, goal in goals.items()}
    results |= {"FSP_GLD": delivery.flag(good), "FSP_EYFSP_TOTAL": delivery.whole(points)}
    return columns | delivery.blank_unless(now.year >= 2012, results)


def _rank_within(group: Array, value: Array) -> Array:
    """Uniform ranks within each group."""
    order = np.lexsort((value, group))
    size = np.bincount(group, minlength=12)
    first = np.cumsum(size) - size
    out = np.empty(len(value))
    out[order] = (np.arange(len(value)) - first[group[order]] + 0.5) / size[group[order]]
    return out


def _goal(rng: Rng, own: Array, share: Array, good: Array, new: bool) -> Array:
    """A pupil with a good level of development has reached every goal; others may have reached this one."""
    met = good | (rng.random(len(own)) < 0.35)
    exceeded = good & (own > 1 - share * 0.3) & (not new)
    return np.where(rng.random(len(own)) < 0.003, 3, np.where(exceeded, 2, np.where(met, 1, 0)))


def phonics(world: World, now: SchoolYear, rng: Rng, most: int) -> delivery.Columns:
    people, known = world.people, world.known
    first, second = now.at(1), now.at(2)
    second = second[ranks(scores.latent(people, second, scores.PHONICS, known)) < known.number("phonics.resit_share")]
    who = np.concatenate([first, second])
    n, y2 = len(who), np.arange(len(who)) >= len(first)
    reached = known.in_year("phonics.year1", now.year), _resit_share(world, now.year)
    place = [ranks(scores.latent(people, those, scores.PHONICS, known)) for those in (first, second)]
    mark = np.concatenate([_marks(p, share) for p, share in zip(place, reached, strict=True)])
    outcome = np.where(mark >= int(known.number("phonics.threshold")), 0, 1)
    outcome = np.where(rng.random(n) < 0.01, 2 + (rng.random(n) < 0.5), outcome)
    return {
        "PHONICS_PupilMatchingRefAnonymous": delivery.blank_keys(rng, people.references(who, now.year), 0.003),
        "PHONICS_GENDER": delivery.untidy(rng, delivery.coded(("F", "M"), people.male[who].astype(np.int8))),
        "PHONICS_NCYEARACTUAL": delivery.whole(np.where(y2, 2, 1)),
        "PHONICS_PHONICS_MARK": delivery.whole(mark, outcome >= 2),
        "PHONICS_PHONICS_OUTCOME": delivery.coded(("WA", "WT", "A", "D"), outcome),
        "PHONICS_URN": delivery.whole(world.schools.urn_in(now.school[who], now.year)),
        "PHONICS_LA": delivery.whole(world.places.codes[world.schools.la[now.school[who]]]),
        "PHONICS_ToE_code": delivery.whole(np.where(now.year >= world.schools.converts[now.school[who]], 52, 21)),
        "PHONICS_YEAROFBIRTH": delivery.whole(people.born[who]),
        "PHONICS_MONTHOFBIRTH": delivery.whole(people.month[who]),
        "PHONICS_VERSION": delivery.same("F", n),
    }


def _resit_share(world: World, year: int) -> float:
    """The share of resits that reach the threshold, chosen so that the stated share reaches it by the end of Year 2."""
    by_end, again = world.known.in_year("phonics.year2", year), world.known.number("phonics.resit_share")
    return max(0.1, (by_end - (1 - again)) / again)


def _marks(place: Array, reached: float) -> Array:
    """Marks 0..40 by rank: few at 30 and 31, a spike at 32 (teachers know the threshold), and more towards 40."""
    failing = np.linspace(0.3, 2.0, 32)
    failing[30:] *= 0.35
    passing = np.array([2.2, 1.0, 1.0, 1.1, 1.3, 1.5, 1.8, 2.0, 2.2])
    edges = np.cumsum(np.concatenate([failing / failing.sum() * (1 - reached), passing / passing.sum() * reached]))
    return np.minimum(np.searchsorted(edges, place), 40).astype(np.int32)


def ks1(world: World, now: SchoolYear, rng: Rng, most: int) -> delivery.Columns:
    people, known = world.people, world.known
    who = now.at(2)
    again = delivery.duplicates(rng, len(who), 0.002) if most >= 2 and now.year in (2003, 2004) else who[:0]
    status = delivery.record_status(rng, len(who), again)
    who = np.concatenate([who, who[again]])
    z = scores.latent(people, who, scores.KS1, known)
    columns = {
        "KS1_PupilMatchingRefAnonymous": delivery.blank_keys(rng, people.references(who, now.year), 0.003),
        "KS1_RECORD_STATUS": delivery.whole(status, status == 0),
        "KS1_GENDER": delivery.untidy(rng, delivery.coded(("F", "M"), people.male[who].astype(np.int8))),
        "KS1_MONTHOFBIRTH": delivery.whole(people.month[who]),
        "KS1_LAESTAB": delivery.whole(world.schools.laestab[now.school[who]]),
        "KS1_ToE_CODE": delivery.whole(np.where(now.year >= world.schools.converts[now.school[who]], 52, 21)),
        "KS1_MOB1": delivery.coded(
            ("0", "1"), (people.moves_at[0][who] == 2).astype(np.int8)
        ),  # text, as some deliveries have it
    }
    levels = now.year < 2015  # before 2015/16 pupils had levels
    outcomes = {}
    for name in ("READ", "WRIT", "MATH", "SCI"):
        share = known.in_year(f"ks1.{name.lower()}", now.year)
        got = scores.outcome(scores.effects(rng, z, 0.9), share, known.number("ks1.depth"))
        outcomes[f"KS1_{name}_OUTCOME"] = delivery.coded(OUTCOMES, scores.absent_outcomes(rng, got))
    points = np.clip(np.round(15.5 + 4 * standardised(z)), 3, 27)
    maths = np.searchsorted(np.array([0.02, 0.08, 0.17, 0.42, 0.72, 0.995]), ranks(scores.effects(rng, z, 0.9)))
    of_levels = {
        "KS1_READPOINTS": delivery.number(points, 1),
        "KS1_MATHS": delivery.coded(("W", "1", "2C", "2B", "2A", "3", "4"), maths),
    }
    return columns | delivery.blank_unless(not levels, outcomes) | delivery.blank_unless(levels, of_levels)


def ks2_pupil(world: World, now: SchoolYear, rng: Rng, most: int) -> delivery.Columns:
    people, known = world.people, world.known
    who = now.at(6)
    again = delivery.duplicates(rng, len(who), 0.001) if most >= 2 else who[:0]
    n = len(who)
    z = scores.latent(people, who, scores.KS2, known)
    missing = rng.random(n) < 0.02
    columns = {
        "KS2_PupilMatchingRefAnonymous": delivery.blank_keys(rng, people.references(who, now.year), 0.003),
        "KS2_GENDER": delivery.untidy(rng, delivery.coded(("F", "M"), people.male[who].astype(np.int8))),
        "KS2_NATRES": delivery.flag(rng.random(n) > 0.02),
        "KS2_ENDKS": delivery.flag(rng.random(n) > 0.005),
        "KS2_KS1AVERAGE": delivery.number(
            np.clip(15.5 + 3.5 * standardised(scores.latent(people, who, scores.KS1, known)), 3, 27),
            1,
            people.arrives[who] > 2,
        ),
        "KS2_FSM6": delivery.flag(now.ever6[who]),
        "KS2_SENF": delivery.coded(SEN, now.sen[who]),
        "KS2_EALGRP": delivery.coded(
            ("1", "2", "3"), np.where(rng.random(n) < 0.005, 2, np.where(people.english[who], 0, 1))
        ),
        "KS2_FSM6CLA1A": delivery.flag(now.ever6[who] | (people.hardship[who] < 0.008)),
        "KS2_LAESTAB": delivery.whole(world.schools.laestab[now.school[who]]),
        "KS2_URN": delivery.whole(world.schools.urn_in(now.school[who], now.year)),
    }
    # The catalogue has no columns for the levels before 2015/16.
    columns |= delivery.blank_unless(now.year >= 2015, _results(world, now.year, rng, z, missing))
    return {name: column.take(pa.array(np.concatenate([np.arange(n), again]))) for name, column in columns.items()}


def _results(world: World, year: int, rng: Rng, z: Array, missing: Array) -> delivery.Columns:
    known = world.known
    reading, maths, spelling, writing = (scores.effects(rng, z, c) for c in (0.92, 0.90, 0.88, 0.90))
    read = scores.bounded(reading, known.in_year("ks2.read_mean", year), known.number("ks2.read_sd"), 80, 120)
    math = scores.bounded(maths, known.in_year("ks2.math_mean", year), known.number("ks2.math_sd"), 80, 120)
    wrote = scores.outcome(writing, known.number("ks2.writing"), 0.13)
    all_three = (read >= 100) & (math >= 100) & (wrote <= 1) & ~missing  # 100 is the expected standard
    return {
        "KS2_READSCORE": delivery.whole(read, missing),
        "KS2_MATSCORE": delivery.whole(math, missing),
        "KS2_GPSSCORE": delivery.whole(
            scores.bounded(spelling, known.number("ks2.spelling_mean"), known.number("ks2.spelling_sd"), 80, 120),
            missing,
        ),
        "KS2_READEXP": delivery.flag((read >= 100) & ~missing),
        "KS2_MATEXP": delivery.flag((math >= 100) & ~missing),
        "KS2_WRITTAOUTCOME": delivery.coded(OUTCOMES, scores.absent_outcomes(rng, wrote)),
        "KS2_RWMEXP": delivery.flag(all_three),
        "KS2_READMRK": delivery.whole(np.clip((read - 78) * 1.2, 0, 50), missing),
        "KS2_MATMRK": delivery.whole(np.clip((math - 78) * 2.6, 0, 110), missing),
        "KS2_READPROGSCORE_P": delivery.number(
            np.clip(6 * standardised(standardised(reading) - 0.6 * z), -30, 30), 2, missing
        ),
    }

"""Key Stage 2: scaled scores, expected standards, progress. Scaled scores are bounded at 80 and 120."""

import numpy as np
import pyarrow as pa

from broker.synth import scores
from broker.synth.columns import Columns, coded, flag, nothing, number, whole
from broker.synth.defects import blank_keys, duplicates, untidy
from broker.synth.draws import Array, Rng, standardised
from broker.synth.early_years import OUTCOMES
from broker.synth.school_year import SEN, SchoolYear, World

_SCORES = ("READSCORE", "MATSCORE", "GPSSCORE")
_FLAGS = ("READEXP", "MATEXP", "RWMEXP")


def ks2_pupil(world: World, now: SchoolYear, rng: Rng, most: int) -> Columns:
    people, known = world.people, world.known
    who = now.at(6)
    again = duplicates(rng, len(who), 0.001) if most >= 2 else who[:0]
    n = len(who)
    z = scores.latent(people, who, scores.KS2, known)
    missing = rng.random(n) < 0.02
    columns = {
        "KS2_PupilMatchingRefAnonymous": blank_keys(rng, people.references(who, now.year), 0.003),
        "KS2_GENDER": untidy(rng, coded(("F", "M"), people.male[who].astype(np.int8))),
        "KS2_NATRES": flag(rng.random(n) > 0.02),
        "KS2_ENDKS": flag(rng.random(n) > 0.005),
        "KS2_KS1AVERAGE": number(
            np.clip(15.5 + 3.5 * standardised(scores.latent(people, who, scores.KS1, known)), 3, 27),
            1,
            people.arrives[who] > 2,
        ),
        "KS2_FSM6": flag(now.ever6[who]),
        "KS2_SENF": coded(SEN, now.sen[who]),
        "KS2_EALGRP": coded(("1", "2", "3"), np.where(rng.random(n) < 0.005, 2, np.where(people.english[who], 0, 1))),
        "KS2_FSM6CLA1A": flag(now.ever6[who] | (people.hardship[who] < 0.008)),
        "KS2_LAESTAB": whole(world.schools.laestab[now.school[who]]),
        "KS2_URN": whole(world.schools.urn_in(now.school[who], now.year)),
    }
    columns |= _results(world, now.year, rng, z, missing) if now.year >= 2015 else _no_results(n)
    return {name: column.take(pa.array(np.concatenate([np.arange(n), again]))) for name, column in columns.items()}


def _results(world: World, year: int, rng: Rng, z: Array, missing: Array) -> Columns:
    known = world.known
    reading, maths, spelling, writing = (scores.effects(rng, z, c) for c in (0.92, 0.90, 0.88, 0.90))
    read = scores.bounded(reading, known.in_year("ks2.read_mean", year), known.number("ks2.read_sd"), 80, 120)
    math = scores.bounded(maths, known.in_year("ks2.math_mean", year), known.number("ks2.math_sd"), 80, 120)
    wrote = scores.outcome(writing, known.number("ks2.writing"), 0.13)
    all_three = (read >= 100) & (math >= 100) & (wrote <= 1) & ~missing
    return {
        "KS2_READSCORE": whole(read, missing),
        "KS2_MATSCORE": whole(math, missing),
        "KS2_GPSSCORE": whole(
            scores.bounded(spelling, known.number("ks2.spelling_mean"), known.number("ks2.spelling_sd"), 80, 120),
            missing,
        ),
        "KS2_READEXP": flag((read >= 100) & ~missing),
        "KS2_MATEXP": flag((math >= 100) & ~missing),
        "KS2_WRITTAOUTCOME": coded(OUTCOMES, scores.absent_outcomes(rng, wrote)),
        "KS2_RWMEXP": flag(all_three),
        "KS2_READMRK": whole(np.clip((read - 78) * 1.2, 0, 50), missing),
        "KS2_MATMRK": whole(np.clip((math - 78) * 2.6, 0, 110), missing),
        "KS2_READPROGSCORE_P": number(np.clip(6 * standardised(standardised(reading) - 0.6 * z), -30, 30), 2, missing),
    }


def _no_results(n: int) -> Columns:
    """Levels before 2015/16 are not in the catalogue's columns."""
    columns = {f"KS2_{name}": nothing(n, pa.int32()) for name in (*_SCORES, "READMRK", "MATMRK")}
    columns |= {f"KS2_{name}": nothing(n, pa.int8()) for name in _FLAGS}
    return columns | {"KS2_WRITTAOUTCOME": nothing(n, pa.string()), "KS2_READPROGSCORE_P": nothing(n, pa.float64())}

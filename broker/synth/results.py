"""Results after KS4 indicators: the single examinations of KS4 and the 16 to 18 results."""

import numpy as np
import pyarrow as pa

from broker.synth import scores
from broker.synth.columns import Columns, coded, flag, number, whole
from broker.synth.defects import blank_keys, duplicates, untidy
from broker.synth.draws import Array, Rng, pick, ranks, standardised
from broker.synth.key_stage_4 import attainment_8, cohort, disadvantaged, school_of
from broker.synth.school_year import SEN, SchoolYear, World

_CORE = ("FK2B", "FC4", "RB1")
_CHOSEN = ("RC1", "RD1", "RH3", "RA1E", "DB", "RF4", "FKF", "FKG", "FKS", "DD1", "CK1", "JA2")
_NUMBERS = ("U", "1", "2", "3", "4", "5", "6", "7", "8", "9")
_LETTERS = ("U", "G", "F", "E", "D", "C", "B", "A", "A*")


def ks4_exam(world: World, now: SchoolYear, rng: Rng, most: int) -> Columns:
    """Three core subjects and a choice of others, the more the better the pupil does; a few resits."""
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
    numbers = now.year >= 2018
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
    """Two in three of those aged 17: from school sixth forms and, without a provider in the register, from colleges."""
    people = world.people
    age = np.flatnonzero((now.group == 13) & (people.arrives <= 11) & (people.leaves >= 13))
    here = np.isin(age, now.roll)
    who = age[here | (rng.random(len(age)) < 0.45)]
    again = duplicates(rng, len(who), 0.005) if most >= 2 else who[:0]
    at_school = np.isin(who, now.roll)
    row = np.concatenate([np.arange(len(who)), again])
    results = _sixth_form(world, now, who, at_school, rng)
    results["KS5_TRIGGER"] = flag((np.arange(len(row)) < len(who)) & (rng.random(len(row)) < 0.97))
    results |= {k: v.take(pa.array(row)) for k, v in results.items() if k != "KS5_TRIGGER"}
    results["KS5_PupilMatchingRefAnonymous"] = blank_keys(rng, people.references(who[row], now.year), 0.004)
    return results


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

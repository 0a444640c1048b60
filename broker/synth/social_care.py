"""Children in need (episodes, many without a key because the child is not yet at school) and children looked after."""

import numpy as np
import pyarrow as pa

from broker.synth.delivery import Columns, blank_keys, coded, day, days_of, drawn_codes, flag, whole
from broker.synth.draws import Array, Rng, patterned
from broker.synth.school_year import SchoolYear, World
from broker.synth.synthetic_people import ETHNIC, MAJOR, MAJOR_OF


def _chances(world: World, now: SchoolYear, per_10000: str) -> Array:
    """Chances in the order of hardship, which lasts: higher for poor children and those with special needs."""
    factor = np.where(world.people.poor, 2.6, 0.5) * np.where(now.sen == 0, 0.85, 1.9)
    chance = world.known.number(per_10000) / 10_000 * factor
    return np.asarray(chance / factor[now.roll].mean())


def cin(world: World, now: SchoolYear, rng: Rng, most: int) -> Columns:
    people, known = world.people, world.known
    of_year = known.number("care.episodes_per_child_in_need")
    chance = _chances(world, now, "care.in_need_per_10000")[now.roll] * of_year
    # Hardship lasts, so mostly the same children are in need each year.
    drawn = people.hardship[now.roll] * 0.8 + rng.random(len(now.roll)) * 0.2
    matched = now.roll[_lowest(drawn / np.maximum(chance, 1e-9), round(chance.sum() / 1.15))]
    matched = np.repeat(matched, np.minimum(1 + rng.poisson(0.15, len(matched)), most))
    without = known.number("care.unmatched")
    unmatched = rng.integers(0, people.count, round(len(matched) * without / (1 - without)))  # not at school yet
    who = np.concatenate([matched, unmatched])
    n = len(who)
    keys = blank_keys(rng, people.references(matched, now.year), 0.01)
    end = days_of(now.year + 1, 3, 31)
    referred = end - rng.integers(0, 900, n)
    open_still = rng.random(n) < 1 / of_year
    planned = rng.random(n) < known.number("care.plan_share")
    return {
        "CIN_PupilMatchingRefAnonymous": pa.concat_arrays([keys, pa.nulls(len(unmatched), pa.string())]),
        "CIN_LAchildID": patterned(rng, n, "C9999999"),
        "CIN_CINReferralDate": day(referred),
        "CIN_CINClosureDate": day(np.minimum(referred + rng.integers(5, 300, n), end), open_still),
        "CIN_ReferralSource": drawn_codes(rng, known.shares("care.referral"), n),
        "CIN_PrimaryNeedCode": drawn_codes(rng, known.shares("care.need"), n),
        "CIN_ReasonForClosure": drawn_codes(rng, known.shares("care.closed"), n, open_still),
        "CIN_ReferralNFA": flag(rng.random(n) < 0.08),
        "CIN_CPPstartDate": day(np.minimum(referred + rng.integers(10, 60, n), end), ~planned),
        "CIN_LatestCategoryOfAbuse": drawn_codes(rng, known.shares("care.abuse"), n, ~planned),
        "CIN_NumberOfPreviousCPP": whole(np.minimum(rng.geometric(0.78, n) - 1, 10), ~planned),
        "CIN_Disability": flag(now.sen[who] * (rng.random(n) < 0.45) > 0),
        "CIN_Gender": coded(("F", "M"), people.male[who].astype(np.int8)),
        "CIN_EthnicGroupMajor": coded(MAJOR, MAJOR_OF[people.ethnic[who]]),
        "CIN_CINAt31March": flag(open_still),
        "CIN_LA": whole(world.places.codes[people.la[who]]),
    }


def _lowest(score: Array, n: int) -> Array:
    return np.sort(np.argsort(score, kind="stable")[:n])


def cla(world: World, now: SchoolYear, rng: Rng, most: int) -> Columns:
    """Children in care over the year; one in five has left by 31 March."""
    people, known = world.people, world.known
    chance = _chances(world, now, "care.looked_after_per_10000")[now.roll] * 1.25
    drawn = people.hardship[now.roll] * 0.9 + rng.random(len(now.roll)) * 0.1
    who = now.roll[_lowest(drawn / np.maximum(chance, 1e-9), round(chance.sum()))]
    n = len(who)
    months = np.minimum(np.round(rng.gamma(1.3, 28, n)), 12.0 * np.maximum(now.group[who] + 4, 1)).clip(0, 220)
    here = rng.random(n) < 0.8
    need = dict(list(known.shares("care.need").items())[:8])
    end = days_of(now.year + 1, 3, 31)
    return {
        "cla_PupilMatchingRefAnonymous": people.references(who, now.year),
        "cla_CHILD_ID": patterned(rng, n, "99999999"),
        "cla_SEX": coded(("2", "1"), people.male[who].astype(np.int8)),
        "cla_AGE_AUG": whole(np.clip(now.group[who] + 4, 0, 18)),
        "cla_ETHNIC": coded(ETHNIC, people.ethnic[who]),
        "cla_UASC_STATUS": flag((now.group[who] >= 9) & (people.arrives[who] >= 8)),
        "cla_CAT_NEED": drawn_codes(rng, need, n),
        "cla_LEGAL_STATUS": drawn_codes(rng, known.shares("care.legal"), n),
        "cla_PLACEMENT": drawn_codes(rng, known.shares("care.placed"), n),
        "cla_POC_START": day(end - (months * 30.4).astype(int)),
        "cla_POC_LENGTH": whole(months),
        "cla_REC": drawn_codes(rng, known.shares("care.ended"), n, here),
        "cla_CLA_31_MARCH": flag(here),
        "cla_CLA_12_MONTHS": flag(here & (months >= 12)),
        "cla_CLA_LA": whole(world.places.codes[people.la[who]]),
    }

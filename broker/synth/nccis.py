"""Participation after 16, one row a person and month: most in education, a few in nothing."""

import numpy as np

from broker.synth.columns import Columns, coded, day, days_of, whole
from broker.synth.defects import blank_keys, untidy
from broker.synth.draws import Array, Rng, patterned, pick, ranks
from broker.synth.people import ETHNIC, SURNAMES
from broker.synth.school_year import SchoolYear, World

_KINDS = ("education", "apprenticeship", "employment", "training", "neet", "unknown")
_CODES = np.array(
    [
        [210, 220, 230, 210],
        [310, 310, 320, 310],
        [320, 330, 340, 330],
        [410, 430, 450, 410],
        [540, 530, 610, 620],
        [810, 810, 820, 810],
    ]
)
_NEET = _KINDS.index("neet")
_MONTHS = np.array([9, 10, 11, 12, 1, 2, 3, 4, 5, 6, 7, 8])


def nccis(world: World, now: SchoolYear, rng: Rng, most: int) -> Columns:
    people = world.people
    who = np.flatnonzero((now.group >= 12) & (now.group <= 14) & (people.arrives <= 11) & (people.leaves >= 12))
    people_count, months = len(who), min(12, most)
    kind, since = _year_of(world, who, rng)
    code = _CODES[kind, rng.integers(0, 4, people_count)[:, None]]
    kind, code, since = (a[:, :months].ravel() for a in (kind, code, since))
    row = np.repeat(np.arange(people_count), months)
    month = np.tile(np.arange(months), people_count)
    starts = np.array([days_of(now.year, 9, 1) + 30 * m for m in range(-12, 13)])
    n, person, first = len(row), who[row], rng.integers(0, 28, people_count)[row]
    began = starts[since + 12] + first
    neet = kind == _NEET
    ids = patterned(rng, people_count, "Y999999999")
    return {
        "NCCIS_PupilMatchingRefAnonymous": blank_keys(rng, people.references(who, now.year), 0.006).take(row),
        "NCCIS_YoungPersonsID": ids.take(row),
        "NCCIS_Family_Name": coded(SURNAMES, people.surname[person]),
        "NCCIS_MonthNo": whole(_MONTHS[month]),
        "NCCIS_Current_Activity_Code": whole(code),
        "NCCIS_Current_Activity_Start_Date": day(began),
        "NCCIS_NEET_Start_Date": day(began, ~neet),
        "NCCIS_Cohort_Status": coded(("P", "G", "A", "L"), np.where(now.group[person] == 14, 1, 0)),
        "NCCIS_Year_11_Intended_Destination": whole(
            np.where(people.stays_on < 0.9, 210, 310)[person], rng.random(n) < 0.1
        ),
        "NCCIS_Gender": untidy(
            rng, coded(("F", "M", "U"), np.where(rng.random(people_count) < 0.003, 2, people.male[who])[row])
        ),
        "NCCIS_Ethnic_Code": coded(ETHNIC, people.ethnic[person]),
        "NCCIS_SEND_flag": coded(("N", "Y"), (now.sen[person] > 0).astype(np.int8)),
        "NCCIS_LEA_Code_Currently_Educated": whole(world.places.codes[people.la[person]]),
    }


def _year_of(world: World, who: Array, rng: Rng) -> tuple[Array, Array]:
    """Kind of activity in each month, and the month (0 is September, negative: before) in which it began."""
    known, n = world.known, len(who)
    shares = np.array([known.number(f"participation.{kind}") for kind in _KINDS])
    shares = shares / shares.sum()
    order = ranks(world.people.ability[who] + 1.2 * rng.standard_normal(n))
    bottom = np.cumsum(shares[[4, 5, 3, 2, 1]])
    main = np.array([4, 5, 3, 2, 1, 0])[np.searchsorted(bottom, order)]
    spell = (main != _NEET) & (rng.random(n) < 0.04)
    start, length = rng.integers(1, 11, n), rng.integers(1, 5, n)
    month = np.arange(12)[None, :]
    away = spell[:, None] & (month >= start[:, None]) & (month < (start + length)[:, None])
    after = spell[:, None] & (month >= (start + length)[:, None])
    kind = np.where(away, _NEET, main[:, None])
    begun = np.where(pick(rng, [0.6, 0.4], n) == 0, 0, -12)[:, None]
    since = np.where(away, start[:, None], np.where(after, np.minimum(start + length, 12)[:, None], begun))
    return kind, since

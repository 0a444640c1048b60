"""Destinations after school: participation after 16, earnings, and the tables that link earnings to pupils."""

import numpy as np
import pyarrow as pa

from broker.synth.delivery import Columns, blank_keys, coded, day, days_of, flag, untidy, whole
from broker.synth.draws import Array, Rng, patterned, pick, ranks, stream
from broker.synth.school_year import SchoolYear, World
from broker.synth.synthetic_people import ETHNIC, SURNAMES

_INDUSTRY = np.array(
    [1110, 10710, 41201, 47110, 49410, 56101, 62020, 64191, 69102, 78200, 84110, 85200, 86101, 93110, 96020]
)
_BY_AGE = np.interp(
    np.arange(60), [16, 17, 18, 19, 21, 23, 25, 28, 30], [0.05, 0.15, 0.3, 0.45, 0.6, 0.8, 0.95, 1.0, 1.08]
)


def earnings(world: World, now: SchoolYear, rng: Rng, most: int) -> Columns:
    """The tax year from April: persons of 17 and over whom the tax office knows, one row each, some without pay."""
    people, known = world.people, world.known
    age = now.group + 4
    of_age = (age >= 17) & (age <= known.number("earnings.oldest"))
    who = np.flatnonzero(of_age & _in_leo(world) & (people.stays_on + 0.1 * rng.random(people.count) < 0.97))
    n, ages = len(who), age[who]
    lasting = 0.6 * people.noise[4][who] + 0.25 * people.ability[who] + 0.6 * rng.standard_normal(n)
    gap = known.number("earnings.fsm_gap") * (people.poor[who] - people.poor.mean())
    spread = known.number("earnings.log_sd") * (lasting - np.median(lasting)) / lasting.std()
    pay = known.number("earnings.median_25_30") * _BY_AGE[ages] * np.exp(spread + gap)
    working = rng.random(n) >= known.number("earnings.zero_share")
    total = np.where(working, np.clip(np.round(pay), 1, 500_000), 0)
    jobs = np.where(working, np.minimum(rng.geometric(0.75, n), 6), 0)
    main = np.where(jobs > 1, np.round(total * rng.uniform(0.5, 0.95, n)), total)
    sections = known.shares("earnings.section")
    section = pick(rng, list(sections.values()), n)
    return {
        "Edukey": people.edukey.take(who),
        "Earnings": whole(total),
        "main_enterprise": coded(_enterprises(world), rng.zipf(1.4, n) % 5000, ~working),
        "enterprise_earnings": whole(main, ~working),
        "Num_Employments": whole(jobs),
        "Main_Section": coded(list(sections), section, ~working),
        "Main_SIC2007": whole(_INDUSTRY[section], ~working),
        "Num_SIC": whole(np.where(jobs > 1, np.minimum(jobs, 2), jobs)),
        "Section_Earnings": whole(main, ~working),
        "Tied_Main_Section_Flag": flag(rng.random(n) < 0.01),
        "main_enterprise_linked_section": coded(list(sections), section, ~working),
    }


def _enterprises(world: World) -> list[str]:
    # The same enterprises in every year.
    draw = stream(world.seed, "enterprises").integers(0, 2**63, 5000)
    return [f"E{value:019d}" for value in draw]


def _in_leo(world: World) -> Array:
    """Flags: nearly everybody who has been to school is matched."""
    return np.asarray(stream(world.seed, "leo match").random(world.people.count) < 0.97)


def _identifiers(world: World, last: int) -> tuple[Array, Array, Array]:
    """The linked persons, the AE_ID of everybody, and a second AE_ID (0: none) for the few who were resolved into two
    persons."""
    people, rng = world.people, stream(world.seed, "resolution")
    ids = rng.permutation(4 * people.count)[: 2 * people.count] + 1_000_000
    split = (rng.random(people.count) < 0.003) & (people.second_from == 9999)  # not those with a second reference
    who = np.flatnonzero(_in_leo(world) & (last - people.reception >= 10))
    return who, ids[: people.count], np.where(split, ids[people.count :], 0)


def ae_pmr(world: World, last: int) -> Columns:
    """One row for each reference: two for a pupil with a second one, and two for a person who was resolved into two."""
    people = world.people
    who, first, second = _identifiers(world, last)
    renewed = who[people.second_from[who] <= last]
    split = who[second[who] > 0]
    reference = np.concatenate([who, people.second_reference[renewed], split])
    return {
        "AE_ID": pa.array(np.concatenate([first[who], first[renewed], second[split]])),
        "PUPILMATCHINGREFANONYMOUS": people.reference.take(pa.array(reference)),
    }


def ae_edukey(world: World, last: int) -> Columns:
    who, first, second = _identifiers(world, last)
    split = who[second[who] > 0]
    return {
        "AE_ID": pa.array(np.concatenate([first[who], second[split]])),
        "EDUKEY": world.people.edukey.take(pa.array(np.concatenate([who, split]))),
    }


_CODES = {
    "education": (210, 220, 230, 210),
    "apprenticeship": (310, 310, 320, 310),
    "employment": (320, 330, 340, 330),
    "training": (410, 430, 450, 410),
    "neet": (540, 530, 610, 620),
    "unknown": (810, 810, 820, 810),
}
_NEET = list(_CODES).index("neet")
_MONTHS = np.array([9, 10, 11, 12, 1, 2, 3, 4, 5, 6, 7, 8])


def nccis(world: World, now: SchoolYear, rng: Rng, most: int) -> Columns:
    people = world.people
    who = np.flatnonzero((now.group >= 12) & (now.group <= 14) & (people.arrives <= 11) & (people.leaves >= 12))
    people_count, months = len(who), min(12, most)
    kind, since = _year_of(world, who, rng)
    # One code a person for each kind.
    code = np.array(list(_CODES.values()))[kind, rng.integers(0, 4, people_count)[:, None]]
    kind, code, since = (a[:, :months].ravel() for a in (kind, code, since))
    row = np.repeat(np.arange(people_count), months)
    month = np.tile(np.arange(months), people_count)
    starts = np.array([days_of(now.year, 9, 1) + 30 * m for m in range(-12, 13)])
    n, person, first = len(row), who[row], rng.integers(0, 28, people_count)[row]
    began = starts[since + 12] + first
    neet = kind == _NEET
    ids = patterned(rng, people_count, "Y999999999")  # one id a person, repeated in each month
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
    """The kind of activity in each month, and the month in which it began (0 is September, negative is before)."""
    known, n = world.known, len(who)
    shares = np.array([known.number(f"participation.{kind}") for kind in _CODES])
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

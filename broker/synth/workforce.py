"""The school workforce: posts that people hold for some years, teachers and others; a few have two contracts."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from broker.synth import geography as pools
from broker.synth.delivery import Columns, blank_keys, coded, day, days_of, drawn_codes, flag, number, untidy, whole
from broker.synth.draws import Array, Rng, opaque, patterned, pick, stream
from broker.synth.school_year import SchoolYear, World
from broker.synth.synthetic_people import MAJOR

STAFF_ROLES = ("TCH", "HDT", "DHT", "AHT", "TAS", "SUP", "AVT", "LNT")
_TAS, _SUP = 4, 5
_ROLES, _ROLE_OF = ("TCHR", "HDTR", "DPHT", "ASHT", "TASS", "OTHR", "HDDP"), np.array([0, 1, 2, 3, 4, 5, 0, 6])
_BANDS = ("Under 25", "25-29", "30-34", "35-39", "40-44", "45-49", "50-54", "55-59", "60 and over")
_PAY = np.array([0.90, 1.9, 1.55, 1.4, 0.48, 0.55, 1.3, 1.35])


@dataclass(frozen=True)
class Staff:
    """Posts by position, each with a succession of holders: `holder[year - first]` has their numbers."""

    first: int
    school: Array
    role: Array
    holder: Array
    since: Array
    """The year in which each year's holder began."""
    reference: pa.Array
    number: pa.Array


def make_staff(world: World, years: range) -> Staff:
    rng, known = stream(world.seed, "staff"), world.known
    n = round(world.pupils * known.number("workforce.staff_per_100_pupils") / 100)
    teachers, assistants = known.number("workforce.teachers_share"), known.number("workforce.assistants_share")
    in_class, others = [teachers * s for s in (0.84, 0.045, 0.045, 0.055)], 1 - teachers - assistants
    shares = [*in_class, assistants, others, teachers * 0.003, teachers * 0.012]
    role = pick(rng, shares, n)
    pool = pick(rng, [0.49, 0.44, 0.05, 0.01, 0.01], n)  # primary, secondary, special, unit, nursery
    la, place = pick(rng, world.places.weight, n), rng.random(n)
    kinds = (pools.PRIMARY, pools.SECONDARY, pools.SPECIAL, pools.UNIT, pools.NURSERY)
    school = np.choose(pool, [world.schools.pools[kind].choose(la, place) for kind in kinds])
    holder, since = np.empty((len(years), n), dtype=np.int64), np.empty((len(years), n), dtype=np.int64)
    holder[0], since[0], used = np.arange(n), years[0] - np.minimum(rng.geometric(0.12, n), 35), n
    for at in range(1, len(years)):
        new = rng.random(n) < known.number("workforce.turnover")  # posts that change hands this year
        holder[at] = np.where(new, used + np.cumsum(new) - 1, holder[at - 1])
        since[at] = np.where(new, years[at], since[at - 1])
        used += int(new.sum())
    return Staff(years[0], school, role, holder, since, opaque(rng, used, 18), patterned(rng, used, "9999999"))


def workforce(staff: Staff, world: World, now: SchoolYear, rng: Rng, most: int) -> Columns:
    at = now.year - staff.first
    two = rng.random(len(staff.role)) < (world.known.number("workforce.second_contract") if most >= 2 else 0.0)
    row = np.concatenate([np.arange(len(staff.role)), np.flatnonzero(two)])
    holder, since, role, school = staff.holder[at][row], staff.since[at][row], staff.role[row], staff.school[row]
    traits = _StaffTraits(world, int(staff.holder.max()) + 1)  # the same in every year: its stream has no year
    age = np.clip(traits.age[holder] + (now.year - since), 21, 67)
    # The last year knows no successors.
    leaves = np.zeros(len(row), dtype=bool) if at + 1 >= len(staff.holder) else staff.holder[at + 1][row] != holder
    second = np.arange(len(row)) >= len(staff.role)
    septembers = np.array([days_of(y, 9, 1) for y in range(now.year - 60, now.year + 1)])
    teacher = (role != _TAS) & (role != _SUP)
    subjects = list(world.known.shares("workforce.subject"))
    # Primary teachers teach everything.
    in_secondary = world.schools.phase[school] == pools.PHASES.index("SS")
    subject = np.where(in_secondary, traits.subject[holder], len(subjects))
    return {
        "StaffMatchingRefAnonymous": blank_keys(rng, staff.reference.take(holder), 0.002),
        "TeacherNumber": staff.number.take(pa.array(holder, mask=~teacher)),
        "ContractStart": day(septembers[since - now.year - 1]),
        "Phase": coded(pools.PHASES, world.schools.phase[school]),
        "URN": whole(world.schools.urn_in(school, now.year)),
        "LA": whole(world.places.codes[world.schools.la[school]]),
        **_member(world, traits, holder, role, age, leaves, rng),
        **_contract(world, now.year, traits.pay[holder], role, age, second, rng),
        "SubjectCode": coded((*subjects, "PRI"), subject, ~teacher),
    }


def _member(
    world: World, traits: "_StaffTraits", holder: Array, role: Array, age: Array, leaves: Array, rng: Rng
) -> Columns:
    known, n, teacher = world.known, len(holder), (role != _TAS) & (role != _SUP)
    women = np.where(teacher, known.number("workforce.female_teachers"), known.number("workforce.female_other"))
    qualified = teacher & (traits.qualified[holder] < known.number("workforce.qualified"))
    left_for = known.shares("workforce.left_for")
    destination = np.where(age > 58, list(left_for).index("RETI"), pick(rng, list(left_for.values()), n))
    return {
        "NINumber": patterned(rng, n, "QQ999999A"),
        "Sex": untidy(rng, coded(("F", "M"), (traits.draw[holder] > women).astype(np.int8))),
        "AgeBand": coded(_BANDS, np.clip((age - 20) // 5, 0, 8)),
        "EthnicGroupMajor": coded(MAJOR, traits.ethnic[holder]),
        "Disability": coded(list(known.shares("workforce.disability")), traits.disability[holder]),
        "QTStatus": flag(qualified),
        "QTSRoute": coded(list(known.shares("workforce.route")), traits.route[holder], ~qualified),
        "PayRange": coded(("M", "U", "L", "H", "P", "Q", "O"), _ranges(role, age, qualified)),
        "DestinationCode": coded(list(left_for), destination, ~leaves),
        "SicknessDays": number(np.where(rng.random(n) < 0.35, 0, np.minimum(rng.gamma(0.9, 9, n), 190)), 1),
    }


def _contract(world: World, year: int, luck: Array, role: Array, age: Array, second: Array, rng: Rng) -> Columns:
    known, n = world.known, len(role)
    part_time = rng.random(n) >= np.where((role != _TAS) & (role != _SUP), 0.77, 0.4)
    fte = np.where(second, 0.2, np.where(part_time, np.round(rng.uniform(0.3, 0.9, n), 1), 1.0))
    level = known.number("workforce.mean_pay_2023") * (1 + known.number("workforce.pay_growth")) ** (year - 2023)
    pay = level * _PAY[role] * np.clip(0.72 + 0.016 * (age - 24), 0.7, 1.15) * np.exp(0.08 * luck)
    return {
        "Post": coded(STAFF_ROLES, role),
        "ContractType": drawn_codes(rng, {"PRM": 0.91, "FXT": 0.06, "TMP": 0.02, "CAS": 0.01}, n),
        "FTE": number(fte, 2),
        "BasePay": number(np.clip(pay, 0, 150_000), 0, rng.random(n) < 0.02),
        "RoleIdentifier": coded(_ROLES, _ROLE_OF[role]),
    }


class _StaffTraits:
    """Traits of a member of staff that stay the same over the years."""

    def __init__(self, world: World, n: int) -> None:
        rng = stream(world.seed, "staff always")
        self.draw, self.qualified, self.pay = rng.random(n), rng.random(n), rng.standard_normal(n)
        self.age = np.clip(np.round(rng.gamma(4, 3.5, n) + 21), 21, 60).astype(int)
        self.ethnic, self.disability, self.route, self.subject = (
            pick(rng, list(world.known.shares(f"workforce.{trait}").values()), n)
            for trait in ("ethnic", "disability", "route", "subject")
        )


def _ranges(role: Array, age: Array, qualified: Array) -> Array:
    """Main and upper range for classroom teachers, own ranges for leadership and heads, and "other" for the rest."""
    classroom = np.where(~qualified, 5, np.where(age > 32, 1, 0))
    return np.select(
        [role == 1, (role == 2) | (role == 3), role == 7, (role == _TAS) | (role == _SUP)], [3, 2, 4, 6], classroom
    )

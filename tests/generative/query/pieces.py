"""The words of generated queries: real catalogue tables, guards of years in many forms, conditions, keys, aggregates."""

# ruff: noqa: E501 - one table and one form a line reads as a table

from dataclasses import dataclass
from random import Random

YEARS = (2015, 2016, 2017, 2018)
"""The years of which random databases hold rows: every granted table of P0421 has them."""


@dataclass(frozen=True)
class Source:
    """One table as a query writer knows it."""

    name: str
    key: str
    year: str
    cats: tuple[str, ...]
    flags: tuple[str, ...]
    nums: tuple[str, ...]
    school: str | None
    physical: tuple[str, str] | None = None
    """The physical name with {y} for the year as it is written there, and the columns' suffix with {yy}."""

    @property
    def whole_year(self) -> bool:
        return self.year == "CensusYear"

    def written(self, year: int) -> str:
        return str(year) if self.whole_year else f"'{year}/{year + 1}'"


CENSUS = Source("npd.spring_census", "PupilMatchingRefAnonymous", "AcademicYear",
    ("SENprovision", "EthnicGroupMajor", "Gender", "PHASE", "LA", "MonthOfBirth"), ("FSMeligible", "OnRoll", "EVERFSM_6"),
    ("YearOfBirth", "RecordStatus"), "URN", ("Spring_Census_{y}", "_SPR{yy}"))  # fmt: skip
ABSENCE = Source("npd.absence", "PupilMatchingRefAnonymous", "AcademicYear",
    ("NCyearActual", "SENprovision", "LA"), ("FSMeligible", "PA10_exact_6HalfTerms"),
    ("OverallAbsence_6HalfTerms", "SessionsPossible_6HalfTerms", "AuthorisedAbsence_6HalfTerms"), "URN",
    ("Absence_{y}_3term", "_ab{yy}"))  # fmt: skip
EXCLUSIONS = Source("npd.exclusions", "PupilMatchingRefAnonymous", "AcademicYear",
    ("Term", "Category", "Reason", "Gender", "LA"), ("FSMeligible",), ("Sessions", "PermanentExclusionCount"), "URN",
    ("Exclusions_{y}", "_ex{yy}"))  # fmt: skip
KS4 = Source("npd.ks4_pupil", "KS4_PupilMatchingRefAnonymous", "KS4_ACADYR",
    ("KS4_GENDER", "KS4_PRIORBAND_PTQ_EE", "KS4_SENF"), ("KS4_FSM6", "KS4_L2BASICS_94", "KS4_EBACC_94"),
    ("KS4_ATT8", "KS4_P8SCORE", "KS4_PASS_94"), "KS4_URN")  # fmt: skip
KS2 = Source("npd.ks2_pupil", "KS2_PupilMatchingRefAnonymous", "KS2_ACADYR",
    ("KS2_GENDER", "KS2_SENF", "KS2_EALGRP"), ("KS2_FSM6", "KS2_RWMEXP", "KS2_READEXP"),
    ("KS2_READSCORE", "KS2_MATSCORE", "KS2_READPROGSCORE_P"), "KS2_URN")  # fmt: skip
CIN = Source("npd.cin", "CIN_PupilMatchingRefAnonymous", "CIN_ACADYR",
    ("CIN_PrimaryNeedCode", "CIN_Gender", "CIN_LA"), ("CIN_Disability", "CIN_ReferralNFA"),
    ("CIN_NumberOfPreviousCPP",), None)  # fmt: skip
STAFF = Source("swc.workforce", "StaffMatchingRefAnonymous", "CensusYear",
    ("Phase", "Post", "Sex", "LA"), ("QTStatus",), ("FTE", "BasePay", "SicknessDays"), "URN")  # fmt: skip
PUPILS = (CENSUS, ABSENCE, EXCLUSIONS, KS4, KS2, CIN)
PERSONS = (*PUPILS, STAFF)
SCHOOLED = tuple(s for s in PUPILS if s.school)
PHYSICAL = (CENSUS, ABSENCE, EXCLUSIONS)

VALUES = {
    "SENprovision": ("'N'", "'K'", "'E'"), "EthnicGroupMajor": ("'WHIT'", "'MIXD'", "'ASIA'"), "Gender": ("'M'", "'F'"),
    "PHASE": ("'NS'", "'PS'", "'MP'"), "LA": ("201", "202", "203"), "MonthOfBirth": ("1", "2", "3"), "NCyearActual": ("'E1'", "'E2'", "'N1'"),
    "Term": ("'Autumn'", "'Spring'"), "Category": ("'FIXD'", "'PERM'"), "Reason": ("'PP'", "'PA'"), "KS4_GENDER": ("'M'", "'F'"),
    "KS4_PRIORBAND_PTQ_EE": ("'1'", "'2'"), "KS4_SENF": ("'N'", "'K'"), "KS2_GENDER": ("'M'", "'F'"), "KS2_SENF": ("'N'", "'K'"),
    "KS2_EALGRP": ("'1'", "'2'"), "CIN_PrimaryNeedCode": ("'N0'", "'N1'"), "CIN_Gender": ("'M'", "'F'"), "CIN_LA": ("201", "202"),
    "Phase": ("'NS'", "'PS'"), "Post": ("'TCH'", "'HDT'"), "Sex": ("'M'", "'F'"),
}  # fmt: skip
"""Values of categories as they stand in random databases: the first of each list."""

NUMBERS = {
    "YearOfBirth": 1986, "RecordStatus": 2, "Sessions": 2, "PermanentExclusionCount": 1, "KS4_ATT8": 2, "KS4_P8SCORE": -4,
    "KS4_PASS_94": 2, "KS2_READSCORE": 82, "KS2_MATSCORE": 82, "KS2_READPROGSCORE_P": -28, "CIN_NumberOfPreviousCPP": 1,
    "FTE": 1, "BasePay": 2, "SicknessDays": 2,
}  # fmt: skip
"""A number in the middle of those that random databases hold; 2 where none stands here."""


class Words:
    """Draws pieces of text; the same draws in both dialects, so that a text has a twin in the other."""

    def __init__(self, seed: int, dialect: str) -> None:
        self.rng, self.dialect = Random(seed), dialect

    @property
    def tsql(self) -> bool:
        return self.dialect == "tsql"

    def one(self, of: tuple[str, ...] | list[str]) -> str:
        return self.rng.choice(of)

    def source(self, of: tuple[Source, ...] = PERSONS) -> Source:
        return self.rng.choice(of)

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def limit(self, count: int) -> tuple[str, str]:
        """What stands after SELECT, and what stands at the end."""
        return (f"TOP ({count}) ", "") if self.tsql else ("", f" LIMIT {count}")

    def guard(self, a: str, s: Source) -> str:
        """A predicate that leaves some years of a source called `a`."""
        y, one, two = f"{a}.{s.year}", self.rng.choice(YEARS[:-1]), YEARS[-1]
        v, w = s.written(one), s.written(two)
        cat = self.one(s.cats)
        x, z = VALUES[cat][0], VALUES[cat][1]
        forms = [
            f"{y} = {v}", f"{y} = {v}", f"{y} = {v}", f"{y} IN ({v}, {w})", f"{y} BETWEEN {v} AND {s.written(one + 1)}", f"{y} >= {v}", f"{y} < {w}",
            f"{y} <> {v}", f"NOT ({y} = {v})", f"{y} NOT IN ({v}, {w})", f"({y} = {v} OR {y} = {w})", f"({y} = {v} OR {y} IS NULL)",
            f"CASE WHEN {y} = {v} THEN 1 ELSE 0 END = 1", f"CASE WHEN {y} = {v} THEN 'x' WHEN {a}.{cat} = {x} THEN 'z' ELSE 'w' END = 'x'",
            f"({y} = {v} AND {a}.{cat} = {x} OR {y} = {w} AND {a}.{cat} = {z})", f"NOT ({y} <> {v} OR {a}.{cat} = {x})",
            f"({y} = {v} AND {y} IS NOT NULL)", f"COALESCE({y}, {w}) = {v}", f"{v} = {y}", f"NULLIF({y}, {v}) IS NULL",
        ]  # fmt: skip
        if s.whole_year:
            forms += [
                f"{y} - 1 = {one - 1}",
                f"{y} % 2 = 0",
                f"{y} * 2 > {2 * one}",
                f"CAST({y} AS varchar(4)) = '{one}'",
            ]
        else:
            forms += [f"LEFT({y}, 4) = '{one}'", f"LEFT({y}, 4) IN ('{one}', '{two}')", f"{y} LIKE '{one}%'", f"SUBSTRING({y}, 1, 4) <> '{one}'",
                      f"CAST(LEFT({y}, 4) AS int) >= {one}", f"RIGHT({y}, 4) = '{one + 1}'"]  # fmt: skip
        return self.one(forms)

    def condition(self, a: str, s: Source) -> str:
        """A predicate on anything else."""
        cat, flag, num = self.one(s.cats), self.one(s.flags), self.one(s.nums)
        x, z, n = VALUES[cat][0], VALUES[cat][1], NUMBERS.get(num, 2)
        return self.one([
            f"{a}.{cat} = {x}", f"{a}.{cat} IN ({x}, {z})", f"{a}.{cat} <> {x}", f"{a}.{flag} = 1", f"{a}.{flag} IS NOT NULL", f"{a}.{num} >= {n}",
            f"({a}.{cat} = {x} OR {a}.{flag} = 0)", f"NOT {a}.{num} > {n}", f"({a}.{cat} IS NULL OR {a}.{cat} = {z})", f"{a}.{num} BETWEEN {n} AND {n + 1}",
        ])  # fmt: skip

    def where(self, *of: tuple[str, Source], guarded: float = 0.9) -> str:
        """WHERE with a guard of most sources and at times one condition more."""
        parts = [self.guard(a, s) for a, s in of if self.chance(guarded)]
        parts += [self.condition(a, s) for a, s in of if self.chance(0.3)]
        return " WHERE " + " AND ".join(parts) if parts else ""

    def key(self, a: str, s: Source) -> str:
        cat, num = self.one(s.cats), self.one(s.nums)
        n = NUMBERS.get(num, 2)
        return self.one([f"{a}.{cat}", f"{a}.{cat}", f"{a}.{cat}", f"{a}.{self.one(s.flags)}", f"{a}.{s.year}",
            f"CASE WHEN {a}.{num} >= {n} THEN 'high' WHEN {a}.{num} IS NULL THEN 'none' ELSE 'low' END"])  # fmt: skip

    def argument(self, a: str, s: Source) -> str:
        num, flag, cat = self.one(s.nums), self.one(s.flags), self.one(s.cats)
        return self.one([f"{a}.{num}", f"{a}.{flag}", f"CASE WHEN {a}.{cat} = {VALUES[cat][0]} THEN 1 ELSE 0 END"])

    def aggregate(self, a: str, s: Source) -> str:
        num, flag, cat = self.one(s.nums), self.one(s.flags), self.one(s.cats)
        x, n = VALUES[cat][0], NUMBERS.get(num, 2)
        return self.one([
            "COUNT(*)", "COUNT(*)", f"COUNT({a}.{num})", f"COUNT(DISTINCT {a}.{s.key})", f"SUM({a}.{num})", f"AVG(1.0 * {a}.{num})", f"SUM({a}.{flag})",
            f"AVG(1.0 * {a}.{flag})", f"SUM(CASE WHEN {a}.{cat} = {x} THEN 1 ELSE 0 END)", f"100.0 * SUM({a}.{flag}) / NULLIF(COUNT(*), 0)",
            f"SUM(CASE WHEN {a}.{num} > {n} THEN {a}.{num} ELSE 0 END)", f"COUNT(CASE WHEN {a}.{cat} = {x} THEN 1 END)",
        ])  # fmt: skip

    def aggregates(self, a: str, s: Source, most: int = 3) -> str:
        found = dict.fromkeys(self.aggregate(a, s) for _ in range(self.rng.randint(1, most)))
        return ", ".join(f"{text} AS m{i}" for i, text in enumerate(found))

"""The grammar's ordinary tables: plain statistics by codes, of absence or of the census, that ask nothing of anybody in
particular. Most of them leave by themselves, and in a small town many of their cells hold one child or a few."""

# ruff: noqa: E501 - a template a line reads as what it spells

from collections.abc import Callable

from tests.attacks.decoders.choices import Choices
from tests.attacks.decoders.conditions import Words, Y
from tests.attacks.decoders.towns import ABSENCE, CENSUS, KEY

KEYS = {
    ABSENCE: ("SENprovision", "FSMeligible", "NCyearActual", "MonthOfBirth", "EthnicGroupMinor", "LA", "PA10_exact_6HalfTerms", "URN", "YearOfBirth", "OverallAbsence_6HalfTerms"),
    CENSUS: ("SENprovision", "FSMeligible", "Gender", "NCyearActual", "EthnicGroupMajor", "LanguageGroupMajor", "PHASE", "MonthOfBirth", "LA", "EVERFSM_6", "URN", "EthnicGroupMinor"),
}  # fmt: skip
FEW = {
    ABSENCE: ("FSMeligible", "PA10_exact_6HalfTerms", "SENprovision"),
    CENSUS: ("Gender", "FSMeligible", "EVERFSM_6", "SENprovision"),
}
AMOUNTS = {
    ABSENCE: ("OverallAbsence_6HalfTerms", "SessionsPossible_6HalfTerms", "AnnualReasonI", "AuthorisedAbsence_6HalfTerms", "UnauthorisedAbsence_6HalfTerms"),
    CENSUS: ("FSMeligible", "EVERFSM_6", "SENUnitIndicator"),
}  # fmt: skip
FLAGS = {ABSENCE: ("FSMeligible", "PA10_exact_6HalfTerms"), CENSUS: ("FSMeligible", "EVERFSM_6", "OnRoll")}
WIDE = {
    ABSENCE: (
        "a.SENprovision = 'K'", "a.FSMeligible = 1", "a.SENprovision = 'N'", "a.SENprovision IN ('E', 'K')", "a.SENprovision <> 'N'", "a.FSMeligible = 0",
        "a.PA10_exact_6HalfTerms = 1", "a.NCyearActual = '5'", "a.MonthOfBirth = {month}", "a.LA = {la}", "a.URN = {urn}", "a.EthnicGroupMinor = '{group}'",
        "a.OverallAbsence_6HalfTerms < 10", "a.OverallAbsence_6HalfTerms > {missed}", "a.YearOfBirth = {year}", "a.MonthOfBirth BETWEEN 1 AND 8", "a.EthnicGroupMinor <> 'WBRI'",
    ),
    CENSUS: (
        "a.SENprovision = 'K'", "a.FSMeligible = 1", "a.Gender = 'F'", "a.SENprovision = 'N'", "a.SENprovision <> 'N'", "a.PHASE = 'PS'", "a.OnRoll = 1",
        "a.MonthOfBirth = {month}", "a.LA = {la}", "a.URN = {urn}", "a.EthnicGroupMinor = '{group}'", "a.EthnicGroupMajor = 'WHIT'", "a.LanguageGroupMajor = '1_ENG'",
    ),
}  # fmt: skip


def ordinary(c: Choices, words: Words, pad: str) -> str:
    table = c.pick((ABSENCE, ABSENCE, CENSUS))
    return _select(c, words, table, _where(c, words, table, pad))


def near_tables(c: Choices, words: Words, pad: str) -> list[str]:
    """Two tables or three of the same persons, or nearly: with other keys and figures, and some with a condition."""
    table = c.pick((ABSENCE, CENSUS))
    where = _where(c, words, table, pad)
    more = [c.pick(("", "", f" AND {(some := _wide(c, words, table))}", f" AND NOT ({some})")) for _ in range(2)]
    return [_select(c, words, table, where + but) for but in ("", *more[: 1 + c.pick((0, 0, 1))])]


def _select(c: Choices, words: Words, table: str, where: str) -> str:
    keys = _keys(c, table)
    figures = [_figure(c, words, table) for _ in range(1 + c.pick((0, 0, 1, 2)))]
    told = [f"{k} AS k{n}" for n, k in enumerate(keys)] + [f"{f} AS f{n}" for n, f in enumerate(figures)]
    after = f" GROUP BY {_sets(c, keys)}" if keys else ""
    match c.number(8) if keys else 0:
        case 7:
            after += f" HAVING COUNT(*) > {c.pick((9, 20, 50))}"
        case 6:
            told.append(f"1.0 * COUNT(*) / SUM(COUNT(*)) OVER ({c.pick(('', f'PARTITION BY {keys[0]}'))}) AS part")
        case 5:
            told.append(f"RANK() OVER (ORDER BY {figures[0]} DESC) AS place")
        case 4:
            after += f" ORDER BY {figures[0]} DESC"
    return f"SELECT {', '.join(told)} FROM {table} AS a WHERE {where}{after}"


def _keys(c: Choices, table: str) -> list[str]:
    """None to three; only the first may have many codes: the town is small, and repair of large tables takes its time."""
    first = [f"a.{c.pick(KEYS[table])}" for _ in range(c.pick((1, 0, 1, 1, 1)))]
    more = [f"a.{c.pick(FEW[table])}" for _ in range(c.pick((0, 0, 1, 1, 2)) if first else 0)]
    return list(dict.fromkeys([*first, *more]))


def _sets(c: Choices, keys: list[str]) -> str:
    """A cube of three keys has few codes each: one with months or schools takes a minute to repair."""
    joined = ", ".join(keys)
    few = {f"a.{key}" for names in FEW.values() for key in names}
    cube = "CUBE" if len(keys) < 3 or few.issuperset(keys) else "ROLLUP"
    return c.pick((joined, joined, joined, joined, f"ROLLUP ({joined})", f"{cube} ({joined})"))


def _wide(c: Choices, words: Words, table: str) -> str:
    return words.about(c.pick(WIDE[table]), "a")


def _where(c: Choices, words: Words, table: str, pad: str) -> str:
    year = c.pick((f"a.AcademicYear = {Y}", f"a.AcademicYear = {Y}", f"a.AcademicYear IN ('2017/2018', {Y})"))
    conditions = [_wide(c, words, table) for _ in range(c.pick((0, 1, 0, 1, 2)))]
    return " AND ".join([year + pad, *conditions])


def _figure(c: Choices, words: Words, table: str) -> str:
    return FIGURES[c.number(len(FIGURES))](c, words, table)


FIGURES: tuple[Callable[[Choices, Words, str], str], ...] = (
    lambda *_: "COUNT(*)",
    lambda *_: f"COUNT(DISTINCT a.{KEY})",
    lambda *of: f"SUM(CASE WHEN {_wide(*of)} THEN 1 ELSE 0 END)",
    lambda c, _, table: f"AVG(1.0 * a.{c.pick(AMOUNTS[table])})",
    lambda c, _, table: f"SUM(a.{c.pick(AMOUNTS[table])})",
    lambda c, _, table: f"AVG(1.0 * a.{c.pick(FLAGS[table])})",
    lambda c, _, table: f"SUM(a.{c.pick(FLAGS[table])})",
    lambda c, _, table: f"COUNT(a.{c.pick(AMOUNTS[table])})",
    lambda *of: f"1.0 * SUM(CASE WHEN {_wide(*of)} THEN 1 ELSE 0 END) / COUNT(*)",
    lambda c, *of: (
        f"SUM(CASE WHEN {_wide(c, *of)} THEN {c.pick(('2', '10', '3000'))} ELSE {c.pick(('1', '0', '5'))} END)"
    ),
    lambda c, *of: f"SUM(CASE WHEN {_wide(c, *of)} THEN a.{c.pick(AMOUNTS[of[1]])} ELSE 0 END)",
    lambda *of: f"COUNT(DISTINCT CASE WHEN {_wide(*of)} THEN a.{KEY} END)",
)

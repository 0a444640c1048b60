"""The grammar's conditions: on the child that the attacker knows, on the child's secrets, on others, and their
combinations. Templates hold `{a}` for the alias of the table."""

# ruff: noqa: E501 - a template a line reads as what it spells

from collections.abc import Callable
from dataclasses import dataclass

from tests.attacks.decoders.choices import Choices
from tests.attacks.decoders.towns import CENSUS, KEY, YEAR, Town

Y = f"'{YEAR}/{YEAR + 1}'"
SECRETS = (
    "{a}.SENprovision <> 'N'", "{a}.FSMeligible = 1", "{a}.SENprovision = 'K'", "{a}.SENprovision = 'N'",
    "{a}.OverallAbsence_6HalfTerms > {missed}", "{a}.OverallAbsence_6HalfTerms = {missed}", "{a}.FSMeligible = 0",
    "{a}.SENprovision IN ('E', 'K')", "{a}.PA10_exact_6HalfTerms = 1",
)  # fmt: skip
"""What nobody but the child's own knows."""


@dataclass(frozen=True, slots=True)
class Words:
    """A town's words: of the child, of the child's school and area, and of others."""

    own: dict[str, object]
    schools: tuple[int, ...]
    areas: tuple[int, ...]

    def about(self, template: str, alias: str) -> str:
        return template.format(a=alias, **self.own)


def words_of(town: Town) -> Words:
    c = town.child
    own = {"urn": c.urn, "la": c.la, "month": c.month, "year": c.year, "group": c.group, "missed": c.missed}
    schools = tuple(u for u, _ in town.schools if u != c.urn)
    return Words(own, schools, tuple(sorted({la for _, la in town.schools if la != c.la})))


def child(c: Choices, words: Words, alias: str) -> str:
    """The child alone, or with a few."""
    return words.about(
        c.pick((
            "{a}.URN = {urn} AND {a}.MonthOfBirth = {month} AND {a}.YearOfBirth = {year}",
            "{a}.EthnicGroupMinor = '{group}'",
            "{a}.EthnicGroupMinor = '{group}' AND {a}.URN = {urn}",
            "{a}.URN = {urn} AND {a}.MonthOfBirth = {month}",
            "{a}.LA = {la} AND {a}.EthnicGroupMinor = '{group}' AND {a}.YearOfBirth = {year}",
            "{a}.URN = {urn}",
        )),
        alias,
    )  # fmt: skip


def secret(c: Choices, words: Words, alias: str) -> str:
    return words.about(c.pick(SECRETS), alias)


def others(c: Choices, words: Words, alias: str) -> str:
    """Many whom everybody may count."""
    kind = c.number(11)
    month, school = 1 + (int(str(words.own["month"])) + c.number(10)) % 12, c.pick(words.schools)
    template = (
        f"{{a}}.MonthOfBirth = {month}",
        f"{{a}}.URN = {school}",
        f"{{a}}.LA = {c.pick(words.areas)}",
        f"{{a}}.MonthOfBirth IN ({month}, {1 + month % 12}, {1 + (month + 4) % 12})",
        "{a}.EthnicGroupMinor = 'WBRI'",
        f"{{a}}.NCyearActual = '{c.pick(('1', '5', '9', '11'))}'",
        f"{{a}}.OverallAbsence_6HalfTerms IN ({c.pick(('1, 2, 3', '3', '0, 1, 2, 3, 4, 5', '4, 5, 6, 7'))})",
        f"{{a}}.OverallAbsence_6HalfTerms < {c.pick((5, 10, 20))}",
        f"{{a}}.YearOfBirth BETWEEN {c.pick((2004, 2006))} AND {c.pick((2009, 2012))}",
        f"{{a}}.MonthOfBirth <= {c.pick((6, 9, 11))}",
        f"{{a}}.AcademicYear = '{c.pick(('2017/2018', '2016/2017'))}'",
    )[kind]
    return words.about(template, alias)


def condition(c: Choices, words: Words, alias: str = "a", depth: int = 2) -> str:
    kind = c.number(14 if depth else 6)
    if kind < len(SIMPLE):
        return SIMPLE[kind](c, words, alias)
    first = condition(c, words, alias, depth - 1)
    if kind == 6:
        return f"NOT {first}" if first.startswith("(") else f"NOT ({first})"
    if kind <= 10:
        return f"({first} {'OR' if kind <= 8 else 'AND'} {condition(c, words, alias, depth - 1)})"
    return (_exists, _in_list, _in_census)[kind - 11](c, words, alias)


SIMPLE: tuple[Callable[[Choices, Words, str], str], ...] = (
    secret,
    others,
    lambda *of: f"({child(*of)} AND {secret(*of)})",
    lambda *of: f"({child(*of)} AND {secret(*of)} OR {others(*of)})",
    lambda *of: f"({others(*of)} AND {secret(*of)})",
    child,
)


def _exists(c: Choices, words: Words, alias: str) -> str:
    no = c.pick(("", "NOT "))
    inner = condition(c, words, "e", 0)
    return f"{no}EXISTS (SELECT 1 FROM npd.absence AS e WHERE e.{KEY} = {alias}.{KEY} AND e.AcademicYear = {Y} AND {inner})"


def _in_list(c: Choices, words: Words, alias: str) -> str:
    no = c.pick(("", "NOT "))
    inner = condition(c, words, "e", 0)
    return f"{alias}.{KEY} {no}IN (SELECT e.{KEY} FROM npd.absence AS e WHERE e.AcademicYear = {Y} AND e.{KEY} IS NOT NULL AND {inner})"


def _in_census(c: Choices, words: Words, alias: str) -> str:
    inner = words.about(
        c.pick((
            "e.SENprovision <> 'N'", "e.FSMeligible = 1", "e.URN = {urn}", "e.EthnicGroupMinor = '{group}'",
            "e.Gender = 'F'", "e.URN = {urn} AND e.MonthOfBirth = {month} AND e.YearOfBirth = {year} AND e.FSMeligible = 1",
        )),
        "e",
    )  # fmt: skip
    return f"{alias}.{KEY} IN (SELECT e.{KEY} FROM {CENSUS} AS e WHERE e.AcademicYear = {Y} AND e.{KEY} IS NOT NULL AND {inner})"


def missing(c: Choices, words: Words, alias: str = "a") -> str:
    """A number that is missing for the child, or for many others: what one column lacks may be in the next."""
    parts = [_missing_part(c, words, alias) for _ in range(1 + c.number(3))]
    return parts[0] if len(parts) == 1 else f"COALESCE({', '.join(parts)})"


def _missing_part(c: Choices, words: Words, alias: str) -> str:
    kind = c.number(4)
    if kind == 0:
        return words.about(c.pick(("NULLIF({a}.URN, {urn})", "NULLIF({a}.MonthOfBirth, {month})")), alias)
    if kind == 1:
        return f"NULLIF({alias}.FSMeligible, {c.number(2)})"
    if kind == 2:
        some = condition(c, words, alias, 1)
        return f"CASE WHEN {some} THEN {c.pick(('1', f'{alias}.OverallAbsence_6HalfTerms'))} END"
    return f"TRY_CAST({alias}.{c.pick(('NCyearActual', 'SENprovision'))} AS INT)"

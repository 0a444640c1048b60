"""The grammar's amounts and statistics: constants and branches, padded with people who add nothing; sums, means,
counts, and what stands above them."""

from collections.abc import Callable

from tests.attacks.decoders.choices import Choices
from tests.attacks.decoders.conditions import Words, child, condition, missing, others, secret
from tests.attacks.decoders.towns import KEY

COLUMNS = (
    "{a}.OverallAbsence_6HalfTerms", "{a}.FSMeligible", "{a}.MonthOfBirth", "{a}.PA10_exact_6HalfTerms",
    "{a}.SessionsPossible_6HalfTerms", "{a}.AnnualReasonI", "{a}.YearOfBirth",
)  # fmt: skip
CONSTANTS = ("1", "0", "2", "3", "10", "100", "1000", "3000", "15000", "40000", "-1", "NULL", "0.5")


def constant(c: Choices) -> str:
    return c.pick(CONSTANTS)


def amount(c: Choices, words: Words, alias: str = "a", depth: int = 2) -> str:
    kind = c.number(9 if depth else 4)
    column = c.pick(COLUMNS).format(a=alias)
    if kind == 0:
        return column
    if kind == 2:
        return f"{c.pick(('2', '10', '1000', '15000', '-1'))} * {column}"
    if kind in (1, 3, 4):
        return {1: _constant, 3: _nothing_for_some, 4: _padded}[kind](c, words, alias)
    return branches(c, words, alias, depth - 1)


def _constant(c: Choices, words: Words, alias: str) -> str:
    return constant(c)


def _nothing_for_some(c: Choices, words: Words, alias: str) -> str:
    """Known to be 0 for those who share one value."""
    known = c.pick(("5", str(words.own["month"])))
    return f"{c.pick(('15000', '1', '100', '3000'))} * ({alias}.MonthOfBirth - {known})"


def _padded(c: Choices, words: Words, alias: str) -> str:
    """A branch that the child shares with people who add exactly nothing."""
    many = c.pick(("15000", "1000", "3000", "100"))
    rest = f" WHEN {others(c, words, alias)} THEN {constant(c)}" if c.once_in(2) else ""
    return (
        f"CASE WHEN ({child(c, words, alias)} AND {secret(c, words, alias)}) OR {alias}.MonthOfBirth = 5 "
        f"THEN {many} * ({alias}.MonthOfBirth - 5){rest} ELSE {constant(c)} END"
    )


def branches(c: Choices, words: Words, alias: str, depth: int) -> str:
    whens = " ".join(
        f"WHEN {condition(c, words, alias, 1)} THEN {_branch(c, words, alias, depth)}"
        for _ in range(1 + c.pick((0, 0, 1)))
    )
    other = c.pick(("", " ELSE 0", " ELSE 1", " ELSE 3", " ELSE x"))
    if other == " ELSE x":
        other = f" ELSE {_branch(c, words, alias, depth)}"
    return f"CASE {whens}{other} END"


def _branch(c: Choices, words: Words, alias: str, depth: int) -> str:
    return constant(c) if c.pick((True, True, False)) else amount(c, words, alias, depth)


def statistic(c: Choices, words: Words, alias: str = "a") -> str:
    kind = c.number(14)
    made = STATISTICS[kind] if kind < len(STATISTICS) else lambda *of: f"SUM({amount(*of)})"
    return made(c, words, alias)


STATISTICS: tuple[Callable[[Choices, Words, str], str], ...] = (
    lambda *_: "COUNT(*)",
    lambda *of: f"COUNT(CASE WHEN {condition(*of)} THEN 1 END)",
    lambda *of: f"SUM(CASE WHEN {condition(*of)} THEN 1 ELSE 0 END)",
    lambda c, words, alias: f"COUNT(DISTINCT {alias}.{KEY})",
    lambda c, words, alias: f"COUNT(DISTINCT CASE WHEN {condition(c, words, alias)} THEN {alias}.{KEY} END)",
    lambda *of: f"1.0 * SUM(CASE WHEN {condition(*of)} THEN 1 ELSE 0 END) / COUNT(*)",
    *[lambda *of: f"AVG(1.0 * {_in_brackets(amount(*of))})"] * 2,
    lambda *of: f"STDEV({amount(*of, 0)})",
    lambda c, *of: f"COUNT({c.pick((amount, missing))(c, *of)})",
)


def _in_brackets(text: str) -> str:
    return text if text.startswith("CASE") or "*" not in text else f"({text})"

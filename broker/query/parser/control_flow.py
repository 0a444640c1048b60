"""Control flow of a T-SQL script: BEGIN and END, IF and ELSE, WHILE, BREAK and CONTINUE, TRY. Conditions are constants,
so the statements that run are known from the text. This module does not read statements."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from broker.query.diagnostics import BindError
from broker.query.parser.statement_splitter import StatementTokens

TRANSACTIONS = frozenset({"tran", "transaction"})


@dataclass(frozen=True, slots=True)
class StatementBlock:
    """Statements between BEGIN and END."""

    units: "tuple[Unit, ...]"


@dataclass(frozen=True, slots=True)
class Try:
    """BEGIN TRY, and what CATCH does if one of its statements fails."""

    body: StatementBlock
    catch: "Unit"


@dataclass(frozen=True, slots=True)
class Branch:
    """IF: a condition, and what runs if it is true, or if it is not."""

    condition: StatementTokens
    then: "Unit"
    otherwise: "Unit | None" = None


@dataclass(frozen=True, slots=True)
class Loop:
    """WHILE: a condition, and what runs as long as it is true."""

    condition: StatementTokens
    body: "Unit"


Unit = StatementTokens | StatementBlock | Try | Branch | Loop


def units_of(statements: Sequence[StatementTokens]) -> Iterator[tuple[Unit, Sequence[StatementTokens]]]:
    """Yield the units of a script, each with all its statements. Raises BindError for a BEGIN, END, ELSE or IF that is
    not complete."""
    reader = _UnitReader(statements)
    while reader.left:
        start = len(statements) - len(reader.left)
        unit = reader.unit()
        yield unit, statements[start : len(statements) - len(reader.left)]


class _UnitReader:
    def __init__(self, statements: Sequence[StatementTokens]) -> None:
        self.left = list(reversed(statements))

    def unit(self) -> Unit:
        statement = self.left.pop()
        match statement.words:
            case ("begin", word, *_) if word in TRANSACTIONS:
                return statement
            case ("begin", *more):
                return self._block(statement, more[:1])
            case ("if", *_):
                return self._branch(statement)
            case ("while", *_):
                return Loop(statement, self._next(statement, "WHILE"))
            case ("end" | "else" as word, *_):
                message = f"{word.upper()} does not belong to a {'BEGIN' if word == 'end' else 'IF'} before it."
                raise BindError("statement", message, "Check BEGIN and END.", statement.start)
        return statement

    def _next(self, statement: StatementTokens, word: str) -> Unit:
        if not self.left:
            message = f"Nothing follows this {word}."
            raise BindError("statement", message, "Write a statement, or BEGIN … END.", statement.start)
        return self.unit()

    def _block(self, begin: StatementTokens, kind: list[str]) -> StatementBlock | Try:
        found: list[Unit] = []
        while self.left and self.left[-1].words[0] != "end":
            found.append(self.unit())
        if not self.left:
            raise BindError("statement", "This BEGIN has no END.", "Check BEGIN and END.", begin.start)
        self.left.pop()
        block = StatementBlock(tuple(found))
        if kind == ["try"] and self.left and self.left[-1].words[:2] == ("begin", "catch"):
            return Try(block, self.unit())
        return block

    def _branch(self, condition: StatementTokens) -> Branch:
        then = self._next(condition, "IF")
        if not self.left or self.left[-1].words[0] != "else":
            return Branch(condition, then)
        return Branch(condition, then, self._next(self.left.pop(), "ELSE"))


class LoopControl(Exception):
    """A BREAK or CONTINUE."""

    def __init__(self, statement: StatementTokens) -> None:
        self.statement, self.ends = statement, statement.words[0] == "break"


class StatementFails(Exception):
    """A statement inside TRY that would fail: CATCH runs instead of the rest. Any other such statement is refused."""


Read = Callable[[StatementTokens, bool], None]
"""Reads a statement; True inside TRY, where it may raise StatementFails."""


def run(unit: Unit, holds: Callable[[StatementTokens], bool], read: Read, in_try: bool = False) -> None:
    """Read the statements that run, in their order. `holds` decides a condition. `read` limits their number. Raises
    LoopControl for a BREAK or CONTINUE outside a loop."""
    match unit:
        case StatementTokens(words=("break" | "continue",)):
            raise LoopControl(unit)
        case StatementTokens():
            read(unit, in_try)
        case StatementBlock(units=units):
            for inner in units:
                run(inner, holds, read, in_try)
        case Try(body=body, catch=catch):
            try:
                run(body, holds, read, True)
            except StatementFails:
                run(catch, holds, read, in_try)
        case Branch(condition=condition, then=then, otherwise=otherwise):
            chosen = then if holds(condition) else otherwise
            if chosen is not None:
                run(chosen, holds, read, in_try)
        case Loop(condition=condition, body=body):
            while holds(condition):
                try:
                    run(body, holds, read, in_try)
                except LoopControl as control:
                    if control.ends:
                        break

"""The few kinds of error that cross rooms. The message is written where the error is raised, for the person who reads
it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TextEdit:
    """A change of a text: `length` characters from a place become `replacement`. Line and column count from 1; the end
    of a line is one character."""

    line: int
    column: int
    length: int
    replacement: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason why a submission is refused: what, where in its text, and what to do instead. `line` and `column`
    count from 1; None if the reason has no single position. `variable` is `schema.table.variable` in catalogue
    spelling, if the reason is about one variable. `edit` is the advice as a change of the text, if it is one."""

    code: str
    message: str
    advice: str = ""
    line: int | None = None
    column: int | None = None
    variable: str | None = None
    edit: TextEdit | None = None


class BrokerError(Exception):
    """Base of every error that the broker raises on purpose."""


class Refused(BrokerError):
    """A submission is refused. Carries every reason at once."""

    def __init__(self, refusals: tuple[Refusal, ...]) -> None:
        super().__init__("; ".join(f"{r.code}: {r.message}" for r in refusals))
        self.refusals = refusals


class CodedError(BrokerError):
    """An error with a code for programs and a message for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class Invalid(CodedError):
    """Input that cannot be used: a code, a message, and a pointer into the input (JSON pointer or file:line)."""

    def __init__(self, code: str, message: str, pointer: str = "") -> None:
        super().__init__(code, message)
        self.pointer = pointer


class Forbidden(CodedError):
    """The caller may see the object but may not do this to it."""


class Unknown(BrokerError):
    """The object does not exist, or the caller may not know that it does. Both cases give the same answer."""

    def __init__(self, what: str, ident: str) -> None:
        super().__init__(f"There is no {what} {ident!r}." if ident else f"There is no such {what}.")
        self.what, self.ident = what, ident


class Conflict(CodedError):
    """The object is not in a state that allows this."""


class Unavailable(BrokerError):
    """A service that is needed does not respond. Trying again later may help."""


class Breach(BrokerError):
    """An invariant is broken. The caller must stop and inform an administrator."""

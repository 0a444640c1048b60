"""The few kinds of error that cross rooms. A message is written where it is raised, for the person who reads it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason why a submission is refused: what, where in its text, and what to do instead.

    `line` and `column` count from 1 and are None where the reason has no one place;
    `variable` is `schema.table.variable` in catalogue spelling where the reason is about one.
    """

    code: str
    message: str
    advice: str = ""
    line: int | None = None
    column: int | None = None
    variable: str | None = None


class BrokerError(Exception):
    """Base of everything the broker raises on purpose."""


class Refused(BrokerError):
    """A submission is refused; carries every reason at once."""

    def __init__(self, refusals: tuple[Refusal, ...]) -> None:
        super().__init__("; ".join(f"{r.code}: {r.message}" for r in refusals))
        self.refusals = refusals


class Invalid(BrokerError):
    """Input that cannot be used: a code, a sentence, and a pointer into the input (JSON pointer or file:line)."""

    def __init__(self, code: str, message: str, pointer: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.pointer = code, message, pointer


class Forbidden(BrokerError):
    """The caller may see the thing but not do this to it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class Unknown(BrokerError):
    """The thing does not exist, or the caller may not know that it does: the two answer alike."""

    def __init__(self, what: str, ident: str) -> None:
        super().__init__(f"There is no {what} {ident!r}." if ident else f"There is no such {what}.")
        self.what, self.ident = what, ident


class Conflict(BrokerError):
    """The thing is not in a state that allows this."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class Unavailable(BrokerError):
    """A service that is needed does not answer; trying again later may help."""


class Breach(BrokerError):
    """Something that must always hold does not: stop and tell an administrator."""

"""Words about an output between checkers and researchers, and which of them need a second person. Stores nothing."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from broker.domain.errors import Invalid
from broker.domain.plain_text import check_plain

LONGEST = 2000


class Audience(StrEnum):
    """Who reads a message: checkers alone, or the project's researchers too."""

    STAFF = "staff"
    RESEARCHERS = "researchers"


@dataclass(frozen=True, slots=True)
class Message:
    """One message of an output's thread. `held`: it holds a figure, so researchers read it only once another checker
    has confirmed it. `number` is its place in the thread; 0 until it is stored."""

    output: str
    author: str
    at: datetime
    audience: Audience
    text: str
    held: bool = False
    confirmed_by: str | None = None
    number: int = 0

    @property
    def waits(self) -> bool:
        """Whether a second person has to look at it before researchers do."""
        return self.held and self.confirmed_by is None


def has_figure(text: str) -> bool:
    """Digits of any script, fractions and superscripts: what a checker saw may be in them."""
    return any(c.isnumeric() for c in text)


def check_words(text: str, pointer: str) -> str:
    """The words without what surrounds them; Invalid where nothing is said, or nothing that can be read."""
    words = text.replace("\r\n", "\n").strip()
    if not words or len(words) > LONGEST:
        raise Invalid("words", f"Write between one and {LONGEST:,} characters.", pointer)
    check_plain(words, "text", pointer, lines=True)
    return words

"""Words of closed lists, each with what people read for it."""

from enum import StrEnum


class DescribedWord(StrEnum):
    """A word of a closed list. `description`: what people read for it. A word is found by its value alone."""

    description: str

    def __new__(cls, value: str, description: str = "") -> "DescribedWord":
        found = str.__new__(cls, value)
        found._value_, found.description = value, description
        return found

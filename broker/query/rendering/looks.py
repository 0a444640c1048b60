"""A statement in up to two looks at the rows, for whoever runs it. Text only; what they see is written elsewhere."""

from dataclasses import dataclass

BOUNDS = "bounds"
"""The name of the temporary table that a first look makes."""


@dataclass(frozen=True, slots=True)
class Looks:
    """`text` is the result. With a `first`, that makes the table `bounds` beforehand, and `doubt` asks it one truth
    value: where it is true, `second` is the result and not `text`. A second look is dear even to plan.
    """

    text: str
    first: str | None = None
    doubt: str | None = None
    second: str | None = None

    @property
    def whole(self) -> str:
        """All of it in one statement, with the same result: the second look finds nothing where there is no doubt."""
        if self.first is None or self.second is None:
            return self.text
        bounds = f"WITH {BOUNDS} AS MATERIALIZED (\n{self.first}\n)"
        rest = self.second.removeprefix("WITH ")
        return f"{bounds},\n{rest}" if rest != self.second else f"{bounds}\n{rest}"

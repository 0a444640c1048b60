"""A text as the list of choices that a grammar made for it: drawn, mutated, and made smaller by the same list."""

from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Choices:
    """Numbers that a grammar asks for: those given first, then drawn ones, or 0 where nothing draws. The first of
    options is the simplest one."""

    def __init__(self, given: Sequence[int] = (), random: Random | None = None) -> None:
        self._given, self._random = given, random
        self.made: list[int] = []

    def number(self, below: int) -> int:
        at = len(self.made)
        if at < len(self._given):
            found = self._given[at] % below
        else:
            found = self._random.randrange(below) if self._random else 0
        self.made.append(found)
        return found

    def pick(self, options: Sequence[T]) -> T:
        return options[self.number(len(options))]

    def once_in(self, times: int) -> bool:
        """0 is no."""
        return self.number(times) == times - 1


def mutated(made: Sequence[int], random: Random) -> list[int]:
    """Some choices changed, a run of them taken out, doubled, or what follows one drawn anew."""
    found = list(made)
    for _ in range(random.choice((1, 1, 2, 3))):
        at = random.randrange(len(found)) if found else 0
        end = min(len(found), at + random.randint(1, 6))
        match random.randrange(5):
            case 0 | 1:
                found[at : at + 1] = [random.randrange(1 << 10)]
            case 2:
                del found[at:end]
            case 3:
                found[at:at] = found[at:end]
            case _:
                del found[at:]
    return found


def smaller(made: Sequence[int], still: Callable[[list[int]], bool], tries: int = 400) -> list[int]:
    """A short list of small choices of which `still` holds, by taking runs out and making numbers smaller."""
    found, left = list(made), tries
    changed = True
    while changed and left > 0:
        changed = False
        for candidate in _candidates(found):
            left -= 1
            if left <= 0:
                break
            if still(candidate):
                found, changed = candidate, True
                break
    return found


def _candidates(made: list[int]) -> Iterator[list[int]]:
    for width in (16, 8, 4, 2, 1):
        for at in range(0, len(made) - width + 1, max(1, width // 2)):
            yield made[:at] + made[at + width :]
    for width in (8, 4, 2, 1):
        for at in range(0, len(made) - width + 1, width):
            if any(made[at : at + width]):
                yield made[:at] + [0] * width + made[at + width :]
    for at, number in enumerate(made):
        if number > 1:
            yield [*made[:at], number // 2, *made[at + 1 :]]
            yield [*made[:at], number - 1, *made[at + 1 :]]

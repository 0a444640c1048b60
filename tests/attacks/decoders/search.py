"""The search: texts drawn and mutated, each run in towns that differ in one child; what differed guides it. Texts that
a person would look at, or that the child does not touch, are not counted."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple, Protocol

from tests.attacks.decoders.choices import Choices, mutated, smaller
from tests.attacks.decoders.conditions import Words
from tests.attacks.decoders.differences import HARMLESS, Change, Difference, Kind
from tests.attacks.decoders.queries import PADS, one_job

Texts = tuple[str, ...]
Spell = Callable[[Choices, Words, int], Texts]
KEPT = 400
"""Lists of choices that guide the search."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A text in one town: by each way that the child touches it, what differed."""

    made: tuple[int, ...]
    texts: Texts
    found: dict[str, Difference]

    @property
    def worst(self) -> tuple[str, Difference]:
        return max(self.found.items(), key=lambda one: one[1].kind)


class Pad(NamedTuple):
    """A text with another pad: how many numbers behind figures the child changes, whether it is seen, and which."""

    numbers: int
    seen: bool
    changes: frozenset[Change] = frozenset()


@dataclass
class Told:
    """What a search tells: how many texts of each kind, findings, and by measure how many numbers behind figures the
    child changed, and how many figures were seen to move."""

    texts: int = 0
    drawn: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    ways: Counter[str] = field(default_factory=Counter)
    numbers: Counter[str] = field(default_factory=Counter)
    moved: Counter[str] = field(default_factory=Counter)
    findings: list[Tried] = field(default_factory=list)


class Judge(Protocol):
    """Says what differs between a town and the same town with the child changed."""

    words: Words

    def differences(self, texts: Texts) -> dict[str, Difference] | None:
        """By each way that the child touches the texts; None where nothing leaves by itself, or nothing is touched."""


class Search:
    """Texts for one town, judged by `judge`. Those are counted that leave by themselves and that the child touches."""

    def __init__(self, judge: Judge, seed: int, spell: Spell = one_job) -> None:
        self._judge, self.random, self._spell = judge, Random(seed), spell
        self.told, self._seen, self._corpus = Told(), set[Texts](), dict[object, list[int]]()

    def counted(self, most: int) -> Iterator[Tried]:
        while self.told.texts < most:
            guided = bool(self._corpus) and self.random.random() < 0.5
            given = mutated(self.random.choice(list(self._corpus.values())), self.random) if guided else []
            choices = Choices(given, self.random)
            texts = self._spell(choices, self._judge.words, 0)
            self.told.drawn += 1
            if texts in self._seen:
                continue
            self._seen.add(texts)
            tried = self.tried(choices.made, texts)
            if tried is not None:
                self._note(tried, guided)
                yield tried

    def _note(self, tried: Tried, guided: bool) -> None:
        told, (way, worst) = self.told, tried.worst
        told.texts += 1
        told.kinds[worst.kind.name] += 1
        told.ways.update(tried.found.keys())
        if not guided:
            for d in tried.found.values():
                told.numbers.update(d.numbers)
                told.moved.update(d.moved)
        if worst.kind not in HARMLESS:
            told.findings.append(tried)
        if worst.kind is not Kind.NONE or any(d.changes for d in tried.found.values()):
            self._corpus[(way, worst.kind, worst.told[:24], self.random.randrange(8))] = list(tried.made)
            while len(self._corpus) > KEPT:
                del self._corpus[next(iter(self._corpus))]

    def tried(self, made: Sequence[int], texts: Texts) -> Tried | None:
        """None where it is not counted."""
        found = self._judge.differences(texts)
        return None if found is None else Tried(tuple(made), texts, found)

    def again(self, made: Sequence[int], pad: int = 0) -> Tried | None:
        choices = Choices(made)
        return self.tried(made, self._spell(choices, self._judge.words, pad))

    def smallest(self, tried: Tried, tries: int = 300) -> Tried:
        """The same kind of difference in the same way, by a shorter text."""
        way, worst = tried.worst

        def still(made: list[int]) -> bool:
            found = self.again(made)
            return found is not None and way in found.found and found.found[way].kind is worst.kind

        return self.again(smaller(tried.made, still, tries)) or tried

    def padded(self, tried: Tried, pads: int = 5) -> list[Pad]:
        """The same way with other pads: of as many as are counted at all and change other numbers than those before. A
        pad that leaves out nobody would repeat what the text was found for. A hidden number that crosses the threshold
        is among no changes, but it is one."""
        way, worst = tried.worst
        seen, changed = list[Pad](), {worst.changes}
        for pad in range(1, len(PADS)):
            found = self.again(tried.made, pad)
            if found is not None and way in found.found:
                told = found.found[way]
                if told.changes not in changed:
                    differs = told.kind is not Kind.NONE
                    seen.append(Pad(max(len(told.changes), differs), differs, told.changes))
                changed.add(told.changes)
            if len(seen) == pads:
                break
        return seen

"""The two levels of the search: in process (the rules on what the engine gives) and end to end (everything that is seen
of a broker). The second asks the first which ways touch a text, and how far a figure may move."""

import csv
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from broker.domain.errors import BrokerError
from broker.domain.plans.plan import Plan, PlannedOutput
from tests.attacks.decoders.conditions import words_of
from tests.attacks.decoders.differences import HARMLESS, Difference, Kind, difference, worst_of
from tests.attacks.decoders.end_to_end import Brokers, Seen
from tests.attacks.decoders.kit import (
    HOLE,
    LEAVES,
    Figure,
    Keys,
    Kit,
    Large,
    Left,
    large_ones_seldom,
    numbered,
    one_class_of_sizes,
    remembered_repairs,
)
from tests.attacks.decoders.search import Texts
from tests.attacks.decoders.towns import BASE, without_cap

OF_TABLES = ("table", "record", "parquet", "manifest")
OF_BYTES = re.compile(r'"(sha256|record_sha256|size)": [^\n]*')
"""What a manifest says of the bytes of tables: these are compared themselves."""
HAVING = re.compile(r" HAVING (.*) > \d+$", re.MULTILINE)


def with_having_shown(texts: Texts) -> Texts:
    """The same texts, where what HAVING asks of a group is a figure of its row instead."""
    found = []
    for text in texts:
        lines = text.split("\n")
        for n, line in enumerate(lines):
            if read := HAVING.search(line):
                lines[n] = HAVING.sub("", line).replace(" FROM ", f", {read[1]} AS held FROM ", 1)
        found.append("\n".join(lines))
    return tuple(found)


Again = Callable[[Texts], dict[str, Difference] | None]


def explained(texts: Texts, found: Mapping[str, Difference] | None, again: Again) -> dict[str, Difference] | None:
    """What is no decoder though it looks like one. A row that HAVING drops in the one and not in the other is at an
    edge where its figure, shown instead, is: HAVING asks what leaves. And what one class of sizes does not show."""
    if found is None:
        return None
    told = dict(found)
    for kind, ask, explains in (
        (Kind.EDGE, _having_shown, {Kind.EDGE, Kind.THRESHOLD}),  # a figure that stays explains no row that goes
        (Kind.SIZE, _one_size, {Kind.NONE, Kind.EDGE, Kind.THRESHOLD}),
    ):
        left = [way for way, one in told.items() if one.kind not in HARMLESS]
        instead = ask(texts, again) if left else {}
        told |= {w: replace(told[w], kind=kind) for w in left if w in instead and instead[w].kind in explains}
    return told


def _having_shown(texts: Texts, again: Again) -> dict[str, Difference]:
    shown = with_having_shown(texts)
    return {} if shown == texts else again(shown) or {}


def _one_size(texts: Texts, again: Again) -> dict[str, Difference]:
    with one_class_of_sizes():
        return again(texts) or {}


class InProcess:
    """See `search.Judge`."""

    def __init__(self, kit: Kit) -> None:
        self.kit, self.words = kit, words_of(kit.town)

    def differences(self, texts: Texts) -> dict[str, Difference] | None:
        return explained(texts, self._found(texts), self._found)

    def _found(self, texts: Texts) -> dict[str, Difference] | None:
        with remembered_repairs():
            looked = self.looked_at(texts)
        if looked is None:
            return None
        _, left = looked
        t = self.kit.profile.t
        return {
            way: worst_of([difference(b, a, t) for b, a in zip(left[BASE], outputs, strict=True)])
            for way, outputs in left.items()
            if way != BASE
        }

    def looked_at(self, texts: Texts) -> tuple[list[Plan], dict[str, list[list[Left]]]] | None:
        """The plans, and what leaves of each text in the ways that touch any."""
        plans = [plan for text in texts if (plan := self.kit.plan(text)) is not None]
        if len(plans) < len(texts):
            return None
        try:
            frames = [self.kit.asked(plan) for plan in plans]
        except BrokerError:
            return None
        touched = [way for way in frames[0] if any(f[way] != f[BASE] for f in frames)]
        if not touched:
            return None
        try:
            with large_ones_seldom(texts):
                left = {
                    way: [self.kit.left(plan, way, f[way]) for plan, f in zip(plans, frames, strict=True)]
                    for way in (BASE, *touched)
                }
        except Large:
            return None
        return (plans, left) if any(o.way is LEAVES for jobs in left.values() for job in jobs for o in job) else None


class EndToEnd:
    """See `search.Judge`."""

    def __init__(self, kit: Kit, brokers: Brokers) -> None:
        self._inner, self._brokers, self.words = InProcess(kit), brokers, words_of(kit.town)
        self._uncapped = Brokers(without_cap(kit.town), brokers.folder / "uncapped")

    def differences(self, texts: Texts) -> dict[str, Difference] | None:
        return explained(texts, self._found(texts), self._found)

    def _found(self, texts: Texts) -> dict[str, Difference] | None:
        """A difference by history is run again without the cap: what then is none was the cap's."""
        with remembered_repairs():
            looked = self._inner.looked_at(texts)
            if looked is None:
                return None
            plans, left = looked
            seen = {way: self._brokers.ran(way, texts) for way in left}
            if not any(s.leaves for s in seen.values()):
                return None
            found = {way: self._difference(plans, left, seen, way) for way in left if way != BASE}
            by_history = [way for way, told in found.items() if told.kind is Kind.HISTORY]
            again = {way: self._uncapped.ran(way, texts) for way in (BASE, *by_history) if by_history}
        for way in by_history:
            if self._difference(plans, left, again, way).kind in HARMLESS:
                found[way] = replace(found[way], kind=Kind.CAP)
        return found

    def _difference(
        self, plans: Sequence[Plan], left: Mapping[str, list[list[Left]]], seen: Mapping[str, Seen], way: str
    ) -> Difference:
        t = self._inner.kit.profile.t
        inner = worst_of([difference(b, a, t) for b, a in zip(left[BASE], left[way], strict=True)])
        before, after = seen[BASE].told, seen[way].told
        if before == after:
            return replace(inner, kind=Kind.NONE, moved=Counter())
        told = worst_of(
            [
                difference(_as_left(before, n, plan, b), _as_left(after, n, plan, a), t)
                for n, (plan, b, a) in enumerate(zip(plans, left[BASE], left[way], strict=True))
            ]
        )
        if apart := _beside_tables(before, after):
            told = replace(told, kind=Kind.STATE, told=f"{apart}; {told.told}")
        history = told.kind > Kind.FIGURES and inner.kind <= Kind.THRESHOLD
        crossed = told.kind > Kind.FIGURES and inner.kind is Kind.THRESHOLD
        return replace(told, kind=Kind.THRESHOLD if crossed else Kind.HISTORY if history else told.kind)


def _beside_tables(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """What else is seen to differ than tables, their records and what is said of their bytes."""

    def rest(told: Mapping[str, str]) -> dict[str, str]:
        words = {k: OF_BYTES.sub("", v) for k, v in told.items() if not k.startswith(OF_TABLES[:3])}
        return words | {k: "" for k in told if k.startswith(OF_TABLES[:3])}

    one, other = rest(before), rest(after)
    return ", ".join(sorted(k for k in one.keys() | other.keys() if one.get(k) != other.get(k)))


def _as_left(told: Mapping[str, str], number: int, plan: Plan, inner: Sequence[Left]) -> list[Left]:
    return [_of_output(told, number, p, left) for p, left in zip(plan.outputs, inner, strict=True)]


def _of_output(told: Mapping[str, str], number: int, planned: PlannedOutput, inner: Left) -> Left:
    """As the kit has it, with the rows that were released; without a table no figure is compared."""
    place = f"{number} {planned.name}"
    if f"table {place}" not in told:
        return replace(inner, content=b"", rows={})
    content = told[f"table {place}"] + told[f"record {place}"]
    header, *lines = csv.reader(told[f"table {place}"].splitlines())
    keys = [i for i, c in enumerate(planned.columns) if c.is_key]
    rows: dict[Keys, dict[str, Figure]] = {}
    for line in lines:
        at = numbered(rows, [line[i] for i in keys])
        known = inner.rows.get(at, {})
        most = max((f.step for row in inner.rows.values() for f in row.values()), default=0)
        rows[at] = {
            name: Figure(
                None if line[i] == HOLE else line[i],
                known[name].exact if name in known else None,
                known[name].step if name in known else most,
                planned.columns[i].statistic,
            )
            for i, name in enumerate(header)
            if i not in keys
        }
    return replace(inner, way=LEAVES, content=content.encode(), rows=rows)

"""The two levels of the search: in process (the rules on what the engine gives) and end to end (everything that is seen
of a broker). The second asks the first which ways touch a text, and how far a figure may move."""

import csv
import re
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from unittest.mock import patch

from broker.disclosure.linking import rerun_attack
from broker.domain.errors import BrokerError
from broker.domain.plans.plan import Plan
from broker.domain.plans.scalars import Value
from tests.attacks.decoders.conditions import words_of
from tests.attacks.decoders.differences import (
    HARMLESS,
    NOTHING,
    Difference,
    Kind,
    difference,
    is_edge,
    neighbouring_thresholds,
    worst_of,
)
from tests.attacks.decoders.end_to_end import Brokers, Seen
from tests.attacks.decoders.kit import (
    HOLE,
    LEAVES,
    Figure,
    Kit,
    Large,
    Left,
    are_equal,
    large_ones_seldom,
    remembered_repairs,
)
from tests.attacks.decoders.search import Texts
from tests.attacks.decoders.towns import BASE, with_threshold, without_cap

OF_TABLES = ("table", "record", "parquet", "manifest")
OF_BYTES = re.compile(r'"(sha256|record_sha256|size)": [^\n]*')
"""What a manifest says of the bytes of tables: these are compared themselves."""
LeftByWay = dict[str, list[list[Left]]]
"""By way, what leaves of each output of each text."""


class InProcess:
    """See `search.Judge`."""

    def __init__(self, kit: Kit) -> None:
        self.kit, self.words = kit, words_of(kit.town)

    def differences(self, texts: Texts) -> dict[str, Difference] | None:
        with remembered_repairs():
            looked = self.looked_at(texts)
            if looked is None:
                return None
            _, left = looked
            return {way: self.difference(texts, left, way) for way in left if way != BASE}

    def difference(self, texts: Texts, left: LeftByWay, way: str) -> Difference:
        """What differs between the town and one way. Closed figures explain holes where there are none without."""
        found = self._at_thresholds(texts, left, way)
        if found.kind is Kind.HOLES:
            with patch.object(rerun_attack, "closed_figures", lambda *_: frozenset()):
                looked = self.looked_at(texts)
                if looked is not None and self._at_thresholds(texts, looked[1], way).kind in HARMLESS:
                    return replace(found, kind=Kind.CLOSED)
        return found

    def _at_thresholds(self, texts: Texts, left: LeftByWay, way: str) -> Difference:
        """The threshold explains a difference only where there is none with the next thresholds, above and below, that
        no number crosses."""
        t = self.kit.profile.t
        found = _between(left, way, t)
        if found.kind is Kind.THRESHOLD:
            for other in neighbouring_thresholds(left[BASE], left[way], t):
                with self.kit.threshold(other):
                    looked = self.looked_at(texts)
                beside = None if looked is None or way not in looked[1] else _between(looked[1], way, other)
                if beside is not None and beside.kind > Kind.EDGE:
                    return replace(found, kind=beside.kind, told=f"{beside.told} with a threshold of {other}")
        return found

    def looked_at(self, texts: Texts) -> tuple[list[Plan], LeftByWay] | None:
        """The plans, and what leaves of each text in the ways that touch any."""
        plans = [plan for text in texts if (plan := self.kit.plan(text)) is not None]
        if len(plans) < len(texts):
            return None
        try:
            frames = [self.kit.asked(plan) for plan in plans]
        except BrokerError:
            return None
        touched = [way for way in frames[0] if not all(are_equal(f[way], f[BASE]) for f in frames)]
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


def _between(left: LeftByWay, way: str, t: int) -> Difference:
    return worst_of([difference(b, a, t) for b, a in zip(left[BASE], left[way], strict=True)])


class EndToEnd:
    """See `search.Judge`."""

    def __init__(self, kit: Kit, brokers: Brokers) -> None:
        self._inner, self._brokers, self.words = InProcess(kit), brokers, words_of(kit.town)
        self._uncapped = Brokers(without_cap(brokers.town), brokers.folder / "uncapped")
        self._others = dict[int, Brokers]()

    def differences(self, texts: Texts) -> dict[str, Difference] | None:
        """A difference by history or by state is run again without the cap: what then is none was the cap's."""
        with remembered_repairs():
            found = dict(self._ran(texts, self._brokers) or {})
            for way, one in found.items():
                if one.kind in {Kind.HISTORY, Kind.STATE} and self._is_harmless(texts, self._uncapped, way):
                    found[way] = replace(one, kind=Kind.CAP)
                elif one.kind is Kind.HISTORY and self._is_of_threshold(texts, way):
                    found[way] = replace(one, kind=Kind.THRESHOLD)
        return found or None

    def _is_harmless(self, texts: Texts, brokers: Brokers, way: str) -> bool:
        again = self._ran(texts, brokers, {way}) or {}
        return way in again and again[way].kind in HARMLESS

    def _is_of_threshold(self, texts: Texts, way: str) -> bool:
        """Whether nothing of the kind is seen with the threshold below and the one beyond: so many persons are between
        two figures of the series that t of them are in the one town, and not in the other."""
        t = self._inner.kit.profile.t
        for other in (t - 1, t + 1):
            with self._inner.kit.threshold(other):
                if not self._is_harmless(texts, self._with_threshold(other), way):
                    return False
        return True

    def _with_threshold(self, t: int) -> Brokers:
        if t not in self._others:
            folder = self._brokers.folder / f"threshold-{t}"
            self._others[t] = Brokers(with_threshold(self._uncapped.town, t), folder)
        return self._others[t]

    def _ran(self, texts: Texts, brokers: Brokers, only: Set[str] = frozenset()) -> dict[str, Difference] | None:
        """What each way differs in, or some ways."""
        looked = self._inner.looked_at(texts)
        if looked is None:
            return None
        plans, left = looked
        ways = [way for way in left if way != BASE and (not only or way in only)]
        seen = {way: brokers.ran(way, texts) for way in (BASE, *ways)}
        if not any(s.leaves for s in seen.values()):
            return None
        inner = {way: self._inner.difference(texts, left, way) for way in ways}
        return {way: self._difference(plans, left, seen, way, inner[way]) for way in ways}

    def _difference(
        self, plans: Sequence[Plan], left: LeftByWay, seen: Mapping[str, Seen], way: str, inner: Difference
    ) -> Difference:
        before, after = seen[BASE].told, seen[way].told
        if before == after:
            return replace(inner, kind=Kind.NONE, moved=Counter())
        if apart := _beside_tables(before, after):
            crossed = inner.kind is Kind.THRESHOLD
            return replace(inner, kind=Kind.THRESHOLD if crossed else Kind.STATE, told=f"{apart}; {inner.told}")
        told = f"{_tables_apart(before, after)}; {inner.told}"
        if inner.kind in {Kind.NONE, Kind.EDGE} and self._changed_by_history(plans, left, seen, way):
            return replace(inner, kind=Kind.HISTORY, told=told)
        if inner.kind is not Kind.NONE:
            return inner
        # Of what the history shows otherwise, a figure can be at an edge, too.
        is_table = any(before.get(k) != after.get(k) for k in before.keys() | after.keys() if k.startswith("table"))
        return replace(inner, kind=Kind.EDGE if is_table else Kind.HISTORY, told=told)

    def _changed_by_history(self, plans: Sequence[Plan], left: LeftByWay, seen: Mapping[str, Seen], way: str) -> bool:
        """Whether a figure that the history shows differs between the two by more than an edge, or rows or hidden
        figures differ in another way than without a history, or a table does and no figure that it is computed from."""
        for number, plan in enumerate(plans):
            for n, planned in enumerate(plan.outputs):
                place = f"{number} {planned.name}"
                keys = [i for i, c in enumerate(planned.columns) if c.is_key]
                judged = [left[w][number][n] for w in (BASE, way)]
                tables = [seen[w].told.get(f"table {place}", "") for w in (BASE, way)], [j.table for j in judged]
                if _differ_anew(*([holes(rows_by_key(t, keys)) for t in of] for of in tables)):
                    return True
                shown = [seen[w].figures.get(place, {}) for w in (BASE, way)]
                if tables[0][0] != tables[0][1] and shown[0] == shown[1]:
                    return True
                for at in judged[0].figures.keys() | judged[1].figures.keys():
                    figures = [f.get(at, HOLE) for f in shown]
                    alone = [j.figures.get(at, NOTHING) for j in judged]
                    if _differ_anew([f == HOLE for f in figures], [f.shown == HOLE for f in alone]):
                        return True
                    if not is_judged(*zip(figures, alone, strict=True)):
                        return True
        return False


def _differ_anew(shown: Sequence[object], alone: Sequence[object]) -> bool:
    """Whether two towns differ, and not as without a history."""
    return shown[0] != shown[1] and shown != alone


def is_judged(one: tuple[Value, Figure], other: tuple[Value, Figure]) -> bool:
    """Whether each town hides a figure, or shows it as it is judged without a history, or within an edge of the other
    town's: what the history shows alike in both tells nothing."""
    (shown, judged), (also, like) = one, other
    is_shown = HOLE not in {shown, also}
    is_near = shown == also or (is_shown and is_edge(replace(judged, shown=shown), replace(like, shown=also)))
    return is_near or all(s in {HOLE, j.shown} for s, j in (one, other))


Fields = tuple[str, ...]
RowsByKey = dict[Fields, list[Fields]]


def rows_by_key(table: str, keys: Sequence[int]) -> RowsByKey:
    found = RowsByKey()
    for row in list(csv.reader(table.splitlines()))[1:]:
        found.setdefault(tuple(row[i] for i in keys), []).append(tuple(row))
    return found


def holes(rows: RowsByKey) -> list[tuple[Fields, tuple[bool, ...]]]:
    """The rows of a table by their keys, each with what of it is hidden."""
    return sorted((key, tuple(field == HOLE for field in row)) for key, some in rows.items() for row in some)


def _tables_apart(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    return ", ".join(sorted(k for k in before.keys() | after.keys() if before.get(k) != after.get(k)))


def _beside_tables(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """What else is seen to differ than tables, their records and what is said of their bytes."""

    def rest(told: Mapping[str, str]) -> dict[str, str]:
        words = {k: OF_BYTES.sub("", v) for k, v in told.items() if not k.startswith(OF_TABLES[:3])}
        return words | {k: "" for k in told if k.startswith(OF_TABLES[:3])}

    one, other = rest(before), rest(after)
    return ", ".join(sorted(k for k in one.keys() | other.keys() if one.get(k) != other.get(k)))

"""The two levels of the search: in process (the rules on what the engine gives) and end to end (everything that is seen
of a broker). The second asks the first which ways touch a text, and how far a figure may move."""

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import product
from types import MappingProxyType

from broker.domain.errors import BrokerError
from broker.domain.plans.lineage import lineage_of
from broker.domain.plans.operators import PostAggregation, Project, Union, walk
from broker.domain.plans.plan import Plan, PlannedOutput
from broker.domain.plans.scalars import ColumnRef, Scalar, ScalarType, column_ids, with_parts
from broker.postprocessing.exact_arithmetic import evaluate
from tests.attacks.decoders.conditions import words_of
from tests.attacks.decoders.differences import HARMLESS, Difference, Kind, difference, neighbouring_thresholds, worst_of
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
    one_class_of_sizes,
    remembered_repairs,
)
from tests.attacks.decoders.search import Texts
from tests.attacks.decoders.towns import BASE, without_cap

OF_TABLES = ("table", "record", "parquet", "manifest")
OF_BYTES = re.compile(r'"(sha256|record_sha256|size)": [^\n]*')
"""What a manifest says of the bytes of tables: these are compared themselves."""
NUMBER = re.compile(r"-?\d+(\.\d+)?")
LeftByWay = dict[str, list[list[Left]]]
"""By way, what leaves of each output of each text."""
Again = Callable[[Texts], dict[str, Difference] | None]


def explained(texts: Texts, found: Mapping[str, Difference] | None, again: Again) -> dict[str, Difference] | None:
    """What is no decoder though it looks like one: what one class of sizes does not show."""
    if found is None:
        return None
    told = dict(found)
    if left := [way for way, one in told.items() if one.kind not in HARMLESS]:
        with one_class_of_sizes():
            instead = again(texts) or {}
        harmless = {Kind.NONE, Kind.EDGE, Kind.THRESHOLD}
        told |= {w: replace(told[w], kind=Kind.SIZE) for w in left if w in instead and instead[w].kind in harmless}
    return told


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
            return {way: self.difference(texts, left, way) for way in left if way != BASE}

    def difference(self, texts: Texts, left: LeftByWay, way: str) -> Difference:
        """What differs between the town and one way. The threshold explains it only where there is none with the next
        thresholds, above and below, that no number crosses."""
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
        self._uncapped = Brokers(without_cap(kit.town), brokers.folder / "uncapped")

    def differences(self, texts: Texts) -> dict[str, Difference] | None:
        return explained(texts, self._found(texts), self._found)

    def _found(self, texts: Texts) -> dict[str, Difference] | None:
        """A difference by history or by state is run again without the cap: what then is none was the cap's."""
        with remembered_repairs():
            looked = self._inner.looked_at(texts)
            if looked is None:
                return None
            plans, left = looked
            seen = {way: self._brokers.ran(way, texts) for way in left}
            if not any(s.leaves for s in seen.values()):
                return None
            inner = {way: self._inner.difference(texts, left, way) for way in left if way != BASE}
            found = {way: self._difference(plans, left, seen, way, inner[way]) for way in inner}
            by_history = [way for way, told in found.items() if told.kind in {Kind.HISTORY, Kind.STATE}]
            again = {way: self._uncapped.ran(way, texts) for way in (BASE, *by_history) if by_history}
        for way in by_history:
            if self._difference(plans, left, again, way, inner[way]).kind in HARMLESS:
                found[way] = replace(found[way], kind=Kind.CAP)
        return found

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
        """Whether a figure that differs between the two by more than an edge is neither hidden nor the one that leaves
        without a history, or rows or hidden figures differ between the two in another way than without a history."""
        for number, plan in enumerate(plans):
            for n, planned in enumerate(plan.outputs):
                keys = [i for i, c in enumerate(planned.columns) if c.is_key]
                place = f"table {number} {planned.name}"
                released = [rows_by_key(seen[w].told.get(place, ""), keys) for w in (BASE, way)]
                judged = [rows_by_key(left[w][number][n].table, keys) for w in (BASE, way)]
                hidden = [holes(r) for r in released]
                if hidden[0] != hidden[1] and hidden != [holes(j) for j in judged]:
                    return True
                follows = computed_columns(planned)
                shown, alone = ([without(r, follows) for r in found] for found in (released, judged))
                moves = moves_of(planned, [left[w][number][n] for w in (BASE, way)])
                pairs = zip(shown, alone, reversed(shown), strict=True)
                if not all(is_judged(r, j, other, moves) for r, j, other in pairs):
                    return True
        return False


Fields = tuple[str, ...]
RowsByKey = dict[Fields, list[Fields]]


def rows_by_key(table: str, keys: Sequence[int]) -> RowsByKey:
    found = RowsByKey()
    for row in list(csv.reader(table.splitlines()))[1:]:
        found.setdefault(tuple(row[i] for i in keys), []).append(tuple(row))
    return found


def computed_columns(planned: PlannedOutput) -> frozenset[int]:
    """The columns that are computed from statistics that other columns show. Each follows from these and from the
    holes, so that it tells nothing else."""
    statistics = {s.ident for t in planned.tables for s in t.statistics}
    shown = {n: found for n, c in enumerate(planned.columns) if (found := _shown(c.expression, planned)) <= statistics}
    told = frozenset[int]().union(*shown.values())
    sources = lineage_of(planned).column_statistics
    return frozenset(n for n, of in enumerate(sources) if of and not shown.get(n) and of <= told)


def _shown(scalar: Scalar, planned: PlannedOutput) -> frozenset[int]:
    """The columns of tables that a column shows as they are; -1 among them for anything else."""
    found = _alternatives(scalar, planned.program)
    return frozenset(e.ident if isinstance(e, ColumnRef) else -1 for e in found)


def without(rows: RowsByKey, columns: Collection[int]) -> RowsByKey:
    return {
        k: [tuple("" if n in columns else f for n, f in enumerate(row)) for row in some] for k, some in rows.items()
    }


Move = tuple[Decimal, Decimal]
Moves = Mapping[int, Sequence[Move]]
"""How far the history may move a figure: for each column, its figures without a history, each with how far it moves
where every statistic of its row that it is computed from moves by a step of its rounding. A figure of several rows (a
window) may not move, unless it follows from shown ones."""
DIGITS = Decimal("0.0006")
"""By how much a table shows a computed figure otherwise than it is, at most."""


def moves_of(planned: PlannedOutput, left: Sequence[Left]) -> Moves:
    cells = defaultdict[tuple[int, object, object], dict[int, Figure]](dict)
    for number, one in enumerate(left):
        for (table, keys, ident), figure in one.figures.items():
            cells[number, table, keys][ident] = figure
    alternatives = {n: _alternatives(c.expression, planned.program) for n, c in enumerate(planned.columns)}
    return {n: [m for e in some for c in cells.values() for m in _moves(e, c)] for n, some in alternatives.items()}


def _moves(expression: Scalar, cell: Mapping[int, Figure]) -> Iterator[Move]:
    idents = sorted(column_ids(expression))
    figures = [cell[i] for i in idents if i in cell and isinstance(cell[i].shown, int | Decimal)]
    if not idents or len(figures) < len(idents):
        return
    corners = [(f.shown, f.shown - f.step, f.shown + f.step) for f in figures]
    found = [evaluate(expression, dict(zip(idents, values, strict=True))) for values in product(*corners)]
    if isinstance(found[0], int | Decimal):
        alone = Decimal(found[0])
        yield alone, max(abs(Decimal(v) - alone) for v in found if isinstance(v, int | Decimal))


def _alternatives(scalar: Scalar, program: PostAggregation) -> list[Scalar]:
    """What a column is computed from, in each part of each union."""
    known: list[dict[int, Scalar]] = [{}]
    for part in walk(program):
        if isinstance(part, Project):
            known = [one | dict(part.columns) for one in known]
        elif isinstance(part, Union):
            branches = [
                {i: ColumnRef(inner[n], ScalarType.DECIMAL) for i, inner in part.columns}
                for n in range(len(part.parts))
            ]
            known = [one | branch for one in known for branch in branches]
    return list(dict.fromkeys(_expanded(scalar, one) for one in known))


def _expanded(scalar: Scalar, definitions: Mapping[int, Scalar]) -> Scalar:
    if isinstance(scalar, ColumnRef) and (inner := definitions.get(scalar.ident, scalar)) != scalar:
        return _expanded(inner, definitions)
    return with_parts(scalar, lambda part: _expanded(part, definitions))


def is_judged(released: RowsByKey, judged: RowsByKey, other: RowsByKey, moves: Moves = MappingProxyType({})) -> bool:
    """Whether each released row is a judged one, of which fields may be hidden, as far as the other town's rows of its
    key differ from it by more than the history may move it. A figure that history shows in both towns alike tells
    nothing."""
    return all(
        any(
            all(
                r in {HOLE, j} or is_same(other, key, place, r, j, moves.get(place, ()))
                for place, (r, j) in enumerate(zip(row, one, strict=True))
            )
            for one in judged.get(key, ())
        )
        for key, rows in released.items()
        for row in rows
    )


def is_same(rows: RowsByKey, key: Fields, place: int, field: str, judged: str, moves: Sequence[Move]) -> bool:
    """Whether the field is the same in the rows of its key, or no further from it than the history may move it."""
    others = {row[place] for row in rows.get(key, ())}
    if others == {field} or len(others) != 1 or not all(map(NUMBER.fullmatch, (field, judged, *others))):
        return others == {field}
    apart = abs(Decimal(field) - Decimal(others.pop()))
    return any(abs(alone - Decimal(judged)) <= DIGITS and apart <= by + DIGITS for alone, by in moves)


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

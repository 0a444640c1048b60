"""Relations of a plan evaluated row by row in plain Python, by the definition of each node: a reference for rendering.

Rows are dicts from column ids to values, the person number among them. Nodes are met by the name of their class.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from scalar_reference import NoReferenceValue, Row, aggregate, exact, order_key, sorted_rows, value

Tables = Mapping[str, Sequence[Mapping[str, Any]]]


def grouped(rows: Iterable[Row], key: Callable[[Row], tuple[Any, ...]]) -> dict[tuple[Any, ...], list[Row]]:
    """NULLs are one group; whole numbers and fractions of one value too."""
    found: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        found.setdefault(key(row), []).append(row)
    return found


class Evaluator:
    """`least`: the persons below which a group that meets rows of persons does not exist, or is NULL."""

    def __init__(self, tables: Tables, least: int = 1) -> None:
        self.tables, self.least = tables, least

    def rows(self, relation: Any, outer: Row | None = None) -> list[dict[int, Any]]:
        found = getattr(self, "_" + type(relation).__name__.lower(), None)
        if found is None:
            raise NoReferenceValue(type(relation).__name__)
        rows: list[dict[int, Any]] = found(relation, outer or {})
        return rows

    def _scan(self, scan: Any, outer: Row) -> list[dict[int, Any]]:
        """Not cut to the years of the scan: they may only say what the filters say."""
        person = {} if scan.person is None else {scan.person: "__p"}
        named = {c.ident: c.variable for c in scan.columns} | person
        return [{**outer, **{i: exact(r[n]) for i, n in named.items()}} for r in self.tables[scan.table]]

    def _values(self, values: Any, outer: Row) -> list[dict[int, Any]]:
        idents = [i for i, _ in values.columns]
        return [{**outer, **dict(zip(idents, [value(s, outer) for s in r], strict=True))} for r in values.rows]

    def _filter(self, node: Any, outer: Row) -> list[dict[int, Any]]:
        return [r for r in self.rows(node.child, outer) if value(node.predicate, r) is True]

    def _project(self, node: Any, outer: Row) -> list[dict[int, Any]]:
        return [{**r, **{i: value(s, r) for i, s in node.columns}} for r in self.rows(node.child, outer)]

    def _join(self, node: Any, outer: Row) -> list[dict[int, Any]]:
        how, lateral = node.how.name, getattr(node, "lateral", False)
        right = None if lateral else self.rows(node.right, outer)
        found, met = [], set()
        for row in self.rows(node.left, outer):
            alone = True
            for index, other in enumerate(self.rows(node.right, row) if right is None else right):
                both = {**row, **other}
                if node.on is None or value(node.on, both) is True:
                    found.append(both)
                    met.add(index)
                    alone = False
            if alone and how in {"LEFT", "FULL"}:
                found.append(row)
        if how == "FULL":
            found += [r for i, r in enumerate(right or ()) if i not in met]
        return [self._one_person(node, r) for r in found]

    @staticmethod
    def _one_person(node: Any, row: dict[int, Any]) -> dict[int, Any]:
        """An outer join's row belongs to whichever side has a person."""
        both = getattr(node, "both", None)
        if both is None:
            return row
        first = row.get(both[0])
        return {**row, node.person: row.get(both[1]) if first is None else first}

    def _aggregate(self, node: Any, outer: Row) -> list[dict[int, Any]]:
        rows = self.rows(node.child, outer)
        own = [] if node.person is None else [node.counted]
        groups = (
            grouped(rows, lambda r: (*(value(s, r) for _, s in node.keys), *(r.get(i) for i in own)))
            if node.keys
            else {(): rows}
        )
        found = [self._group(node, keys[: len(node.keys)], group, outer) for keys, group in groups.items()]
        return [r for r in found if r is not None]

    def _group(self, node: Any, keys: tuple[Any, ...], rows: list[Row], outer: Row) -> dict[int, Any] | None:
        """A group that is not one person's exists only with enough persons, and so does each of its aggregates."""
        row = {**outer, **{i: v for (i, _), v in zip(node.keys, keys, strict=True)}}
        persons = {r.get(node.counted) for r in rows} - {None} if node.counted is not None else set()
        own = node.person is not None
        context = node.counted is not None and not own
        if context and node.keys and len(persons) < self.least:
            return None
        for ident, one in node.aggregates:
            row[ident] = self._context_value(one, rows, node.counted if context else None)
        if node.person is not None:
            row[node.person] = next(iter(persons), None) if own else None
        return row

    def _context_value(self, one: Any, rows: list[Row], counted: int | None) -> Any:
        if counted is not None and len(self._behind(one, rows, counted)) < self.least:
            return None
        return aggregate(one.op, one.args, rows)

    @staticmethod
    def _behind(one: Any, rows: list[Row], counted: int) -> set[Any]:
        """The persons who contribute to an aggregate: those with a value."""
        some = (r for r in rows if not one.args or value(one.args[0], r) is not None)
        return {r.get(counted) for r in some} - {None}

    def _window(self, node: Any, outer: Row) -> list[dict[int, Any]]:
        rows = self.rows(node.child, outer)
        for column in node.columns:
            for group in grouped(rows, lambda r, c=column: tuple(value(s, r) for s in c.partition)).values():
                told = self._windowed(column, sorted_rows(group, column.order))
                hide = column.shared and len(self._behind(column.function, group, node.counted)) < self.least
                for row, found in told:
                    row[column.ident] = None if hide else found
        return rows

    def _windowed(self, column: Any, ordered: list[Any]) -> list[tuple[dict[int, Any], Any]]:
        """Each row with its value; a running aggregate takes in the rows that are equal in the order."""
        op, args = column.function.op, column.function.args
        places = [tuple(order_key(value(s, r)) for s, _ in column.order) for r in ordered]
        n = len(ordered)
        first = [places.index(p) for p in places]
        last = [n - 1 - places[::-1].index(p) for p in places]
        match op:
            case "row_number":
                return [(r, i + 1) for i, r in enumerate(ordered)]
            case "rank":
                return [(r, first[i] + 1) for i, r in enumerate(ordered)]
            case "dense_rank":
                return [(r, len(set(places[: i + 1]))) for i, r in enumerate(ordered)]
            case "percent_rank":
                return [(r, Fraction(first[i], n - 1) if n > 1 else 0) for i, r in enumerate(ordered)]
            case "cumulative_share":
                return [(r, Fraction(last[i] + 1, n)) for i, r in enumerate(ordered)]
            case "ntile":
                return [(r, self._tile(i, n, value(args[0], r))) for i, r in enumerate(ordered)]
            case "lag" | "lead":
                step = int(value(args[1], {})) if len(args) > 1 else 1
                ahead = step if op == "lead" else -step
                others = [ordered[i + ahead] if 0 <= i + ahead < n else None for i in range(n)]
                return [(r, o and value(args[0], o)) for r, o in zip(ordered, others, strict=True)]
            case "first":
                return [(r, value(args[0], ordered[0])) for r in ordered]
        ends = [last[i] + 1 if column.order else n for i in range(n)]
        return [(r, aggregate(op, args, ordered[: ends[i]])) for i, r in enumerate(ordered)]

    @staticmethod
    def _tile(place: int, rows: int, tiles: int) -> int:
        """The first `rows % tiles` tiles hold one row more."""
        size, more = divmod(rows, tiles)
        large = more * (size + 1)
        return place // (size + 1) + 1 if place < large else more + (place - large) // max(size, 1) + 1

    def _union(self, node: Any, outer: Row) -> list[dict[int, Any]]:
        columns = [*node.columns, *([node.person] if node.person is not None else [])]
        return [
            {**outer, **{ident: row.get(inner[number]) for ident, inner in columns}}
            for number, part in enumerate(node.parts)
            for row in self.rows(part, outer)
        ]

    def _apply(self, node: Any, outer: Row) -> list[dict[int, Any]]:
        found = []
        for row in self.rows(node.child, outer):
            inner = self.rows(node.sub, row)
            if node.column is not None and len(inner) > 1:
                raise ValueError("a scalar subquery gives more than one row")
            one = bool(inner) if node.column is None else inner[0].get(node.column) if inner else None
            found.append({**row, node.ident: one})
        return found

    def _limit(self, node: Any, outer: Row) -> list[dict[int, Any]]:
        return [dict(r) for r in sorted_rows(self.rows(node.child, outer), node.order)[: node.count]]

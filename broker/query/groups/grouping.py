"""The top γ: GROUP BY over persons to tables, statistics and what the program above them reads."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import TYPE_CHECKING

from sqlglot import exp

from broker.domain.groups import Base, Extend, Group, Stack
from broker.domain.plans import KEY, Measure
from broker.domain.renaming import put_in
from broker.domain.scalars import NULL, Column, Literal, Scalar, Type
from broker.domain.variables import How
from broker.query.groups.aggregating import aggregate
from broker.query.groups.fixing import fixed_in
from broker.query.groups.grouped import Grouped, has_aggregate, items_of, key_node
from broker.query.groups.keys import misused_quasi, note_answers
from broker.query.groups.programs import Program
from broker.query.groups.statistics import DraftTable, Statistics
from broker.query.groups.tails import tail
from broker.query.kinds import Groups, Rows
from broker.query.refusing import Stop

if TYPE_CHECKING:
    from broker.query.binder import Binder
    from broker.query.rows.stages import Stage

MOST_SETS = 64


@dataclass(slots=True)
class Marks:
    """GROUPING(k) columns by the key that they ask for."""

    asked: dict[Scalar, Column] = field(default_factory=dict)


class Top(Grouped):
    """Expressions over the keys and statistics of the top γ."""

    def __init__(self, stage: "Stage", keys: dict[Scalar, Column], statistics: Statistics, marks: Marks) -> None:
        rows = stage.meaning
        super().__init__(rows, keys, lambda n: aggregate(n, rows, statistics), is_rows=False)
        self._stage, self._marks = stage, marks

    def scalar(self, node: exp.Expr) -> Scalar:
        if isinstance(node, exp.Grouping):
            return self._grouping(node)
        return super().scalar(node)

    def _grouping(self, node: exp.Grouping) -> Column:
        if len(node.expressions) != 1:
            raise Stop("grouping", "GROUPING takes one key.", "Write GROUPING(a) for each.", node)
        key = self._rows.value(node.expressions[0])
        if key not in self._keys:
            raise Stop("not-grouped", "GROUPING asks for a key of GROUP BY.", "Add it to GROUP BY.", node)
        if key not in self._marks.asked:
            self._marks.asked[key] = Column(self.book.new_id(), Type.INT)
            self.book.labels[self._marks.asked[key].ident] = KEY
        return self._marks.asked[key]


def bind(stage: "Stage") -> Groups | None:
    """A SELECT that groups persons' rows."""
    binder, select = stage.binder, stage.select
    book = binder.book
    sets = _key_sets(stage)
    keys = {e: book.new_key(e) for e in dict.fromkeys(e for s in sets for e in s)}
    statistics, marks = (
        Statistics(book, fixed=fixed_in(stage.settle().relation, book), in_parts=binder.in_parts),
        Marks(),
    )
    top = Top(stage, keys, statistics, marks)
    top.has_aggregates = any(has_aggregate(i) for i in select.expressions)
    program = Program(binder, stage.meaning.names, translator=top)
    top.apart = program.apart
    given = tail(binder, select, program, top)
    rows = stage.settle()
    if not statistics.found:
        statistics.add(Measure.COUNT_ROWS, None, Type.INT)
    statistics.finish()
    for statistic in statistics.found:
        book.labels.setdefault(statistic.ident, statistic.measure.value)
    if given is None:
        return None
    base = _base(binder, rows, sets, keys, statistics, marks)
    return Groups(program.built(base), given, tuple(keys.values()), lone=sets == [()])


def _base(
    binder: "Binder",
    rows: Rows,
    sets: list[tuple[Scalar, ...]],
    keys: dict[Scalar, Column],
    statistics: Statistics,
    marks: Marks,
) -> Group:
    """The tables: one for each set of keys, stacked under the ids that the program reads."""
    if len(sets) == 1:
        binder.tables.append(DraftTable(rows, keys, statistics))
        absent = [(c.ident, Literal(0, Type.INT)) for c in marks.asked.values()]
        return _extended(Base(len(binder.tables) - 1), [*absent, *statistics.totals.items()])
    book = binder.book
    parts: list[Group] = []
    idents: list[dict[int, int]] = []
    for one in sets:
        names: dict[int, int] = {}
        copied = {e: book.new_key(e) for e in one}
        names |= {keys[e].ident: c.ident for e, c in copied.items()}
        again = _copied(statistics, names)
        binder.tables.append(DraftTable(rows, copied, again))
        blank: list[tuple[int, Scalar]] = []
        for e, column in keys.items():
            if e not in copied:
                names[column.ident] = book.new_id()
                blank.append((names[column.ident], NULL))
        for e, column in marks.asked.items():
            names[column.ident] = book.new_id()
            blank.append((names[column.ident], Literal(0 if e in copied else 1, Type.INT)))
        parts.append(_extended(Base(len(binder.tables) - 1), [*blank, *again.totals.items()]))
        idents.append(names)
    stacked = [
        *(c.ident for c in keys.values()),
        *(c.ident for c in marks.asked.values()),
        *(s.ident for s in statistics.found),
        *statistics.totals,
    ]
    return Stack(tuple(parts), tuple((i, tuple(n[i] for n in idents)) for i in stacked))


def _extended(base: Group, columns: Sequence[tuple[int, Scalar]]) -> Group:
    return Extend(base, tuple(columns)) if columns else base


def _copied(statistics: Statistics, names: dict[int, int]) -> Statistics:
    """The same statistics for another table, under new ids."""
    book = statistics.book
    names |= {s.ident: book.new_id() for s in statistics.found}
    for statistic in statistics.found:
        book.labels[names[statistic.ident]] = statistic.measure.value
    found = [
        replace(
            s,
            ident=names[s.ident],
            behind=None if s.behind is None else names[s.behind],
            like=None if s.like is None else names[s.like],
        )
        for s in statistics.found
    ]
    names |= {ident: book.new_id() for ident in statistics.totals}
    for ident in statistics.totals:
        book.labels[names[ident]] = book.labels[ident]
    totals = {
        names[ident]: put_in(value, lambda c: replace(c, ident=names.get(c.ident, c.ident)))
        for ident, value in statistics.totals.items()
    }
    return Statistics(book, found, totals=totals)


def _key_sets(stage: "Stage") -> list[tuple[Scalar, ...]]:
    """The sets of keys of GROUP BY: one for a plain one, the product of every ROLLUP, CUBE and GROUPING SETS in it."""
    select, binder = stage.select, stage.binder
    group = select.args.get("group")
    if group is None:
        return [()]
    binder.check_clauses(group, frozenset({"expressions", "all", "rollup", "cube", "grouping_sets"}))
    nodes = [i for i in items_of(select) if not has_aggregate(i)] if group.args.get("all") else group.expressions
    plain = [n for n in nodes if not isinstance(n, exp.Rollup | exp.Cube | exp.GroupingSets)]
    sets: list[tuple[Scalar, ...]] = [_translated(stage, plain)]
    special = [n for n in nodes if n not in plain]
    special += [n for k in ("rollup", "cube", "grouping_sets") for n in group.args.get(k) or []]
    for node in special:
        if not node.expressions and plain:
            # T-SQL's GROUP BY a, b WITH ROLLUP.
            sets, more = [()], _sets_of(stage, type(node)(expressions=plain))
        else:
            more = _sets_of(stage, node)
        sets = [_union(a, b) for a in sets for b in more]
        if len(sets) > MOST_SETS:
            raise Stop("grouping-sets", f"GROUP BY asks for more than {MOST_SETS} tables.", "Ask for fewer.", node)
    return list(dict.fromkeys(sets))


def _union(first: tuple[Scalar, ...], second: tuple[Scalar, ...]) -> tuple[Scalar, ...]:
    return tuple(dict.fromkeys([*first, *second]))


def _sets_of(stage: "Stage", node: exp.Expr) -> list[tuple[Scalar, ...]]:
    members = [_members(stage, n) for n in node.expressions]
    if isinstance(node, exp.Rollup):
        return [_flat(members[:n]) for n in range(len(members), -1, -1)]
    if isinstance(node, exp.Cube):
        chosen = [c for n in range(len(members), -1, -1) for c in combinations(members, n)]
        return [_flat(list(c)) for c in chosen]
    found: list[tuple[Scalar, ...]] = []
    for member, inner in zip(members, node.expressions, strict=True):
        found += _sets_of(stage, inner) if isinstance(inner, exp.Rollup | exp.Cube | exp.GroupingSets) else [member]
    return found


def _flat(members: list[tuple[Scalar, ...]]) -> tuple[Scalar, ...]:
    return tuple(dict.fromkeys(e for m in members for e in m))


def _members(stage: "Stage", node: exp.Expr) -> tuple[Scalar, ...]:
    if isinstance(node, exp.Rollup | exp.Cube | exp.GroupingSets):
        return ()
    inner = node.expressions if isinstance(node, exp.Tuple) else [node]
    return _translated(stage, [n.this if isinstance(n, exp.Paren) else n for n in inner])


def _translated(stage: "Stage", nodes: list[exp.Expr]) -> tuple[Scalar, ...]:
    binder, meaning = stage.binder, stage.meaning
    found: dict[Scalar, None] = {}
    for node in nodes:
        node = key_node(node, stage.select, meaning.names, binder.is_tsql)
        key = binder.attempt(meaning, node, How.GROUPED, lambda n: _key(n, stage))
        if key is None:
            meaning.lacks_keys = True
        else:
            found[key] = None
            if stage.rows is not None:
                note_answers(key, stage.settle().relation, binder.book)
    return tuple(found)


def _key(node: exp.Expr, stage: "Stage") -> Scalar:
    found = stage.meaning.value(node)
    if isinstance(found, Literal):
        raise Stop("constant-key", "A constant groups nothing.", "Leave it out of GROUP BY.", node)
    quasi = misused_quasi(found, stage.binder.book)
    if quasi is not None:
        message = f"{quasi.full_name} is a quasi-identifier and is computed with."
        raise Stop("quasi-arithmetic", message, "Compare it with written values or ranges.", node, quasi.full_name)
    return found

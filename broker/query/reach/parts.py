"""The parts of a text that a person has to look at, with their places: each output's tables read and judged. The one
face of the package."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlglot import exp

from broker.domain.plans import SmallPart
from broker.domain.relations import Gather, Limit, Over, Relation, scalars_of, walk
from broker.domain.scalars import Call, Scalar
from broker.domain.variables import Years
from broker.policy.sizes import Sizes
from broker.query.reach.choices import choices
from broker.query.reach.estimating import Estimator
from broker.query.reach.formulas import All, Formula, opposite, terms, variables
from broker.query.reach.judging import TOO_MANY, UNSIZED, Asked, Figure, Judge, Small
from broker.query.reach.names import Names, Slot, slots_of
from broker.query.reach.reading import Reader
from broker.query.reach.worlds import TooMany, World, inner_worlds, worlds_of
from broker.query.refusing import NOWHERE

if TYPE_CHECKING:
    from broker.query.binder import Binder

MOST_FIGURES = 60
MOST_TOLD = 5
"""Parts of one output that are told."""
LONGEST = 160
"""Characters of a part that are told."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How many people a combined part has to reach to leave without a person, and the public sizes that say so."""

    sizes: Sizes
    least: int


@dataclass(frozen=True, slots=True)
class Table:
    """A relation that is grouped, with its keys and the arguments of its statistics."""

    relation: Relation
    keys: tuple[Scalar, ...]
    arguments: tuple[Scalar, ...]


class Reaching:
    """Looks at the outputs of one job, one after the other, and then at pairs of their figures."""

    def __init__(self, reach: Reach) -> None:
        quotients = ((t.table, s.variable) for t in reach.sizes.tables for s in t.shares if " / " in s.variable)
        self._names = Names(frozenset(quotients))
        self._judge = Judge(Estimator(reach.sizes, self._names.readings), reach.least)
        self._figures: list[Figure] = []
        self._marks: list[Marks] = []
        self._found: list[dict[SmallPart, None]] = []

    def look(self, binder: "Binder", years: Mapping[int, Years | None]) -> None:
        """One output, whose tables are bound."""
        number = len(self._found)
        reader = Reader(World(), binder.book, slots_of(binder.book, years), self._names, (number + 1) * 1_000_000)
        marks = Marks(binder, reader)
        self._marks.append(marks)
        self._found.append({})
        for table in _tables(binder):
            try:
                small = self._of_table(table, reader, number)
            except (TooMany, RecursionError):
                small = [Small((), TOO_MANY)]
            self._found[number] |= dict.fromkeys(map(marks.part, small))

    def _of_table(self, table: Table, reader: Reader, output: int) -> list[Small]:
        worlds = worlds_of(table.relation, reader.book)
        joint = _asks_differently(worlds, reader)
        found = [s for w in worlds for s in self._of_world(replace(reader, world=w), table, output, joint)]
        mixed = [k for k in map(reader.named, table.keys) if reader.mixed(k)]
        return [*found, *(Small((k,), UNSIZED) for k in mixed)]

    def _of_world(self, reader: Reader, table: Table, output: int, joint: bool) -> Iterator[Small]:
        asked = [_asked(reader.named(c), reader) for c in reader.world.conditions]
        slots = reader.present
        found = list(self._judge.filtered(asked, slots, joint))
        yield from found
        if found:
            return
        around = All(tuple(a.formula for a in asked))
        self._add(All((around,)), asked, slots, output)
        for inner in inner_worlds(reader.world):
            beside = reader.within(inner)
            its = [_asked(beside.named(c), beside) for c in inner.conditions]
            there = replace(reader, world=inner).present
            yield from self._judge.branch(its, [], around, None, slots | there)
        told: set[Scalar] = set()
        for scalar in (*table.keys, *table.arguments, *_inside(table.relation)):
            for choice in choices(reader.named(scalar)):
                if told.intersection((*choice.met[:-1], *choice.failed)):
                    continue
                met, failed = ([_asked(c, reader) for c in part] for part in (choice.met, choice.failed))
                small = list(self._judge.branch(met, failed, around, choice.source, slots))
                yield from small
                told |= {choice.source} if small else set()
                path = All((*(a.formula for a in met), *(opposite(a.formula) for a in failed)))
                if not small and len(variables([path])) > 1:
                    self._add(All((around, path)), [*asked, *met], slots, output)

    def _add(self, formula: Formula, asked: list[Asked], slots: frozenset[Slot], output: int) -> None:
        """A figure that is about one combination of conditions can be compared with others."""
        found = terms(formula)
        if found is not None and len(found) == 1:
            sources = tuple(a.source for a in asked if variables([a.formula]))
            self._figures.append(Figure(output, found[0], slots, sources))

    def parts(self) -> list[tuple[SmallPart, ...]]:
        """Of each output, in order."""
        if len(self._figures) > MOST_FIGURES:
            for output in {f.output for f in self._figures}:
                self._found[output][SmallPart("", None, None, TOO_MANY)] = None
            return self._told()
        for one, other, small in self._judge.differing(self._figures):
            part = self._marks[one.output].part(small)
            for figure in (one, other):
                self._found[figure.output][part] = None
        return self._told()

    def _told(self) -> list[tuple[SmallPart, ...]]:
        return [tuple(found)[:MOST_TOLD] for found in self._found]


def _tables(binder: "Binder") -> list[Table]:
    """Each relation that is grouped, once."""
    found: dict[int, Table] = {}
    for draft in binder.tables:
        relation = draft.rows.relation
        before = found.get(id(relation), Table(relation, (), ()))
        own = [s.argument for s in draft.statistics.found if s.behind is None and s.argument is not None]
        keys = tuple(dict.fromkeys((*before.keys, *draft.keys)))
        found[id(relation)] = Table(relation, keys, tuple(dict.fromkeys((*before.arguments, *own))))
    return list(found.values())


def _inside(relation: Relation) -> Iterator[Scalar]:
    """What is computed below the top: by groups of one person's rows, windows and orders."""
    for part in walk(relation):
        if isinstance(part, Gather | Over | Limit):
            yield from scalars_of(part)


def _asks_differently(worlds: Sequence[World], reader: Reader) -> bool:
    """Whether the branches of a UNION meet different conditions, whatever their years."""
    found = set()
    for world in worlds:
        mine = replace(reader, world=world)
        named = [mine.named(c) for c in world.conditions]
        found.add(frozenset(mine.of_any_year(c) for c in named if variables([mine.formula_of(c)])))
    return len(found) > 1


def _asked(named: Scalar, reader: Reader) -> Asked:
    formula = reader.formula_of(named)
    alternatives = named.args if isinstance(named, Call) and named.op == "or" else ()
    several = len(variables([formula])) > 1
    return Asked(formula, named, tuple(_asked(a, reader) for a in alternatives) if several else ())


class Marks:
    """Where the conditions of one output stand in the text."""

    def __init__(self, binder: "Binder", reader: Reader) -> None:
        self._binder, self._reader = binder, reader
        self._nodes: dict[Scalar, exp.Expr] | None = None

    def part(self, small: Small) -> SmallPart:
        nodes = [n for s in small.source if (n := self._node(s)) is not None]
        named_by = self._binder.named_by
        places = [p for n in nodes if (p := self._binder.report.place(named_by.get(id(n), n))) != NOWHERE]
        texts = dict.fromkeys(self._text(n, len(nodes) > 1) for n in nodes)
        line, column = min(places, key=lambda p: (p[0] or 0, p[1] or 0), default=NOWHERE)
        text = " AND ".join(texts)
        return SmallPart(text if len(text) <= LONGEST else f"{text[:LONGEST]} …", line, column, small.why)

    def _text(self, node: exp.Expr, beside: bool) -> str:
        text = node.sql(dialect=self._binder.dialect, comments=False)
        return f"({text})" if beside and isinstance(node, exp.Or) else text

    def _node(self, named: Scalar) -> "exp.Expr | None":
        if self._nodes is None:
            self._nodes = {}
            for scalar, node in self._binder.marks.items():
                self._nodes.setdefault(self._reader.named(scalar), node)
        return self._found_in(named, self._nodes)

    def _found_in(self, named: Scalar, nodes: Mapping[Scalar, exp.Expr]) -> "exp.Expr | None":
        """The text of a condition, or of what is in it: what no text says in one piece has none of its own."""
        if named in nodes or not isinstance(named, Call):
            return nodes.get(named)
        return next((n for a in named.args if (n := self._found_in(a, nodes)) is not None), None)

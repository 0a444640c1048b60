"""Bound conditions as formulas over variables, under names that all tables of a job share. No sizes."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from broker.domain.scalars import Call, Case, Column, Literal, Scalar, Type, columns_of
from broker.query.book import Book, Origin
from broker.query.operations.fold import ONLY_TRUE, possible
from broker.query.reach.formulas import ALWAYS, NEVER, All, Any, Formula, Leaf, opposite, variables
from broker.query.reach.names import Names, Reading, Slot
from broker.query.reach.quotients import quotient_of
from broker.query.reach.worlds import TooMany, World, written_values

COMPARED = frozenset({"equal", "equal_text", "same", "less", "at_most", "is_null"})
MOST_STEPS = 50_000
"""Conditions of one output that are read, with derived columns written out."""

FIRST = {"equal": 1, "at_most": 1, "less": 2}
"""How a comparison with a number asks for the first of a person's own rows."""


@dataclass(slots=True)
class Reader:
    """Reads the conditions of one world. `apart` is added to the ids of what has no name in the catalogue, which are
    those of one output."""

    world: World
    book: Book
    slots: Mapping[int, Slot]
    names: Names
    apart: int
    columns: dict[int, int] = field(default_factory=dict)
    """By the id of a variable, a column of it in the book."""
    spent: list[None] = field(default_factory=list)
    """One for each condition that was read: their number is bounded."""

    @property
    def present(self) -> frozenset[Slot]:
        """Where every row of the world has rows of its person."""
        return frozenset(self.slots[s] for s in self.world.scans if s in self.slots and self.slots[s].is_person)

    def of_any_year(self, named: Scalar) -> Scalar:
        """A condition without saying of which of a table's rows it is."""
        match named:
            case Column(ident=ident, type=kind) if ident in self.names.readings:
                reading = self.names.readings[ident]
                slot = replace(reading.slot, years=None, number=0)
                return Column(self.names.ident(replace(reading, slot=slot)), kind)
            case Call(op=op, args=args, type=kind):
                return Call(op, tuple(map(self.of_any_year, args)), kind)
            case Case(whens=whens, otherwise=otherwise, type=kind):
                pairs = tuple((self.of_any_year(c), self.of_any_year(v)) for c, v in whens)
                return Case(pairs, self.of_any_year(otherwise), kind)
        return named

    def mixed(self, named: Scalar) -> bool:
        """Whether a value computes one number or text of several variables."""
        match named:
            case Case(whens=whens, otherwise=otherwise):
                return any(map(self.mixed, (*(v for _, v in whens), otherwise)))
            case Call(op="coalesce", args=args):
                return any(map(self.mixed, args))
            case Call():
                return len(frozenset().union(*map(self._asked, columns_of(named)))) > 1
        return False

    def within(self, world: World) -> "Reader":
        """Reads a subquery's conditions, which see the row outside."""
        mine = self.world
        merged = World(
            columns={**mine.columns, **world.columns}, answers={**mine.answers, **world.answers},
            values=mine.values | world.values, beside={**mine.beside, **world.beside},
            firsts=mine.firsts | world.firsts,
        )  # fmt: skip
        return replace(self, world=merged)

    def formula(self, condition: Scalar) -> Formula:
        """When a condition is true."""
        return self.formula_of(self.named(condition))

    def named(self, scalar: Scalar) -> Scalar:
        """A scalar with derived columns written out, in the names of the job."""
        match scalar:
            case Column(ident=ident) if ident in self.world.columns:
                return self.named(self.world.columns[ident])
            case Column(ident=ident) if ident in self.book.definitions:
                return self.named(self.book.definitions[ident])
            case Column(ident=ident) if ident in self.book.origins:
                origin = self.book.origins[ident]
                found = self.names.ident(Reading(self.slots[origin.scan], origin.variable.name))
                self.columns[found] = ident
                return Column(found, origin.variable.type)
            case Call(op=op, args=args, type=kind):
                return Call(op, tuple(map(self.named, args)), kind)
            case Case(whens=whens, otherwise=otherwise, type=kind):
                pairs = tuple((self.named(c), self.named(v)) for c, v in whens)
                return Case(pairs, self.named(otherwise), kind)
        return scalar

    def formula_of(self, named: Scalar) -> Formula:
        self.spent.append(None)
        if len(self.spent) > MOST_STEPS:
            raise TooMany
        match named:
            case Literal(value=value):
                return ALWAYS if value is True else NEVER
            case Call(op="and", args=args):
                return All(tuple(map(self.formula_of, args)))
            case Call(op="or", args=args):
                return Any(tuple(map(self.formula_of, args)))
            case Call(op="not", args=(inner,)):
                return opposite(self.formula_of(inner))
            case Column(ident=ident) if ident in self.world.answers and ident not in self.world.values:
                return self._answered(named)
            case Call(op="is_null", args=(Column(ident=ident),)) if self._outer(ident) is not None:
                return opposite(self._matched(ident, named))
            case Call(op=op, args=args) if op in COMPARED and any(isinstance(a, Case) for a in args):
                return self._by_branch(named)
            case Call(op="equal" | "equal_text", args=(left, right)):
                return self._equal(left, right, named)
        return ALWAYS if self._is_first(named) else self._leaf(self._rate(named))

    def _rate(self, named: Scalar) -> Scalar:
        """A comparison of a known quotient with a number as one of a variable."""
        match named:
            case Call(op="less" | "at_most", args=(Literal(value=int() | Decimal() as value), other)):
                found = self._quotient(other, Decimal(value))
                return named if found is None else replace(named, args=found)
            case Call(op="less" | "at_most", args=(other, Literal(value=int() | Decimal() as value))):
                found = self._quotient(other, Decimal(value))
                return named if found is None else replace(named, args=found[::-1])
        return named

    def _quotient(self, scalar: Scalar, value: Decimal) -> tuple[Literal, Column] | None:
        found = quotient_of(scalar)
        if found is None or not {found.above, found.below} <= self.columns.keys():
            return None
        above, below = (self.names.readings[i] for i in (found.above, found.below))
        name = f"{above.variable} / {below.variable}"
        if above.slot != below.slot or (above.slot.table, name) not in self.names.quotients:
            return None
        ident = self.names.ident(Reading(above.slot, name))
        self.columns[ident] = self.columns[found.above]
        return Literal(value / found.factor, Type.DECIMAL), Column(ident, Type.DECIMAL)

    def _leaf(self, named: Scalar) -> Formula:
        read = columns_of(named)
        if not read:
            return ALWAYS if possible(named, {}, {}) == ONLY_TRUE else NEVER
        return Leaf(named, True, frozenset().union(*map(self._asked, read)), any(map(self._is_year, read)))

    def _equal(self, left: Scalar, right: Scalar, named: Scalar) -> Formula:
        """An equality of link keys asks for nobody, but for what the outer side asks that has one of them; nor
        does one with the key of a public table. One with a column of written rows asks for one of their values."""
        for one, other in ((left, right), (right, left)):
            listed = self._written(one)
            if listed is not None and isinstance(other, Column | Call | Case):
                return Any(tuple(self._leaf(Call("equal", (other, v), Type.TRUTH)) for v in listed))
        if isinstance(left, Column) and isinstance(right, Column):
            sides = (left, right)
            if all(self._tells_who(c.ident) for c in sides):
                outer = [c.ident for c in sides if self._beside(self._outer(c.ident) or frozenset())]
                return All(tuple(self._matched(i, Call("is_null", (Column(i, Type.INT),), Type.TRUTH)) for i in outer))
            if any(self._is_public_key(c.ident) for c in sides):
                return ALWAYS
        return ALWAYS if self._is_first(named) else self._leaf(named)

    def _written(self, named: Scalar) -> list[Literal] | None:
        if not isinstance(named, Column):
            return None
        return written_values(Column(self.columns.get(named.ident, named.ident), named.type), self.book)

    def _by_branch(self, named: Call) -> Formula:
        """A comparison with a CASE: by the branches of it."""
        place = next(n for n, a in enumerate(named.args) if isinstance(a, Case))
        case = named.args[place]
        assert isinstance(case, Case)
        found: list[Formula] = []
        before: list[Formula] = []
        for condition, value in (*case.whens, (Literal(True, Type.TRUTH), case.otherwise)):
            args = (*named.args[:place], value, *named.args[place + 1 :])
            mine = self.formula_of(condition)
            found.append(All((*before, mine, self.formula_of(Call(named.op, args, named.type)))))
            before.append(opposite(mine))
        return Any(tuple(found))

    def _answered(self, named: Column) -> Formula:
        """EXISTS: what its rows meet. Without any condition of its own it asks whether there is a row."""
        worlds = self.world.answers[named.ident]
        inner = [self.within(w) for w in worlds]
        met = Any(tuple(All(tuple(map(r.formula, w.conditions))) for r, w in zip(inner, worlds, strict=True)))
        read = variables([met])
        if read:
            return Leaf(named, True, read, meets=met)
        return self._presence(frozenset(s for w in worlds for s in w.scans), named)

    def _presence(self, scans: frozenset[int], named: Scalar) -> Leaf:
        found = [self.slots[s] for s in sorted(scans) if s in self.slots and self.slots[s].is_person]
        if len(found) != 1:
            apart = self.apart + min(scans, default=0)
            return Leaf(named, True, frozenset({apart}))
        ident = self.names.ident(Reading(found[0], None))
        return Leaf(Column(ident, Type.TRUTH), True, frozenset({ident}))

    def _outer(self, ident: int) -> frozenset[int] | None:
        """The scans of an outer side whose link key or person number this is."""
        if ident in self.columns:
            scans = frozenset({self._origin(ident).scan} if self._tells_who(ident) else ())
        else:
            scans = frozenset({ident}).union(*(h.scans for h in self.book.homes.values() if h.person == ident))
        return scans & self.world.beside.keys() or None

    def _matched(self, ident: int, named: Scalar) -> Leaf:
        """Whether an outer join found a row."""
        scans = self._outer(ident) or frozenset()
        read = self._beside(scans)
        return Leaf(named, False, read) if read else self._presence(scans, named)

    def _beside(self, scans: frozenset[int]) -> frozenset[int]:
        """What the conditions on outer sides ask about."""
        asked = [c for s in scans for c in self.world.beside.get(s, ())]
        others = {s: c for s, c in self.world.beside.items() if s not in scans}
        inner = replace(self, world=replace(self.world, beside=others))
        return variables([inner.formula(c) for c in asked])

    def _asked(self, ident: int) -> frozenset[int]:
        """The variables that a column tells of."""
        beside = self.world.beside.keys()
        if ident in self.columns:
            own = frozenset() if self._is_year(ident) else frozenset({ident})
            return own | self._beside(frozenset({self._origin(ident).scan}) & beside)
        if ident in self.world.answers:
            inner = [(self.within(w), w) for w in self.world.answers[ident]]
            read = variables([r.formula(c) for r, w in inner for c in w.conditions])
            return read | self._packed(ident) | {self.apart + ident}
        if ident in self.book.opaque:
            home = self.book.opaque[ident].home.scans & beside
            return self._beside(home) | self._packed(ident) | {self.apart + ident}
        return self._beside(self._outer(ident) or frozenset())

    def _packed(self, ident: int) -> frozenset[int]:
        """The variables that a value is made of, where they are several."""
        base = self.book.opaque[ident].base if ident in self.book.opaque else frozenset()
        named = [self.named(Column(i, Type.NULL)) for i in sorted(base)]
        read = frozenset(c.ident for c in named if isinstance(c, Column))
        found = frozenset(i for i in read if not self._is_year(i) and not self._tells_who(i))
        return found if len(found) > 1 else frozenset()

    def _origin(self, ident: int) -> Origin:
        return self.book.origins[self.columns[ident]]

    def _is_year(self, ident: int) -> bool:
        return ident in self.columns and self._origin(ident).is_year

    def _is_public_key(self, ident: int) -> bool:
        return ident in self.columns and self._origin(ident).variable.name == self._origin(ident).table.unique_key

    def _tells_who(self, ident: int) -> bool:
        """Whether a column is a link key or a person number."""
        if ident in self.columns:
            return self._origin(ident).key_domain is not None
        known = ident in self.book.opaque or ident in self.world.answers or ident in self.names.readings
        return self.book.key_domain(ident) is not None or not known

    def _is_first(self, named: Scalar) -> bool:
        match named:
            case Call(op=op, args=(Column(ident=ident), Literal(value=value))) if ident in self.world.firsts:
                return FIRST.get(op) == value
        return False

"""The program above a γ while a SELECT is bound: steps that the broker takes on protected values. What each clause adds
is in `tails`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlglot import exp

from broker.domain.groups import Across, AcrossColumn, Group, Keep, Meet
from broker.domain.relations import Aggregate, JoinHow
from broker.domain.scalars import Call, Case, Column, Literal, Scalar, Type
from broker.query.groups.grammar import label
from broker.query.kinds import Groups, Want, all_of, conjuncts_of
from broker.query.operations.table import WITHOUT_FOLD
from broker.query.refusing import FOLLOWS, Stop, refuse_node
from broker.query.resolve import Names
from broker.query.rows import windows
from broker.query.rows.pushing import hand_down
from broker.query.scalars.meaning import Meaning

if TYPE_CHECKING:
    from broker.query.binder import Binder


Step = Callable[[Group], Group]


def computable(scalar: Scalar, node: exp.Expr) -> Scalar:
    """An expression that the broker can evaluate itself, on values that it holds."""
    match scalar:
        case Call(op=op, args=args):
            text = op == "to_text" and not args[0].type.is_whole and args[0].type is not Type.TEXT
            if op in WITHOUT_FOLD or text:
                message = "This cannot be computed on aggregates and keys."
                raise Stop("above", message, "Compute it in a derived table, before GROUP BY.", node)
            parts: Sequence[Scalar] = args
        case Case(whens=whens, otherwise=otherwise):
            parts = [*(s for pair in whens for s in pair), otherwise]
        case Literal(value=str() as value) if not value.isascii():
            raise Stop("above", "Text beside aggregates is plain ASCII.", "Write it without accents.", node)
        case _:
            return scalar
    for part in parts:
        computable(part, node)
    return scalar


def check_released(function: Aggregate, binder: "Binder", node: exp.Expr) -> None:
    """What is aggregated again is itself a released expression: else two figures could hide in one."""
    for argument in function.args:
        if label(argument, binder.book.labels, binder.book.definitions) is None:
            message = "An aggregate over groups takes several aggregates at once."
            raise Stop("packed-arithmetic", message, "Aggregate each by itself.", node)


class Over(Meaning):
    """Expressions over groups: the broker computes them, and divides by zero to NULL."""

    is_rows = False

    def division_is_safe(self, divisor: Scalar) -> bool:
        return True


@dataclass(slots=True)
class Program:
    """The steps above a γ, in order; windows and scalar subqueries become columns before they are read."""

    binder: "Binder"
    names: Names
    steps: list[Step] = field(default_factory=list)
    across: list[AcrossColumn] = field(default_factory=list)
    lone: list[Groups] = field(default_factory=list)
    may_window: bool = False
    translator: Meaning | None = None
    from_less: bool = False
    first: Group | None = None
    """Without FROM, the first subquery is what the others stand beside."""

    def apart(self, node: exp.Expr) -> Scalar:
        """A window over groups, or a subquery that gives one group."""
        if isinstance(node, exp.Window):
            return self._window(node)
        if isinstance(node, exp.Subquery | exp.Select):
            return self._lone(node)
        if isinstance(node, exp.Exists | exp.In):
            message = "EXISTS and IN (SELECT …) choose rows, not groups."
            advice = "Put them into the WHERE before GROUP BY, or into CASE WHEN of a derived table."
            raise Stop("group-subquery", message, advice, node)
        raise refuse_node(node)

    def _window(self, node: exp.Window) -> Column:
        if not self.may_window:
            raise Stop(
                "window-place", "A window function stands where rows are chosen.", "Put it into a derived table.", node
            )
        assert self.translator is not None
        partition = windows.partition_of(node, self.translator)
        found = windows.read(node, self.translator, own=True, partition=partition)
        check_released(found.found.aggregate, self.binder, node)
        column = Column(self.binder.book.new_id(), found.found.aggregate.type)
        self.binder.book.labels[column.ident] = "rank" if found.is_rank else "derived"
        self.across.append(AcrossColumn(column.ident, found.found.aggregate, partition, found.order))
        return column

    def _lone(self, node: exp.Expr) -> Column:
        outside = {s.name for s in self.names.sources}
        outside -= {t.alias_or_name.casefold() for t in node.find_all(exp.Table, exp.Subquery)}
        reached = next((c for c in node.find_all(exp.Column) if c.table.casefold() in outside), None)
        if reached is not None:
            message = "A subquery beside groups is the same for each of them: it cannot read the table outside."
            advice = "Group both in derived tables, and join them: … AS a LEFT JOIN … AS b ON b.key = a.key."
            raise Stop("correlated", message, advice, reached)
        found = self.binder.query(node, self.names.ctes, None, Want.GROUPS)
        if found is None:
            raise Stop(FOLLOWS, "This subquery cannot be followed.", "", node)
        if not isinstance(found, Groups) or not found.lone or len(found.columns) != 1:
            message = "A subquery beside groups gives one aggregate of people."
            raise Stop("scalar-subquery", message, "Write (SELECT COUNT(*) FROM … WHERE …).", node)
        self.lone.append(found)
        (column,) = found.columns.values()
        return column

    def settle(self) -> None:
        """Every column that was asked for since becomes a step."""
        for one in self.lone:
            if self.from_less and self.first is None:
                self.first = one.program
            else:
                self.steps.append(_beside(one.program))
        self.lone.clear()
        if self.across:
            made = tuple(self.across)
            self.steps.append(lambda g: Across(g, made))
            self.across.clear()

    def keep(self, conjuncts: Sequence[Scalar]) -> None:
        self.settle()
        predicate = all_of(conjuncts)
        if predicate is not None:
            self.steps.append(lambda g: Keep(g, predicate))

    def built(self, base: Group) -> Group:
        """The whole program; each condition is also handed down to the rows, as far as it speaks of keys."""
        for step in self.steps:
            base = step(base)
            if isinstance(base, Keep):
                for conjunct in conjuncts_of(base.predicate):
                    hand_down(conjunct, base.child, self.binder.tables)
        return base


def _beside(other: Group) -> Step:
    return lambda g: Meet(g, other, JoinHow.CROSS, None)

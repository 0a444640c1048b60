"""Implied statistics, judged but never shown: branches and missing values of arguments, groups behind a context."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations

from broker.domain.plans.measure import MAGNITUDES, NON_ADDITIVE, Measure
from broker.domain.plans.operators import Aggregate, AggregateCall, Relation, Window, walk
from broker.domain.plans.plan import DeviationForm, GroupKey, PlannedStatistic, PlannedTable, QuantileForm
from broker.domain.plans.scalars import NULL, Call, Case, ColumnRef, Literal, Scalar, ScalarType, column_ids, truth_call
from broker.query.analysis import aggregate_arguments
from broker.query.analysis.aggregate_arguments import LINEAR, ONE, ZERO
from broker.query.analysis.tiles import is_tile
from broker.query.operations.aggregate_functions import AGGREGATE_FUNCTIONS, RANK_FUNCTIONS
from broker.query.operations.registry import OPERATIONS
from broker.query.operations.value_bounds import max_decimals
from broker.query.symbols import SymbolTable


def context_tables(relation: Relation, symbols: SymbolTable) -> Iterator[PlannedTable]:
    """Tables behind the context of a relation. Their relations are as bound."""
    for part in walk(relation):
        match part:
            case Aggregate(child=child, keys=keys, aggregates=aggregates, counted=int() as counted, person=None):
                yield _context_table(child, counted, tuple(s for _, s in keys), [a for _, a in aggregates], symbols)
            case Window(child=child, columns=columns, counted=int() as counted) as windows:
                for window in columns:
                    if window.shared and not is_tile(window, windows, symbols):
                        yield _context_table(child, counted, window.partition, [window.function], symbols)


def _context_table(
    child: Relation, counted: int, keys: tuple[Scalar, ...], aggregates: list[AggregateCall], symbols: SymbolTable
) -> PlannedTable:
    # the table is never shown, so its keys need no domain
    found = tuple(GroupKey(symbols.new_id(), s, s.type, None, None) for s in keys)
    rows = PlannedStatistic(symbols.new_id(), Measure.COUNT_ROWS, None, ScalarType.INT)
    return PlannedTable(
        child, counted, found, (rows, *(_context_statistic(a, symbols) for a in aggregates if a.args)), shown=False
    )


def _context_statistic(aggregate: AggregateCall, symbols: SymbolTable) -> PlannedStatistic:
    if aggregate.op in RANK_FUNCTIONS:  # a rank shows how many rows are compared
        return PlannedStatistic(symbols.new_id(), Measure.COUNT_ROWS, None, ScalarType.INT)
    measure = AGGREGATE_FUNCTIONS[aggregate.op].measure
    assert measure is not None, "The binder refuses other people's own values."
    argument = aggregate.args[0]
    if measure.traits.power:
        squares = measure is Measure.DEVIATION
        free = aggregate_arguments.square_free_number if squares else aggregate_arguments.order_free_number
        argument = free(argument, symbols)
    truncated = aggregate.op == "mean_truncated"
    kind = ScalarType.INT if truncated else _type(measure, argument, discrete=aggregate.op == "quantile_discrete")
    return PlannedStatistic(
        symbols.new_id(), measure, argument, kind, truncated=truncated,
        bounds=aggregate_arguments.argument_bounds(argument, symbols),
        form=_statistic_form(aggregate, argument, symbols),
    )  # fmt: skip


def _type(measure: Measure, argument: Scalar, discrete: bool) -> ScalarType:
    if discrete:
        return argument.type
    if measure.traits.is_ratio or measure in NON_ADDITIVE:
        return ScalarType.DOUBLE
    return argument.type if measure in MAGNITUDES and not argument.type.is_whole else ScalarType.INT


def _statistic_form(
    aggregate: AggregateCall, argument: Scalar, symbols: SymbolTable
) -> QuantileForm | DeviationForm | None:
    if aggregate.op.startswith("quantile"):
        fraction = aggregate.args[1]
        assert isinstance(fraction, Literal)
        return QuantileForm(Decimal(str(fraction.value)), aggregate.op == "quantile_discrete")
    if aggregate.op.startswith(("deviation", "variance")):
        return DeviationForm(
            aggregate.op.endswith("whole"), aggregate.op.startswith("variance"), max_decimals(argument, symbols)
        )
    return None


MAX_CONDITIONS = 24
MAX_CONDITIONS_WEIGHT = 4000
"""Above these limits conditions are not compared in pairs, and a checker reviews the output."""


def branch_indicators(scalar: Scalar) -> Iterator[Scalar]:
    """Yield a 0/1 argument for each branch and predicate inside an argument: each is a cell of its own."""
    match scalar:
        case Case(whens=whens):
            for index in range(len(whens)):
                marks = tuple((c, ONE if i == index else ZERO) for i, (c, _) in enumerate(whens))
                yield Case(marks, ZERO, ScalarType.INT)
            if len(whens) > 1:  # The ELSE branch is the complement of one WHEN; of several it is a further set of rows.
                yield Case(tuple((c, ZERO) for c, _ in whens), ONE, ScalarType.INT)
            for value in scalar.values:
                yield from branch_indicators(value)
        case Call(op=op, args=args):
            if op in {"coalesce", "nullif"}:  # these choose between values like a CASE
                yield Case(((_default_condition(op, args), ONE),), ZERO, ScalarType.INT)
            for arg in args:
                # a 0/1 column splits the rows like a condition
                if isinstance(arg, ColumnRef) and arg.type is ScalarType.FLAG:
                    yield arg
                yield from branch_indicators(arg)


def _default_condition(op: str, args: tuple[Scalar, ...]) -> Scalar:
    return truth_call("is_null", *args[:1]) if op == "coalesce" else truth_call("equal", *args)


def rows_where(condition: Scalar) -> Case:
    """Argument that is not NULL on the rows where the condition is true."""
    return Case(((condition, ONE),), NULL, ScalarType.INT)


def missing_indicator(argument: Scalar) -> Case:
    """Argument that is 1 on the rows that an aggregate skips."""
    return Case(((truth_call("is_null", argument), ONE),), ZERO, ScalarType.INT)


def present_indicator(argument: Scalar) -> Case:
    """Argument that is 1 on the rows that COUNT(x) counts."""
    return Case(((truth_call("is_null", argument), ZERO),), ONE, ScalarType.INT)


def missing_rows(argument: Scalar) -> Case:
    """Argument that is not NULL on the rows that an aggregate skips."""
    return rows_where(truth_call("is_null", argument))


def can_be_null(scalar: Scalar, symbols: SymbolTable) -> bool:
    match scalar:
        case Literal(value=value):
            return value is None
        case ColumnRef(ident=ident):
            if ident in symbols.opaque:
                opaque = symbols.opaque[ident]
                return opaque.nullable or bool(opaque.source_rows.scans & symbols.nullable)
            origin = symbols.origins.get(ident)
            return origin is None or origin.variable.missing or origin.scan in symbols.nullable
        case Call(op="coalesce" | "greatest" | "least", args=args):
            return all(can_be_null(a, symbols) for a in args)
        case Call(op=op) if OPERATIONS[op].gives_null:
            return True
        case Call(args=values) | Case(values=values):
            return any(can_be_null(v, symbols) for v in values)


def is_match_flag(scalar: Scalar, symbols: SymbolTable) -> bool:
    """Whether NULL reveals that an outer join found no row for a person."""
    found = frozenset().union(*(symbols.scans_of(i) for i in column_ids(scalar)))
    return bool(symbols.nullable & (found | column_ids(scalar)))


def nonzero_rows(argument: Scalar) -> Case | None:
    """Argument that is not NULL on the rows that change a sum, ignoring constants added to every row. None if only a
    constant is left."""
    bare = _without_linear_constants(argument)
    if isinstance(bare, Literal):  # every row adds the same constant
        return None
    return rows_where(truth_call("not", truth_call("equal", bare, ZERO)))


def without_constants(argument: Scalar) -> Scalar | None:
    """The argument without its added constants, which would hide a large amount. None if there are no such
    constants."""
    return _without_linear_constants(argument) if _has_added_constant(argument) else None


def _has_added_constant(scalar: Scalar) -> bool:
    match scalar:
        case Case(values=values):
            return any(map(_has_added_constant, values))
        case Call(op=op, args=args):
            return (op in {"add", "subtract"} and any(isinstance(a, Literal) for a in args)) or any(
                map(_has_added_constant, args)
            )
    return False


def _without_linear_constants(scalar: Scalar) -> Scalar:
    """Remove the constants of an argument's linear parts, which would shift every value away from zero."""
    match scalar:
        case Case():
            return scalar.with_values(_without_linear_constants, ScalarType.DOUBLE)
        case Call(op=op, args=args) if op in LINEAR or op == "coalesce":
            inner = [a for a in args if not isinstance(a, Literal)]
            return _without_linear_constants(inner[0]) if len(inner) == 1 else scalar
    return scalar


@dataclass(frozen=True, slots=True)
class ImpliedCondition:
    """A 0/1 argument (condition), and the released statistic `owner` that reveals it. `count` is the owner's measure if
    the owner only counts the condition. Conditions with the same `total` are its branches and cover different rows."""

    owner: int
    argument: Scalar
    count: Measure | None
    total: int


def close_pairs(
    conditions: Sequence[ImpliedCondition], symbols: SymbolTable
) -> list[tuple[ImpliedCondition, ImpliedCondition, Case]] | None:
    """Pairs of conditions whose counts can be close, in order, with the rows on which they differ. None if there are
    too many to compare."""
    heavy = sum(symbols.weight(c.argument) for c in conditions)
    if len(conditions) > MAX_CONDITIONS or heavy > MAX_CONDITIONS_WEIGHT:  # the number of pairs grows quadratically
        return None
    found = []
    for first, second in combinations(conditions, 2):
        # Disjoint conditions differ on all rows of both, so their difference reveals nothing further.
        if first.total != second.total and not _are_disjoint(first.argument, second.argument):
            same = truth_call("equal", _holds(first.argument), _holds(second.argument))
            found.append((first, second, rows_where(truth_call("not", same))))
    return found


def _holds(argument: Scalar) -> Scalar:
    """Whether a 0/1 argument is 1; never NULL."""
    return truth_call("equal", Call("coalesce", (argument, ZERO), ScalarType.INT), ONE)


def _are_disjoint(first: Scalar, second: Scalar) -> bool:
    """Whether two conditions require different values of one variable."""
    match _tested_equality(first), _tested_equality(second):
        case (ColumnRef() as left, Literal() as one), (ColumnRef() as right, Literal() as other):
            return left == right and one.type == other.type and one.value != other.value
    return False


def _tested_equality(argument: Scalar) -> tuple[Scalar, Scalar] | None:
    match argument:
        case Case(whens=((Call(op="equal", args=(left, right)), _),)) if argument.whens[0][1] == ONE:
            return (left, right) if argument.otherwise in (ZERO, NULL) else None
    return None

"""Sums and means of the top γ: of one amount a statistic, of several branches a total of what is protected of each."""

from collections.abc import Sequence
from functools import reduce
from typing import Any

from sqlglot import exp

from broker.domain.plans import Measure
from broker.domain.scalars import NULL, Call, Case, Column, Literal, Scalar, Type, columns_of
from broker.query.book import Book
from broker.query.groups import arguments, implying
from broker.query.groups.arguments import ZERO
from broker.query.groups.branching import Amount, Branches, TooManyBranches, branches_of
from broker.query.groups.statistics import Statistics
from broker.query.operations.sizes import sum_fits
from broker.query.refusing import Stop
from broker.query.rows.summaries import TRUNCATED
from broker.query.scalars.arithmetic import result_type
from broker.query.scalars.meaning import Meaning

OUTSIDE = "An argument outside the closed list: arithmetic over a person's row."
COUNTED = "Numbers of rows of each person are computed with otherwise than by a factor."


def sum_of(value: Scalar, rows: Meaning, statistics: Statistics, node: exp.Expr) -> Scalar:
    _check_fits(value, statistics, node)
    parts = _parts(value, statistics, node)
    if parts is None:
        return _number(Measure.SUM, value, rows, statistics)
    columns, total = _total(parts, rows, statistics)
    statistics.imply(columns[0], arguments.exact(value), [a for _, a in parts.levels])
    return total if len(columns) == 1 else statistics.total("sum", total, columns)


def mean_of(value: Scalar, rows: Meaning, statistics: Statistics, truncated: bool, node: exp.Expr) -> Scalar:
    _check_fits(value, statistics, node)
    parts = _parts(value, statistics, node)
    if parts is None:
        return _number(Measure.MEAN, value, rows, statistics, truncated)
    columns, total = _total(parts, rows, statistics)
    statistics.imply(columns[0], arguments.exact(value), [a for _, a in parts.levels])
    counts = [] if parts.amounts else [_level(argument, statistics) for _, argument in parts.levels]
    count = _added(counts) if counts else _count(arguments.exact(value), statistics)
    mean: Scalar = Call("divide", (total, count), Type.DOUBLE)
    if truncated:
        rows.advise(TRUNCATED)
        mean = Call("truncate", (mean,), Type.INT)
    return statistics.total("mean", mean, [*columns, *counts])


def _check_fits(value: Scalar, statistics: Statistics, node: exp.Expr) -> None:
    if not sum_fits(value, statistics.book):
        message = "The sum can become too large or too fine, which would end the job."
        raise Stop("overflow", message, "Use smaller constants with fewer decimal places.", node)


def _parts(value: Scalar, statistics: Statistics, node: exp.Expr) -> Branches | None:
    """The branches of an argument; None where it is one amount, or has no automatic verdict anyway."""
    if not statistics.in_parts:
        return None
    argument, book = arguments.exact(value), statistics.book
    try:
        found = branches_of(argument, statistics.fixed, lambda s: arguments.is_count(s, book))
    except TooManyBranches:
        message = "The argument has too many branches to be judged one by one."
        raise Stop("too-deep", message, "Group by the variable, or use fewer branches.", node) from None
    if not found.levels and [arguments.is_count(a.value, book) for a in found.amounts] in ([], [False]):
        return None
    return None if found.amounts and not arguments.is_closed(argument, book) else found


def _total(parts: Branches, rows: Meaning, statistics: Statistics) -> tuple[list[Column], Scalar]:
    """The statistics of the parts, and what they add up to: NULL where nobody is in any of them."""
    some = [(c, a) for c, a in parts.levels if c]
    levels = some or ([] if parts.amounts else list(parts.levels))
    counts = [_level(argument, statistics) for _, argument in levels]
    sums = [_amount(a, rows, statistics) for a in parts.amounts]
    terms = [scaled(constant, column, Type.DECIMAL) for (constant, _), column in zip(levels, counts, strict=True)]
    given = [scaled(a.times, column, Type.DECIMAL) for a, column in zip(parts.amounts, sums, strict=True)]
    if not parts.levels and len(given) == 1:
        return sums, given[0]
    total = _added([*terms, *(Call("coalesce", (g, ZERO), g.type) for g in given)])
    if not parts.levels:
        nobody = Call("is_null", (Call("coalesce", tuple(given), total.type),), Type.TRUTH)
        total = Case(((nobody, NULL),), total, total.type)
    return [*counts, *sums], total


def _amount(amount: Amount, rows: Meaning, statistics: Statistics) -> Column:
    counts = arguments.is_count(amount.value, statistics.book)
    return _statistic(Measure.SUM, amount.argument, rows, statistics, counts=counts)


def _added(terms: Sequence[Scalar]) -> Scalar:
    return reduce(lambda a, b: Call("add", (a, b), result_type(a, b)), terms)


def _level(argument: Scalar, statistics: Statistics) -> Column:
    return statistics.add(Measure.ONES, argument, Type.INT)


def _count(argument: Scalar, statistics: Statistics) -> Column:
    if not implying.can_be_null(argument, statistics.book):
        return statistics.add(Measure.COUNT_ROWS, None, Type.INT)
    return statistics.add(Measure.COUNT_VALUES, argument, Type.INT)


def scaled(factor: Any, statistic: Column, kind: Type) -> Scalar:
    if factor == 1:
        return Column(statistic.ident, statistic.type)
    literal = Literal(factor, Type.INT if isinstance(factor, int) else Type.DECIMAL)
    return Call("multiply", (literal, statistic), kind if kind is Type.DOUBLE else result_type(literal, statistic))


def ones(measure: Measure, rest: Scalar, statistics: Statistics, kind: Type) -> Column:
    """One predicate and its complement are the ones and the rest; more branches, or NULL, are implied cells too."""
    found = statistics.add(measure, rest, kind)
    simple = isinstance(rest, Case) and len(rest.whens) == 1 and isinstance(rest.whens[0][1], Literal)
    if not (simple and isinstance(rest, Case) and isinstance(rest.otherwise, Literal) and rest.otherwise != NULL):
        statistics.imply(found, rest)
    return found


def _number(measure: Measure, value: Scalar, rows: Meaning, statistics: Statistics, truncated: bool = False) -> Column:
    """One amount, and whom its conditions count."""
    found = _statistic(measure, value, rows, statistics, truncated)
    statistics.imply(found, arguments.exact(value))
    return found


def _statistic(
    measure: Measure, value: Scalar, rows: Meaning, statistics: Statistics, truncated: bool = False,
    counts: bool = False,
) -> Column:  # fmt: skip
    """One amount, who adds something to it, and what it is without the constants that would cover it."""
    book = statistics.book
    argument = arguments.exact(value)
    if truncated or (measure is Measure.SUM and value.type.is_whole):
        kind = Type.INT
    else:
        kind = Type.DECIMAL if measure is Measure.SUM and value.type is Type.DECIMAL else Type.DOUBLE
    if truncated:
        rows.advise(TRUNCATED)
    found = statistics.add(
        measure, argument, kind, truncated=truncated, needs_review=_why(argument, book, counts), counts=counts
    )
    adding = implying.amount(argument)
    if adding is not None:
        statistics.add(Measure.COUNT_VALUES, adding, Type.INT, behind=found.ident)
    bare = implying.unmoved(argument) if statistics.in_parts else None
    if bare is not None:
        statistics.add(Measure.SUM, arguments.exact(bare), Type.DECIMAL, behind=found.ident)
    return found


def _why(argument: Scalar, book: Book, counts: bool) -> str | None:
    """Why there is no automatic verdict."""
    if not arguments.is_closed(argument, book):
        return OUTSIDE
    is_counted = any(arguments.is_count(Column(i, Type.INT), book) for i in columns_of(argument))
    return COUNTED if is_counted and not counts else None

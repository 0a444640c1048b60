"""Aggregates of the top γ to statistics: what each is a measure of. What they imply, `statistics` knows."""

from collections.abc import Iterator
from decimal import Decimal

from sqlglot import exp

from broker.domain.plans import Deviation, Fraction, Measure
from broker.domain.scalars import NULL, Case, Column, Literal, Scalar, Type
from broker.query.book import HEAVIEST
from broker.query.groups import arguments, totals
from broker.query.groups.grouped import is_aggregate
from broker.query.groups.statistics import Statistics
from broker.query.operations.sizes import scale, square_fits
from broker.query.refusing import Stop, individual_value
from broker.query.rows.summaries import deviation_of, fraction_of, is_key, number_of, plain
from broker.query.scalars.meaning import Meaning, check_arguments


def aggregate(node: exp.Expr, rows: Meaning, statistics: Statistics) -> Scalar:
    """An aggregate as an expression over statistics."""
    if any(inner is not node and is_aggregate(inner) for inner in _inside(node)):
        raise Stop("nested-aggregate", "An aggregate stands inside an aggregate.", "Aggregate once.", node)
    node = plain(node)
    if isinstance(node, exp.Count):
        check_arguments(node, frozenset({"this", "big_int"}))
        return _count(node, rows, statistics)
    quantile, deviation = fraction_of(node, rows), deviation_of(node)
    if quantile is not None:
        return _quantile(*quantile, rows, statistics, node)
    if deviation is not None:
        return _deviation(*deviation, rows, statistics, node)
    if not isinstance(node, exp.Sum | exp.Avg):
        raise individual_value(node)
    check_arguments(node, frozenset({"this"}))
    value = rows.book.expanded(_light(number_of(node.this, rows), rows, node))
    return _sum(value, rows, statistics, node) if isinstance(node, exp.Sum) else _mean(value, rows, statistics, node)


def _inside(node: exp.Expr) -> Iterator[exp.Expr]:
    """Nodes of an aggregate, not those of subqueries in it; a quantile's own function is no other aggregate."""
    stack = list(node.iter_expressions())
    if isinstance(node, exp.WithinGroup | exp.Filter):
        stack = [*node.this.iter_expressions(), *(e for e in node.iter_expressions() if e is not node.this)]
    while stack:
        part = stack.pop()
        if not isinstance(part, exp.Query):
            yield part
            stack += part.iter_expressions()


LOOK = "{} can be one person's own value, or tell of few: it has no automatic verdict."


def _quantile(
    argument: exp.Expr, fraction: Decimal, discrete: bool, rows: Meaning, statistics: Statistics, node: exp.Expr
) -> Column:
    value = rows.book.expanded(_light(number_of(argument, rows), rows, node))
    kind = value.type if discrete else Type.DOUBLE
    why = LOOK.format("A quantile")
    found = statistics.add(Measure.QUANTILE, value, kind, needs_review=why, form=Fraction(fraction, discrete))
    statistics.imply(found, value)
    return found


def _deviation(argument: exp.Expr, name: str, rows: Meaning, statistics: Statistics, node: exp.Expr) -> Column:
    value = arguments.exact(rows.book.expanded(_light(number_of(argument, rows), rows, node)))
    if not square_fits(value, statistics.book):
        message = "The squares can become too large or too fine, which would end the job."
        raise Stop("overflow", message, "Use smaller constants with fewer decimal places.", node)
    form = Deviation(name.endswith("whole"), name.startswith("variance"), scale(value, statistics.book))
    why = LOOK.format("A deviation")
    found = statistics.add(Measure.DEVIATION, value, Type.DOUBLE, needs_review=why, form=form)
    statistics.imply(found, value)
    return found


def _light(value: Scalar, rows: Meaning, node: exp.Expr) -> Scalar:
    if rows.book.weight(value) > HEAVIEST:
        message = "The expression is too large with its derived columns written out."
        raise Stop("too-deep", message, "Name fewer steps.", node)
    return value


def _argument(node: exp.Expr, rows: Meaning) -> Scalar:
    """An argument with its derived columns written out: what is judged is what is computed."""
    return rows.book.expanded(_light(rows.value(node), rows, node))


def _count(node: exp.Expr, rows: Meaning, statistics: Statistics) -> Scalar:
    inner = node.this
    if isinstance(inner, exp.Star):
        check_arguments(inner, frozenset())
        return statistics.add(Measure.COUNT_ROWS, None, Type.INT)
    if isinstance(inner, exp.Distinct):
        check_arguments(inner, frozenset({"expressions"}))
        if len(inner.expressions) != 1:
            raise Stop("distinct", "COUNT(DISTINCT …) takes one argument.", "Count one variable.", node)
        return _count_distinct(inner.expressions[0].unnest(), rows, statistics)
    if isinstance(inner, exp.Case):
        inner = _counting(inner, rows)
    key = _link_key(inner.unnest(), rows)
    value: Scalar = key if key is not None else _argument(inner, rows)
    if isinstance(value, Literal):
        if value.value is None:
            raise Stop("constant-column", "COUNT(NULL) is always 0.", "Leave it out.", node)
        return statistics.add(Measure.COUNT_ROWS, None, Type.INT)
    if isinstance(value, Case):
        ones = arguments.counted(value)
        found = statistics.add(Measure.ONES, ones, Type.INT)
        if len(ones.whens) > 1:
            statistics.imply(found, ones)
        return found
    found = statistics.add(Measure.COUNT_VALUES, value, Type.INT)
    statistics.imply(found, value)
    return found


def _counting(case: exp.Case, rows: Meaning) -> exp.Case:
    """A CASE that is counted: where it gives a link key, whether there is one."""
    found = case.copy()
    branches = [(arm, "true") for arm in found.args["ifs"]] + [(found, "default")]
    for holder, name in branches:
        node = holder.args.get(name)
        if node is not None and is_key(node.unnest(), rows):
            missing = exp.Is(this=node.unnest().copy(), expression=exp.Null())
            one = exp.Literal.number(1)
            holder.set(name, exp.Case(ifs=[exp.If(this=missing, true=exp.Null())], default=one))
    return found


def _count_distinct(node: exp.Expr, rows: Meaning, statistics: Statistics) -> Scalar:
    """A link key counts persons, also under CASE WHEN … THEN key END; any other variable counts its values."""
    key = _link_key(node, rows)
    if key is not None:
        return statistics.add(Measure.COUNT_PERSONS, key, Type.INT)
    if isinstance(node, exp.Case) and not node.this and not node.args.get("default") and len(node.args["ifs"]) == 1:
        arm = node.args["ifs"][0]
        key = _link_key(arm.args["true"].unnest(), rows)
        if key is not None:
            condition = rows.book.expanded(rows.predicate(arm.this))
            argument = Case(((condition, key),), NULL, key.type)
            found = statistics.add(Measure.COUNT_PERSONS, argument, Type.INT)
            statistics.imply(found, argument)
            return found
    value = _argument(node, rows)
    why = "COUNT(DISTINCT …) of a variable other than the link key: its values are the contributors."
    found = statistics.add(Measure.COUNT_DISTINCT, value, Type.INT, needs_review=why)
    statistics.imply(found, value)
    return found


def _link_key(node: exp.Expr, rows: Meaning) -> Column | None:
    return rows.raw_column(node) if isinstance(node, exp.Column) and is_key(node, rows) else None


def _sum(value: Scalar, rows: Meaning, statistics: Statistics, node: exp.Expr) -> Scalar:
    kind = Type.INT if value.type.is_whole else value.type
    factor, rest = arguments.unscaled(value)
    if isinstance(rest, Literal):
        count = statistics.add(Measure.COUNT_ROWS, None, Type.INT)
        return totals.scaled(factor * (rest.value or 0), count, kind)
    if arguments.is_truth(rest):
        return totals.scaled(factor, totals.ones(Measure.ONES, rest, statistics, Type.INT), kind)
    return totals.sum_of(value, rows, statistics, node)


def _mean(value: Scalar, rows: Meaning, statistics: Statistics, node: exp.Expr) -> Scalar:
    truncated = rows.is_tsql and value.type.is_whole
    factor, rest = arguments.unscaled(value)
    if isinstance(rest, Literal):
        raise Stop("constant-column", "The mean of a constant says nothing.", "Leave it out.", node)
    if arguments.is_truth(rest):
        if truncated:
            message = "AVG of whole numbers is truncated in T-SQL, so this mean of 0 and 1 is 0 or 1."
            raise Stop("truncated-share", message, "Write AVG(1.0 * x).", node)
        return totals.scaled(factor, totals.ones(Measure.SHARE, rest, statistics, Type.DOUBLE), Type.DOUBLE)
    return totals.mean_of(value, rows, statistics, truncated, node)

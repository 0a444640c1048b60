"""Aggregates to statistics with everything that they imply. No output grammar, no rendering."""

from dataclasses import dataclass, field, replace
from typing import Any

from sqlglot import exp

from broker.domain.plans import Measure, Statistic
from broker.domain.scalars import NULL, Call, Case, Column, Literal, Scalar, Type, columns_of
from broker.query import arguments, implying
from broker.query.arithmetic import result_type
from broker.query.book import HEAVIEST, Book
from broker.query.meaning import Meaning, check_arguments
from broker.query.refusing import Stop
from broker.query.sizes import sum_fits

AGGREGATES = (exp.Count, exp.Sum, exp.Avg)
MATCHES = frozenset({Measure.COUNT_VALUES, Measure.COUNT_PERSONS})
COUNT_BESIDE = {Measure.SHARE: Measure.ONES, Measure.SUM: Measure.MEAN}
"""A statistic that tells how many rows have a value, if the other stands beside it."""

CONDITIONS = frozenset({Measure.ONES, Measure.SHARE, Measure.COUNT_VALUES})
MANY_CONDITIONS = "So many conditions in one query cannot be compared with each other automatically."


@dataclass(slots=True)
class Statistics:
    """The statistics of one output, each once."""

    book: Book
    found: list[Statistic] = field(default_factory=list)
    _idents: dict[tuple[Any, ...], int] = field(default_factory=dict)

    def add(
        self, measure: Measure, argument: Scalar | None, kind: Type, behind: int | None = None, truncated: bool = False,
        needs_review: str | None = None, like: int | None = None,
    ) -> Column:  # fmt: skip
        key = (measure, argument, kind, truncated, behind, like)
        ident = self._idents.get(key)
        if ident is None:
            ident = self._idents[key] = self.book.new_id()
            bounds = arguments.bounds(argument, self.book) if argument is not None else None
            self.found.append(Statistic(ident, measure, argument, kind, behind, truncated, needs_review, bounds, like))
        return Column(ident, kind)

    def imply(self, parent: Column, argument: Scalar) -> None:
        """Each branch and predicate inside a parent's argument is a count that leaves with it."""
        for inside in implying.branches(argument):
            if inside != argument:
                self.add(Measure.ONES, inside, Type.INT, behind=parent.ident)

    def finish(self) -> None:
        """What follows from statistics standing side by side in one cell."""
        self._imply_missing()
        conditions = self._conditions()
        pairs = implying.close_pairs(conditions, self.book)
        if pairs is None:
            place = next(i for i, s in enumerate(self.found) if s.ident == conditions[-1].owner)
            self.found[place] = replace(self.found[place], needs_review=MANY_CONDITIONS)
            return
        for first, second, argument in pairs:
            if first.count is not None and first.count is second.count:
                self.add(Measure.GAP, argument, Type.INT, behind=second.owner, like=first.owner)
            else:
                self.add(Measure.COUNT_VALUES, argument, Type.INT, behind=second.owner)

    def _imply_missing(self) -> None:
        """The rows that an aggregate leaves out are a count of their own."""
        for s in [s for s in self.found if s.behind is None]:
            argument = s.argument
            if argument is None or not implying.can_be_null(argument, self.book):
                continue
            if s.measure in MATCHES and implying.is_match_flag(argument, self.book):
                self.add(Measure.ONES, implying.missing(argument), Type.INT, behind=s.ident)
            elif self._tells_count(s):
                self.add(Measure.GAP, implying.gap(argument), Type.INT, behind=s.ident)

    def _tells_count(self, statistic: Statistic) -> bool:
        """Whether the rows with a value can be read: from a count of them, or from a sum beside its mean."""
        other = COUNT_BESIDE.get(statistic.measure)
        read = columns_of(statistic.argument or NULL)
        return statistic.measure is Measure.COUNT_VALUES or any(
            s.measure is other and s.behind is None and columns_of(s.argument or NULL) == read for s in self.found
        )

    def _conditions(self) -> list[implying.Condition]:
        """Each different 0/1 argument, with the first released statistic that tells it."""
        found: dict[Scalar, implying.Condition] = {}
        for s in self.found:
            if s.argument is None or s.measure not in CONDITIONS or (s.behind and s.measure is Measure.COUNT_VALUES):
                continue
            argument = implying.present(s.argument) if s.measure is Measure.COUNT_VALUES else s.argument
            count = s.measure if s.behind is None and s.measure is not Measure.SHARE else None
            found.setdefault(argument, implying.Condition(s.behind or s.ident, argument, count))
        return list(found.values())


def aggregate(node: exp.Expr, rows: Meaning, statistics: Statistics) -> Scalar:
    """An aggregate as an expression over statistics."""
    if node.find(*AGGREGATES) is not node or any(n is not node for n in node.find_all(*AGGREGATES)):
        raise Stop("nested-aggregate", "An aggregate stands inside an aggregate.", "Aggregate once.", node)
    if isinstance(node, exp.Count):
        check_arguments(node, frozenset({"this", "big_int"}))
        return _count(node, rows, statistics)
    check_arguments(node, frozenset({"this"}))
    if isinstance(node.this, exp.Distinct):
        message = "DISTINCT inside SUM or AVG drops people who share a value."
        raise Stop("distinct-aggregate", message, "Leave DISTINCT out.", node)
    value = _argument(node.this, rows)
    if not value.type.is_number:
        raise Stop("type", "SUM and AVG need numbers.", "Count codes with SUM(CASE WHEN … THEN 1 ELSE 0 END).", node)
    return _sum(value, statistics, node) if isinstance(node, exp.Sum) else _mean(value, rows, statistics, node)


def _argument(node: exp.Expr, rows: Meaning) -> Scalar:
    """An argument with its derived columns written out: what is judged is what is computed."""
    value = rows.value(node)
    if rows.book.weight(value) > HEAVIEST:
        message = "The expression is too large with its derived columns written out."
        raise Stop("too-deep", message, "Name fewer steps.", node)
    return rows.book.expanded(value)


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
    value = _argument(inner, rows)
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
    if not isinstance(node, exp.Column) or isinstance(node.this, exp.Star):
        return None
    column = rows.names.column(node)
    origin = rows.book.origin(column)
    if origin is None or origin.key_domain is None:
        return None
    rows.seen.append((column, node))
    return column


def _sum(value: Scalar, statistics: Statistics, node: exp.Expr) -> Scalar:
    kind = Type.INT if value.type.is_whole else value.type
    factor, rest = arguments.unscaled(value)
    if isinstance(rest, Literal):
        count = statistics.add(Measure.COUNT_ROWS, None, Type.INT)
        return _scaled(factor * (rest.value or 0), count, kind)
    if arguments.is_truth(rest):
        return _scaled(factor, _ones(Measure.ONES, rest, statistics, Type.INT), kind)
    return _number(Measure.SUM, value, statistics, truncated=False, node=node)


def _mean(value: Scalar, rows: Meaning, statistics: Statistics, node: exp.Expr) -> Scalar:
    truncated = rows.is_tsql and value.type.is_whole
    factor, rest = arguments.unscaled(value)
    if isinstance(rest, Literal):
        raise Stop("constant-column", "The mean of a constant says nothing.", "Leave it out.", node)
    if arguments.is_truth(rest):
        if truncated:
            message = "AVG of whole numbers is truncated in T-SQL, so this mean of 0 and 1 is 0 or 1."
            raise Stop("truncated-share", message, "Write AVG(1.0 * x).", node)
        return _scaled(factor, _ones(Measure.SHARE, rest, statistics, Type.DOUBLE), Type.DOUBLE)
    return _number(Measure.MEAN, value, statistics, truncated, node)


def _scaled(factor: Any, statistic: Column, kind: Type) -> Scalar:
    if factor == 1:
        return Column(statistic.ident, statistic.type)
    literal = Literal(factor, Type.INT if isinstance(factor, int) else Type.DECIMAL)
    return Call("multiply", (literal, statistic), kind if kind is Type.DOUBLE else result_type(literal, statistic))


def _ones(measure: Measure, rest: Scalar, statistics: Statistics, kind: Type) -> Column:
    """One predicate and its complement are the ones and the rest; more branches, or NULL, are implied cells too."""
    found = statistics.add(measure, rest, kind)
    simple = isinstance(rest, Case) and len(rest.whens) == 1 and isinstance(rest.whens[0][1], Literal)
    if not (simple and isinstance(rest, Case) and isinstance(rest.otherwise, Literal) and rest.otherwise != NULL):
        statistics.imply(found, rest)
    return found


def _number(measure: Measure, value: Scalar, statistics: Statistics, truncated: bool, node: exp.Expr) -> Scalar:
    if not sum_fits(value, statistics.book):
        message = "The sum can become too large or too fine, which would end the job."
        raise Stop("overflow", message, "Use smaller constants with fewer decimal places.", node)
    argument = arguments.exact(value)
    why = (
        None
        if arguments.is_closed(argument)
        else "An argument outside the closed list: arithmetic over a person's row."
    )
    if truncated or (measure is Measure.SUM and value.type.is_whole):
        kind = Type.INT
    else:
        kind = Type.DECIMAL if measure is Measure.SUM and value.type is Type.DECIMAL else Type.DOUBLE
    found = statistics.add(measure, argument, kind, truncated=truncated, needs_review=why)
    statistics.imply(found, argument)
    amount = implying.amount(argument)
    if amount is not None:
        statistics.add(Measure.COUNT_VALUES, amount, Type.INT, behind=found.ident)
    return found

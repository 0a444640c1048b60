"""Tables that a value implies which depends on other people: each group or partition behind it is a cell of its own,
taken from the candidate rows, and judged although nothing of it is shown. Bound relations; no syntax."""

from collections.abc import Iterator

from broker.domain.plans import Deviation, Fraction, Key, Measure, PlannedTable, Statistic
from broker.domain.relations import Aggregate, Gather, Over, Relation, walk
from broker.domain.scalars import Literal, Scalar, Type
from broker.query.book import Book
from broker.query.groups import arguments
from broker.query.operations.sizes import scale

MEASURES: dict[str, Measure] = {
    "count_rows": Measure.COUNT_ROWS, "count": Measure.COUNT_VALUES, "count_distinct": Measure.COUNT_DISTINCT,
    "sum": Measure.SUM, "mean": Measure.MEAN, "mean_truncated": Measure.MEAN, "quantile": Measure.QUANTILE,
    "quantile_discrete": Measure.QUANTILE, "deviation": Measure.DEVIATION, "deviation_whole": Measure.DEVIATION,
    "variance": Measure.DEVIATION, "variance_whole": Measure.DEVIATION,
}  # fmt: skip
"""What an aggregate of the context is as a statistic; a rank tells how many are compared."""


def implied(relation: Relation, book: Book) -> Iterator[PlannedTable]:
    """The tables behind a relation's context, with relations as they are bound."""
    for part in walk(relation):
        match part:
            case Gather(child=child, keys=keys, aggregates=aggregates, counted=int() as counted, person=None):
                yield _table(child, counted, tuple(s for _, s in keys), [a for _, a in aggregates], book)
            case Over(child=child, columns=columns, counted=int() as counted):
                for window in columns:
                    if window.shared:
                        yield _table(child, counted, window.partition, [window.function], book)


def _table(
    child: Relation, counted: int, keys: tuple[Scalar, ...], aggregates: list[Aggregate], book: Book
) -> PlannedTable:
    found = tuple(Key(book.new_id(), s, s.type, None, None) for s in keys)
    rows = Statistic(book.new_id(), Measure.COUNT_ROWS, None, Type.INT)
    return PlannedTable(
        child, counted, found, (rows, *(_statistic(a, book) for a in aggregates if a.args)), shown=False
    )


def _statistic(aggregate: Aggregate, book: Book) -> Statistic:
    measure = MEASURES.get(aggregate.op, Measure.COUNT_ROWS)
    if measure is Measure.COUNT_ROWS:
        return Statistic(book.new_id(), measure, None, Type.INT)
    argument = aggregate.args[0]
    if measure in {Measure.SUM, Measure.MEAN, Measure.DEVIATION}:
        argument = arguments.exact(argument)
    truncated = aggregate.op == "mean_truncated"
    kind = Type.INT if truncated else _type(measure, argument, discrete=aggregate.op == "quantile_discrete")
    return Statistic(
        book.new_id(), measure, argument, kind, truncated=truncated,
        bounds=arguments.bounds(argument, book), form=_form(aggregate, argument, book),
    )  # fmt: skip


def _type(measure: Measure, argument: Scalar, discrete: bool) -> Type:
    if discrete:
        return argument.type
    if measure in {Measure.COUNT_VALUES, Measure.COUNT_DISTINCT}:
        return Type.INT
    if measure is Measure.SUM:
        return Type.INT if argument.type.is_whole else argument.type
    return Type.DOUBLE


def _form(aggregate: Aggregate, argument: Scalar, book: Book) -> Fraction | Deviation | None:
    if aggregate.op.startswith("quantile"):
        fraction = aggregate.args[1]
        assert isinstance(fraction, Literal)
        return Fraction(arguments.decimal(fraction), aggregate.op == "quantile_discrete")
    if aggregate.op.startswith(("deviation", "variance")):
        return Deviation(aggregate.op.endswith("whole"), aggregate.op.startswith("variance"), scale(argument, book))
    return None

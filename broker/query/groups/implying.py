"""What an aggregate's argument tells beside its figure, each as an argument of its own that is judged and never shown.
Pure functions of scalars; no syntax, no rules."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from broker.domain.plans import Measure
from broker.domain.scalars import NULL, Call, Case, Column, Literal, Scalar, Type, columns_of
from broker.query.book import Book
from broker.query.groups.arguments import LINEAR, ONE, ZERO

GIVES_NULL = frozenset(
    {"nullif", "divide", "divide_truncated", "remainder", "text_to_int", "text_to_decimal", "text_to_double",
     "native_int", "native_decimal", "native_double", "stuff", "add_months", "add_days", "sqrt", "ln", "log", "log2",
     "log10"}
)  # fmt: skip
"""Operations that can give NULL for values that are there."""

MOST_CONDITIONS = 24
HEAVIEST_CONDITIONS = 4000
"""Above these, conditions are not compared in pairs, and a person looks."""


def branches(scalar: Scalar) -> Iterator[Scalar]:
    """A 0/1 argument for each branch and predicate inside an argument: each is a cell of its own."""
    match scalar:
        case Case(whens=whens, otherwise=otherwise):
            for index in range(len(whens)):
                marks = tuple((c, ONE if i == index else ZERO) for i, (c, _) in enumerate(whens))
                yield Case(marks, ZERO, Type.INT)
            if len(whens) > 1:
                yield Case(tuple((c, ZERO) for c, _ in whens), ONE, Type.INT)
            for value in [*(v for _, v in whens), otherwise]:
                yield from branches(value)
        case Call(op=op, args=args):
            if op in {"coalesce", "nullif"}:
                yield Case(((_padding(op, args), ONE),), ZERO, Type.INT)
            for arg in args:
                if isinstance(arg, Column) and arg.type is Type.FLAG:
                    yield arg
                yield from branches(arg)


def _padding(op: str, args: tuple[Scalar, ...]) -> Scalar:
    return Call("is_null", args[:1], Type.TRUTH) if op == "coalesce" else Call("equal", args, Type.TRUTH)


def part(condition: Scalar) -> Case:
    """Not NULL on the rows where the condition is true."""
    return Case(((condition, ONE),), NULL, Type.INT)


def missing(argument: Scalar) -> Case:
    """1 on the rows that an aggregate leaves out."""
    return Case(((_null(argument), ONE),), ZERO, Type.INT)


def present(argument: Scalar) -> Case:
    """1 on the rows that COUNT(x) counts."""
    return Case(((_null(argument), ZERO),), ONE, Type.INT)


def gap(argument: Scalar) -> Case:
    """Not NULL on the rows that an aggregate leaves out."""
    return part(_null(argument))


def _null(argument: Scalar) -> Scalar:
    return Call("is_null", (argument,), Type.TRUTH)


def can_be_null(scalar: Scalar, book: Book) -> bool:
    match scalar:
        case Literal(value=value):
            return value is None
        case Column(ident=ident):
            if ident in book.opaque:
                return book.opaque[ident].nullable or bool(book.opaque[ident].home.scans & book.nullable)
            origin = book.origins.get(ident)
            return origin is None or origin.variable.missing or origin.scan in book.nullable
        case Call(op="coalesce" | "greatest" | "least", args=args):
            return all(can_be_null(a, book) for a in args)
        case Call(op=op) if op in GIVES_NULL:
            return True
        case Call(args=args):
            return any(can_be_null(a, book) for a in args)
        case Case(whens=whens, otherwise=otherwise):
            return any(can_be_null(v, book) for v in [*(v for _, v in whens), otherwise])


def is_match_flag(scalar: Scalar, book: Book) -> bool:
    """Whether NULL tells that an outer join found no row of somebody's."""
    found = frozenset().union(*(book.scans_of(i) for i in columns_of(scalar)))
    return bool(book.nullable & (found | columns_of(scalar)))


def amount(argument: Scalar) -> Case | None:
    """Not NULL on the rows that add something to a sum, whatever constants move them all."""
    bare = _bare(argument)
    if isinstance(bare, Literal):
        return None
    return part(Call("not", (Call("equal", (bare, ZERO), Type.TRUTH),), Type.TRUTH))


def unmoved(argument: Scalar) -> Scalar | None:
    """The amounts without the constants that are added to them, and that would give cover to a large one; None where
    there are none of these."""
    return _bare(argument) if _is_moved(argument) else None


def _is_moved(scalar: Scalar) -> bool:
    match scalar:
        case Case(whens=whens, otherwise=otherwise):
            return any(_is_moved(v) for v in [*(v for _, v in whens), otherwise])
        case Call(op=op, args=args):
            return (op in {"add", "subtract"} and any(isinstance(a, Literal) for a in args)) or any(
                map(_is_moved, args)
            )
    return False


def _bare(scalar: Scalar) -> Scalar:
    """An argument without the constants of its linear parts, which would move every value away from nothing."""
    match scalar:
        case Case(whens=whens, otherwise=otherwise):
            return Case(tuple((c, _bare(v)) for c, v in whens), _bare(otherwise), Type.DOUBLE)
        case Call(op=op, args=args) if op in LINEAR or op == "coalesce":
            inner = [a for a in args if not isinstance(a, Literal)]
            return _bare(inner[0]) if len(inner) == 1 else scalar
    return scalar


@dataclass(frozen=True, slots=True)
class Condition:
    """A 0/1 argument with the released statistic that tells it, and that one's measure if it is just a count of it.
    Conditions of one `total` are branches of it, and of different rows."""

    owner: int
    argument: Scalar
    count: Measure | None
    total: int


def close_pairs(conditions: Sequence[Condition], book: Book) -> list[tuple[Condition, Condition, Case]] | None:
    """Each pair of statistics' conditions that can be close, in order, with the rows on which they differ. None where
    there are too many to compare."""
    heavy = sum(book.weight(c.argument) for c in conditions)
    if len(conditions) > MOST_CONDITIONS or heavy > HEAVIEST_CONDITIONS:
        return None
    found = []
    for first, second in combinations(conditions, 2):
        if first.total != second.total and not _are_disjoint(first.argument, second.argument):
            same = Call("equal", (_holds(first.argument), _holds(second.argument)), Type.TRUTH)
            found.append((first, second, part(Call("not", (same,), Type.TRUTH))))
    return found


def _holds(argument: Scalar) -> Scalar:
    """Whether a 0/1 argument is 1; never NULL."""
    return Call("equal", (Call("coalesce", (argument, ZERO), Type.INT), ONE), Type.TRUTH)


def _are_disjoint(first: Scalar, second: Scalar) -> bool:
    """Whether two conditions plainly ask for different values of one variable: they differ on all of both."""
    match _value_asked(first), _value_asked(second):
        case (Column() as left, Literal() as one), (Column() as right, Literal() as other):
            return left == right and one.type == other.type and one.value != other.value
    return False


def _value_asked(argument: Scalar) -> tuple[Scalar, Scalar] | None:
    match argument:
        case Case(whens=((Call(op="equal", args=(left, right)), _),)) if argument.whens[0][1] == ONE:
            return (left, right) if argument.otherwise in (ZERO, NULL) else None
    return None

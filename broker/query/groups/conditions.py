"""What kind of condition one is: a range, a comparison of two values, a value that is there. Knows no relation."""

from broker.domain.scalars import Call, Case, Column, Literal, Scalar, Type, columns_of

TESTS = frozenset({"equal", "equal_text", "same", "less", "at_most", "is_null"})


def negated(condition: Scalar) -> Scalar:
    return Call("not", (condition,), Type.TRUTH)


def is_range(condition: Scalar) -> bool:
    """Whether a condition compares one column with written numbers, and with none of them for equality."""
    return len(columns_of(condition)) == 1 and _compares(condition)


def _compares(condition: Scalar) -> bool:
    match condition:
        case Call(op="and" | "or" | "not", args=args):
            return all(map(_compares, args))
        case Call(op="less" | "at_most" | "is_null", args=args):
            return all(isinstance(a, Column | Literal) for a in args)
    return False


def is_test(condition: Scalar) -> bool:
    """Whether a condition is one comparison of at most two values, each of one column."""
    match condition:
        case Call(op="not", args=(inner,)):
            return is_test(inner)
        case Call(op=op, args=args) if op in TESTS:
            return all(len(columns_of(a)) <= 1 and not _has_choice(a) for a in args)
    return False


def _has_choice(scalar: Scalar) -> bool:
    match scalar:
        case Case():
            return True
        case Call(op=op, args=args):
            return op in {"and", "or", "coalesce", "nullif", "greatest", "least", "abs"} or any(map(_has_choice, args))
    return False


def asks_present(condition: Scalar) -> bool:
    match condition:
        case Call(op="not", args=(Call(op="is_null"),)):
            return True
    return False

"""Text operations: DuckDB text, and the same computation in Python for ASCII. No dialects, no other values."""

from collections.abc import Callable, Sequence
from typing import Any

from broker.query.operations.operation import ANY_NUMBER, UNKNOWN, Fold, Operation, unknown_fold

WITHOUT_BLANKS = "rtrim({0}, ' ')"
"""Removes blanks only: the engine's rtrim without a second argument removes every kind of whitespace."""

_REPLACED = "regexp_replace({0}, {1}, {2}, 'g')"


def _same_text(v: Any) -> Any:
    return v.rstrip(" ").lower() if isinstance(v, str) and v.isascii() else UNKNOWN


def _equal_text(v: Sequence[Any]) -> Any:
    a, b = _same_text(v[0]), _same_text(v[1])
    return UNKNOWN if a is UNKNOWN or b is UNKNOWN else a == b


def _text(v: Sequence[Any]) -> Any:
    return str(v[0]) if isinstance(v[0], int | str) and not isinstance(v[0], bool) else UNKNOWN


def _ascii(work: Callable[..., Any]) -> Fold:
    """A fold over texts, UNKNOWN unless all are ASCII."""

    def fold(v: Sequence[Any]) -> Any:
        return work(*v) if all(x.isascii() for x in v if isinstance(x, str)) else UNKNOWN

    return fold


def like(text: str, pattern: str) -> bool:
    """LIKE without classes and escapes, in a number of steps proportional to the product of both lengths."""
    reached = [True] + [False] * len(text)  # reached[i]: the pattern so far matches the first i characters
    for sign in pattern:
        if sign == "%":
            first = reached.index(True) if True in reached else len(reached)
            reached = [i >= first for i in range(len(reached))]
        else:
            reached = [False] + [r and sign in ("_", c) for r, c in zip(reached, text, strict=False)]
    return reached[-1]


def _stuff(text: str, before: int, start: int, new: str) -> Any:
    return text[:before] + new + text[start - 1 :] if before < len(text) else None


def _joined(v: Sequence[Any]) -> Any:
    return "".join(x for x in v if x is not None)


def _joined_by(v: Sequence[Any]) -> Any:
    return v[0].join(x for x in v[1:] if x is not None)


TEXT_OPERATIONS = (
    Operation(
        "equal_text", "(lower(rtrim({0}, ' ')) = lower(rtrim({1}, ' ')))", _equal_text, max_arguments=2, min_arguments=2
    ),
    Operation("like", "({0} LIKE {1})", _ascii(like), max_arguments=2, min_arguments=2),
    Operation("like_escaped", "({0} LIKE {1} ESCAPE {2})", unknown_fold, max_arguments=3, min_arguments=3),
    Operation(
        "ilike", "({0} ILIKE {1})", _ascii(lambda x, p: like(x.lower(), p.lower())), max_arguments=2, min_arguments=2
    ),
    Operation("ilike_escaped", "({0} ILIKE {1} ESCAPE {2})", unknown_fold, max_arguments=3, min_arguments=3),
    Operation(
        "like_any_case",
        "(lower({0}) LIKE lower({1}))",
        _ascii(lambda x, p: like(x.lower(), p.lower())),
        max_arguments=2,
        min_arguments=2,
    ),
    Operation("matches", "regexp_full_match({0}, {1})", unknown_fold, max_arguments=2, min_arguments=2),
    Operation(
        "starts_with", "starts_with({0}, {1})", lambda v: v[0].startswith(v[1]), max_arguments=2, min_arguments=2
    ),
    Operation("ends_with", "ends_with({0}, {1})", lambda v: v[0].endswith(v[1]), max_arguments=2, min_arguments=2),
    Operation("contains", "contains({0}, {1})", lambda v: v[1] in v[0], max_arguments=2, min_arguments=2),
    Operation("to_text", "CAST({0} AS VARCHAR)", _text),
    Operation("concat", "({0} || {1})", lambda v: v[0] + v[1], min_arguments=2, max_arguments=2),
    Operation("concat_all", "concat|, |", _joined, strict=False, max_arguments=ANY_NUMBER),
    Operation("concat_by", "concat_ws|, |", _joined_by, strict=False, min_arguments=2, max_arguments=ANY_NUMBER),
    Operation("left", "left({0}, {1})", lambda v: v[0][: v[1]], min_arguments=2, max_arguments=2),
    Operation("right", "right({0}, {1})", lambda v: v[0][-v[1] :] if v[1] else "", min_arguments=2, max_arguments=2),
    Operation(
        "substring",
        "substring({0}, {1}, {2})",
        lambda v: v[0][v[1] - 1 : v[1] - 1 + v[2]],
        min_arguments=3,
        max_arguments=3,
    ),
    Operation("substring_from", "substring({0}, {1})", lambda v: v[0][v[1] - 1 :], min_arguments=2, max_arguments=2),
    Operation(
        "stuff",
        "(CASE WHEN length({0}) > {1} THEN left({0}, {1}) || {3} || substring({0}, {2}) END)",
        _ascii(_stuff),
        min_arguments=4,
        max_arguments=4,
    ),
    Operation("upper", "upper({0})", _ascii(str.upper)),
    Operation("lower", "lower({0})", _ascii(str.lower)),
    Operation("trim", "trim({0})", _ascii(lambda s: s.strip(" "))),
    Operation("trim_left", "ltrim({0})", _ascii(lambda s: s.lstrip(" "))),
    Operation("trim_right", "rtrim({0})", _ascii(lambda s: s.rstrip(" "))),
    Operation("trim_blanks", "trim({0}, ' ')", lambda v: v[0].strip(" ")),
    Operation("trim_blanks_left", "ltrim({0}, ' ')", lambda v: v[0].lstrip(" ")),
    Operation("trim_blanks_right", WITHOUT_BLANKS, lambda v: v[0].rstrip(" ")),
    Operation("length", "length({0})", _ascii(len)),
    Operation("length_trimmed", f"length({WITHOUT_BLANKS})", _ascii(lambda s: len(s.rstrip(" ")))),
    Operation("position", "strpos({0}, {1})", _ascii(lambda s, x: s.find(x) + 1), min_arguments=2, max_arguments=2),
    Operation(
        "position_any_case",
        "strpos(lower({0}), lower({1}))",
        _ascii(lambda s, x: s.lower().find(x.lower()) + 1),
        min_arguments=2,
        max_arguments=2,
    ),
    Operation(
        "replace", "replace({0}, {1}, {2})", lambda v: v[0].replace(v[1], v[2]), min_arguments=3, max_arguments=3
    ),
    Operation("replace_any_case", _REPLACED, unknown_fold, min_arguments=3, max_arguments=3),
)

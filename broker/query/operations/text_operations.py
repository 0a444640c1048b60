"""Text operations: DuckDB text, and the same computation in Python for ASCII. No dialects, no other values."""

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from broker.query.operations import result_sizes as sizes
from broker.query.operations.operation import UNKNOWN, Fold, Operation, OperationKind, truth_operation, unknown_fold

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
    return lambda v: work(*v) if all(x.isascii() for x in v if isinstance(x, str)) else UNKNOWN


def like(text: str, pattern: str, escape: str = "") -> bool:
    """LIKE without classes."""
    signs = re.findall(f"{re.escape(escape)}.|." if escape else ".", pattern, re.DOTALL)
    return matches(text, "".join(LIKE_SIGNS.get(sign) or re.escape(sign[-1]) for sign in signs), case="(?s)")


LIKE_SIGNS = {"%": ".*", "_": "."}
PATTERN_PART = re.compile(r"(\[(?:\\.|[^\]\\])+\]|\\.|.)(\*?)", re.DOTALL)
"""One character, any character or a class; with a star, any number of these."""


def matches(text: str, pattern: str, case: str = "(?is)") -> bool:
    """Whether a pattern of the binder matches a whole text, in a number of steps proportional to the product of both
    lengths. A backtracking search could take exponentially many."""
    reached = {0}  # numbers of characters that the pattern so far matches
    for sign, star in PATTERN_PART.findall(pattern.removeprefix("(?is)")):
        fits = [re.fullmatch(case + sign, c) is not None for c in text]
        after = {i + 1 for i in reached if i < len(text) and fits[i]}
        if star:
            after = set(reached)
            for i, fit in enumerate(fits):
                if fit and i in after:
                    after.add(i + 1)
        reached = after
    return len(text) in reached


LONGEST_MATCHED = 40
"""Characters of a text in which a regular expression is looked for: Python looks again from each character."""
LONGEST_PATTERN, LONGEST_TEXT = 200, 300
"""A longer pattern is not folded: it would take time, and no list of codes needs one."""


def _pattern(work: Callable[..., bool]) -> Fold:
    """A fold of a text and a pattern, UNKNOWN unless the pattern is short and all is ASCII."""
    fold = _ascii(work)
    return lambda v: fold(v) if len(v[0]) <= LONGEST_TEXT and len(v[1]) <= LONGEST_PATTERN else UNKNOWN


PLAIN_PATTERN = re.compile(r"(?:(?:[\w /:-]|\\[dw.]|\.|\[\^?[\w -]+\])(?:[*+?]|\{[0-9]{1,2}\})?|[()|^$])*", re.ASCII)
"""Regular expressions without repeated groups: Python's matcher reads them as the engine's does, and quickly."""
MOST_REPEATS = 4


def plain_pattern(pattern: str) -> "re.Pattern[str] | None":
    """A regular expression that Python and the engine read alike; None for any other."""
    if not PLAIN_PATTERN.fullmatch(pattern) or sum(map(pattern.count, "*+?")) > MOST_REPEATS:
        return None
    try:
        return re.compile(pattern, re.ASCII)
    except re.error:
        return None


def _found(text: str, pattern: str) -> Any:
    matcher = plain_pattern(pattern) if len(text) <= LONGEST_MATCHED else None
    return UNKNOWN if matcher is None else matcher.search(text) is not None


def _found_whole(text: str, pattern: str) -> Any:
    matcher = plain_pattern(pattern) if len(text) <= LONGEST_MATCHED else None
    return UNKNOWN if matcher is None else matcher.fullmatch(text) is not None


def _extracted(text: str, pattern: str, group: int) -> Any:
    matcher = plain_pattern(pattern) if len(text) <= LONGEST_MATCHED else None
    if matcher is None or not 0 <= group <= matcher.groups:
        return UNKNOWN
    found = matcher.search(text)
    return "" if found is None else found.group(group) or ""


def _part(text: str, separator: str, place: int) -> str:
    parts = text.split(separator)
    return parts[place - 1] if 1 <= place <= len(parts) else ""


def _stuff(text: str, before: int, start: int, new: str) -> Any:
    return text[:before] + new + text[start - 1 :] if before < len(text) else None


def _joined(v: Sequence[Any]) -> Any:
    return "".join(x for x in v if x is not None)


def _joined_by(v: Sequence[Any]) -> Any:
    return v[0].join(x for x in v[1:] if x is not None)


_test = partial(truth_operation, kind=OperationKind.OTHER)
"""A test of a text."""


def _text_operation(
    name: str, template: str, fold: Fold, arguments: int, length: sizes.Length, *, magnitude: sizes.Magnitude,
    or_more: bool = False, strict: bool = True,
) -> Operation:  # fmt: skip
    return Operation(
        *(name, template, fold), kind=OperationKind.OTHER, exact_fold=True, error_free=False, has_argument_width=False,
        values=None, magnitude=magnitude, length=length, arguments=arguments, or_more=or_more, strict=strict,
    )  # fmt: skip


_changed = partial(_text_operation, magnitude=sizes.of_first)
"""A text made of another one."""
_joined_all = partial(_text_operation, magnitude=sizes.of_first, or_more=True, strict=False)
"""A text joined from any number of texts, without those that are NULL."""
_place = partial(_text_operation, length=sizes.longest, magnitude=sizes.small)
"""A number of characters of a text."""

TEXT_OPERATIONS = (
    truth_operation(
        "equal_text", "(lower(rtrim({0}, ' ')) = lower(rtrim({1}, ' ')))", _equal_text, 2,
        kind=OperationKind.COMPARISON, error_free=True,
    ),
    _test("like", "({0} LIKE {1})", _pattern(like), 2, error_free=False),
    _test("like_escaped", "({0} LIKE {1} ESCAPE {2})", _pattern(like), 3, error_free=False),
    _test("ilike", "({0} ILIKE {1})", _pattern(lambda x, p: like(x.lower(), p.lower())), 2, error_free=False),
    _test("ilike_escaped", "({0} ILIKE {1} ESCAPE {2})",
          _pattern(lambda x, p, e: like(x.lower(), p.lower(), e.lower())), 3, error_free=False),
    _test("like_any_case", "(lower({0}) LIKE lower({1}))", _pattern(lambda x, p: like(x.lower(), p.lower())), 2,
          error_free=False),
    _test("matches", "regexp_full_match({0}, {1})", _pattern(matches), 2, error_free=False),
    _test("contains_match", "regexp_matches({0}, {1})", _ascii(_found), 2, error_free=False),
    _test("is_match", "regexp_full_match({0}, {1})", _ascii(_found_whole), 2, error_free=False),
    _changed("extract", "regexp_extract({0}, {1}, {2})", _ascii(_extracted), 3, sizes.longest),
    _changed("part", "split_part({0}, {1}, {2})", lambda v: _part(*v), 3, sizes.longest),
    _test("starts_with", "starts_with({0}, {1})", lambda v: v[0].startswith(v[1]), 2, error_free=True),
    _test("ends_with", "ends_with({0}, {1})", lambda v: v[0].endswith(v[1]), 2, error_free=True),
    _test("contains", "contains({0}, {1})", lambda v: v[1] in v[0], 2, error_free=True),
    _changed("to_text", "CAST({0} AS VARCHAR)", _text, 1, sizes.longest),
    _changed("concat", "({0} || {1})", lambda v: v[0] + v[1], 2, sizes.joined),
    _joined_all("concat_all", "concat|, |", _joined, 1, sizes.joined),
    _joined_all("concat_by", "concat_ws|, |", _joined_by, 2, sizes.joined_by_first),
    _changed("padded", "rpad(left({0}, {1}), {1}, ' ')", lambda v: v[0][: v[1]].ljust(v[1]), 2, sizes.to_length),
    _changed("left", "left({0}, {1})", lambda v: v[0][: v[1]], 2, sizes.cut),
    _changed("right", "right({0}, {1})", lambda v: v[0][-v[1] :] if v[1] else "", 2, sizes.cut),
    _changed("substring", "substring({0}, {1}, {2})", lambda v: v[0][v[1] - 1 : v[1] - 1 + v[2]], 3, sizes.longest),
    _changed("substring_from", "substring({0}, {1})", lambda v: v[0][v[1] - 1 :], 2, sizes.longest),
    _changed(
        "stuff", "(CASE WHEN length({0}) > {1} THEN left({0}, {1}) || {3} || substring({0}, {2}) END)",
        *(_ascii(_stuff), 4, sizes.inserted),
    ),
    _changed("upper", "upper({0})", _ascii(str.upper), 1, sizes.of_first),
    _changed("lower", "lower({0})", _ascii(str.lower), 1, sizes.of_first),
    _changed("trim", "trim({0})", _ascii(lambda s: s.strip(" ")), 1, sizes.longest),
    _changed("trim_left", "ltrim({0})", _ascii(lambda s: s.lstrip(" ")), 1, sizes.longest),
    _changed("trim_right", "rtrim({0})", _ascii(lambda s: s.rstrip(" ")), 1, sizes.longest),
    _changed("trim_blanks", "trim({0}, ' ')", lambda v: v[0].strip(" "), 1, sizes.longest),
    _changed("trim_blanks_left", "ltrim({0}, ' ')", lambda v: v[0].lstrip(" "), 1, sizes.longest),
    _changed("trim_blanks_right", WITHOUT_BLANKS, lambda v: v[0].rstrip(" "), 1, sizes.longest),
    _place("length", "length({0})", _ascii(len), 1),
    _place("length_trimmed", f"length({WITHOUT_BLANKS})", _ascii(lambda s: len(s.rstrip(" "))), 1),
    _place("position", "strpos({0}, {1})", _ascii(lambda s, x: s.find(x) + 1), 2),
    _place("position_any_case", "strpos(lower({0}), lower({1}))",
           _ascii(lambda s, x: s.lower().find(x.lower()) + 1), 2),
    _changed("replace", "replace({0}, {1}, {2})", lambda v: v[0].replace(v[1], v[2]), 3, sizes.replaced),
    _changed("replace_any_case", _REPLACED, unknown_fold, 3, sizes.replaced),
)  # fmt: skip

"""Text functions and LIKE by dialect. T-SQL's search ignores case."""

import re

from sqlglot import exp

from broker.domain.plans.scalars import Call, Literal, Scalar, ScalarType, integer, truth_call
from broker.query.diagnostics import BindError, check_arguments, written_name
from broker.query.expressions.arithmetic import checked_length
from broker.query.expressions.expression_binder import ExpressionBinder
from broker.query.expressions.predicates import spellings_of
from broker.query.operations.text_operations import plain_pattern

ANY_CHARACTER = "."
ANY_TEXT = ".*"
TRAILING_BLANKS = " *"
"""Trailing blanks of the value are ignored, as T-SQL does for varchar."""


def like(binder: ExpressionBinder, node: exp.Expr, escape: str | None = None) -> Scalar:
    value, pattern = binder.value(node.this), binder.value(node.expression)
    if not isinstance(pattern, Literal) or not isinstance(pattern.value, str) or value.type is not ScalarType.TEXT:
        raise BindError("like", "LIKE needs text and a written pattern.", "Write x LIKE 'AB%'.", node)
    matched = _like_any_case if binder.dialect.ignores_case else _like_exactly
    found = matched(node, value, pattern.value, escape)
    return truth_call("not", found) if node.args.get("negate") else found


def escaped(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    """LIKE p ESCAPE '!'. The parser puts the escape node around the LIKE."""
    inner = node.this
    if not isinstance(inner, exp.Like | exp.ILike):
        raise BindError("like", "ESCAPE can be used only after LIKE.", "Write x LIKE '10!%' ESCAPE '!'.", node)
    check_arguments(inner, "this", "expression", "negate")
    sign = binder.value(node.expression)
    if not isinstance(sign, Literal) or not isinstance(sign.value, str) or len(sign.value) != 1:
        raise BindError("like", "ESCAPE needs one written character.", "Write ESCAPE '!'.", node)
    return like(binder, inner, sign.value)


def _like_exactly(node: exp.Expr, value: Scalar, pattern: str, escape: str | None) -> Scalar:
    op = "ilike" if isinstance(node, exp.ILike) else "like"
    if escape is None:
        return truth_call(op, value, Literal(pattern, ScalarType.TEXT))
    if re.search(re.escape(escape) + r"(?![%_" + re.escape(escape) + "])", pattern.replace(escape * 2, "")):
        raise BindError(
            "like", "The escape character must be followed by %, _ or itself.", "Write x LIKE '10!%' ESCAPE '!'.", node
        )
    texts = (Literal(pattern, ScalarType.TEXT), Literal(escape, ScalarType.TEXT))
    return truth_call(f"{op}_escaped", value, *texts)


def _like_any_case(node: exp.Expr, value: Scalar, pattern: str, escape: str | None) -> Scalar:
    # a pattern that ends in % allows trailing blanks by itself
    if escape is None and "[" not in pattern and pattern.endswith("%"):
        return truth_call("like_any_case", value, Literal(pattern, ScalarType.TEXT))
    # classes, escapes and trailing blanks need a regular expression
    return truth_call("matches", value, Literal(pattern_regex(node, pattern, escape), ScalarType.TEXT))


def pattern_regex(node: exp.Expr, pattern: str, escape: str | None) -> str:
    """Turn a T-SQL pattern into a regular expression for the whole value, ignoring case."""
    found, rest = [], pattern
    while rest:
        sign, rest = rest[0], rest[1:]
        if sign == escape:
            if not rest:
                _refuse_pattern(node, "The pattern ends in its escape character.")
            found.append(re.escape(rest[0]))
            rest = rest[1:]
        elif sign == "[":
            one, rest = _character_class(node, rest, escape)
            found.append(one)
        else:
            found.append({"%": ANY_TEXT, "_": ANY_CHARACTER}.get(sign) or re.escape(sign))
    return "(?is)" + "".join(found) + TRAILING_BLANKS


def _character_class(node: exp.Expr, rest: str, escape: str | None) -> tuple[str, str]:
    """Parse [abc], [a-c] or [^a-c]. Ranges must be of ASCII letters or digits: others depend on the collation."""
    inside, closed, after = rest.partition("]")
    negated, signs = (inside[:1] == "^"), inside.removeprefix("^")
    if not closed or not signs or (escape is not None and escape in inside):
        _refuse_pattern(node, "This class of characters is not closed, is empty, or has an escape inside.")
    parts = []
    while signs:
        if len(signs) > 2 and signs[1] == "-":
            parts.append(_character_range(node, signs[0], signs[2]))
            signs = signs[3:]
        else:
            # these have a meaning inside a class of a regular expression
            parts.append("\\" + signs[0] if signs[0] in "\\^-[]&~|" else signs[0])
            signs = signs[1:]
    return f"[{'^' if negated else ''}{''.join(parts)}]", after


def _character_range(node: exp.Expr, low: str, high: str) -> str:
    both = low + high
    # both digits, or both letters of one case
    alike = both.isascii() and (both.isdigit() or (both.isalpha() and low.isupper() == high.isupper()))
    if not alike or low > high:
        _refuse_pattern(node, "A range of characters must have only digits, or only letters of one case.")
    return f"{low}-{high}"


def _refuse_pattern(node: exp.Expr, message: str) -> None:
    raise BindError("like", message, "List the codes with IN (…), or write LIKE '[A-C]%'.", node)


CHANGES: dict[type[exp.Expr], str] = {exp.Upper: "upper", exp.Lower: "lower"}
SIDES: dict[type[exp.Expr], str] = {exp.Left: "left", exp.Right: "right"}
TESTS: dict[type[exp.Expr], str] = {exp.StartsWith: "starts_with", exp.EndsWith: "ends_with", exp.Contains: "contains"}
TRIMS = {"LEADING": "_left", "TRAILING": "_right", "": "", "BOTH": ""}


def bind_text(binder: ExpressionBinder, node: exp.Expr, part: exp.Expr) -> Scalar:
    """Bind a text argument, without the cast to text that the parser adds around T-SQL's arguments. A whole number
    below such a cast is converted to text, as in T-SQL."""
    is_cast = False
    while isinstance(part, exp.Cast) and part.args["to"].this is exp.DataType.Type.TEXT:
        check_arguments(part, "this", "to")
        part, is_cast = part.this, True
    found = binder.value(part)
    if is_cast and binder.dialect.converts_text_arguments and found.type.is_whole:
        return Call("to_text", (found,), ScalarType.TEXT)
    if found.type is not ScalarType.TEXT:
        raise BindError("type", "This function needs text.", "Use a variable that is text.", node)
    return found


def written_text(binder: ExpressionBinder, node: exp.Expr, part: exp.Expr, what: str, min_length: int = 1) -> str:
    """Value of a text that must be written as a literal. Raises BindError otherwise."""
    found = binder.value(part)
    if not isinstance(found, Literal) or not isinstance(found.value, str) or len(found.value) < min_length:
        raise BindError("literal", f"{what} must be a written text.", "Write it between quotes.", node)
    return found.value


def written_count(binder: ExpressionBinder, part: exp.Expr, what: str, minimum: int = 0) -> int:
    found = binder.written_integer(part, what)
    if found < minimum:
        raise BindError("literal", f"{what} must be at least {minimum}.", "Write a larger number.", part)
    return found


def change_case(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    return Call(CHANGES[type(node)], (bind_text(binder, node, node.this),), ScalarType.TEXT)


def trim(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    """TRIM. T-SQL removes blanks only, DuckDB all whitespace."""
    op = binder.dialect.trim + TRIMS[node.text("position").upper()]
    return Call(op, (bind_text(binder, node, node.this),), ScalarType.TEXT)


def length(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    return Call(binder.dialect.length, (bind_text(binder, node, node.this),), ScalarType.INT)


def left_or_right(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    size = written_count(binder, node.expression, "The number of characters")
    return Call(SIDES[type(node)], (bind_text(binder, node, node.this), integer(size)), ScalarType.TEXT)


def substring(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    value = bind_text(binder, node, node.this)
    if not node.args.get("start") or (binder.dialect.substring_needs_length and not node.args.get("length")):
        message = f"{written_name(node)} needs a start and a length."
        raise BindError("literal", message, "Write SUBSTRING(x, 1, 2).", node)
    start = integer(written_count(binder, node.args["start"], "The start", minimum=1))
    if not node.args.get("length"):
        return Call("substring_from", (value, start), ScalarType.TEXT)
    size = integer(written_count(binder, node.args["length"], "The length"))
    return Call("substring", (value, start, size), ScalarType.TEXT)


def stuff(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    """STUFF. NULL if the start lies beyond the end, as in T-SQL."""
    value = bind_text(binder, node, node.this)
    start = written_count(binder, node.args["start"], "The start", minimum=1)
    gone = written_count(binder, node.args["length"], "The length")
    new = Literal(written_text(binder, node, node.expression, "The new part", min_length=0), ScalarType.TEXT)
    # length of the part before, and start of the part after
    places = integer(start - 1), integer(start + gone)
    return checked_length(binder, node, Call("stuff", (value, *places, new), ScalarType.TEXT))


def position(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    """CHARINDEX ignores case; DuckDB's strpos does not."""
    sought = Literal(written_text(binder, node, node.args["substr"], "The text to look for"), ScalarType.TEXT)
    op = "position_any_case" if binder.dialect.ignores_case else "position"
    return Call(op, (bind_text(binder, node, node.this), sought), ScalarType.INT)


def replace(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    """REPLACE. T-SQL ignores case: a plain replacement if the sought text has only one spelling, otherwise a
    pattern."""
    value = bind_text(binder, node, node.this)
    old = written_text(binder, node, node.expression, "The text to look for")
    new = written_text(binder, node, node.args["replacement"], "The new text", min_length=0)
    op, sought = "replace", old
    if binder.dialect.ignores_case and not _has_one_case(binder, value, old):
        if not (old.isascii() and "\\" not in new):  # a backslash in the new text is special in regexp_replace
            message = "REPLACE of non-ASCII letters depends on the server's collation."
            raise BindError("text-compare", message, "Use CASE WHEN.", node)
        op, sought = "replace_any_case", f"(?i){re.escape(old)}"
    texts = (Literal(sought, ScalarType.TEXT), Literal(new, ScalarType.TEXT))
    return checked_length(binder, node, Call(op, (value, *texts), ScalarType.TEXT))


def _has_one_case(binder: ExpressionBinder, value: Scalar, old: str) -> bool:
    """Whether every spelling that can match is the written one."""
    if old.isascii() and not any(c.isalpha() for c in old):
        return True
    listed = spellings_of(binder.symbols, value)
    codes = list(listed.values()) if listed is not None else None
    # every occurrence in any case must be one in the written case
    return codes is not None and all(c.isascii() and c.lower().count(old.lower()) == c.count(old) for c in codes)


def concat(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    """||. NULL if a side is NULL. A whole number is converted to text."""
    sides = (_joinable(binder, node, node.this), _joinable(binder, node, node.expression))
    return checked_length(binder, node, Call("concat", sides, ScalarType.TEXT))


def concat_all(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    """CONCAT treats NULL as the empty text."""
    parts = tuple(_joinable(binder, node, p) for p in node.expressions)
    return checked_length(binder, node, Call("concat_all", parts, ScalarType.TEXT))


def concat_by(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    """CONCAT_WS skips NULLs, but not empty texts."""
    between = Literal(written_text(binder, node, node.expressions[0], "The separator", min_length=0), ScalarType.TEXT)
    parts = tuple(_joinable(binder, node, p) for p in node.expressions[1:])
    if not parts:
        raise BindError("literal", "CONCAT_WS needs texts to join.", "Write CONCAT_WS(', ', x, y).", node)
    return checked_length(binder, node, Call("concat_by", (between, *parts), ScalarType.TEXT))


def _joinable(binder: ExpressionBinder, node: exp.Expr, part: exp.Expr) -> Scalar:
    found = binder.value(part)
    if found.type.is_whole:
        return Call("to_text", (found,), ScalarType.TEXT)
    if found.type not in {ScalarType.TEXT, ScalarType.NULL}:
        message = "You can join only text and whole numbers to text."
        raise BindError("type", message, "CAST a number AS int; write CONVERT(varchar(10), d, 120) for a date.", node)
    return found


def _written_pattern(binder: ExpressionBinder, node: exp.Expr) -> tuple[Literal, int]:
    """A written regular expression, and its number of groups. Raises BindError for one that the engine could read
    otherwise, or not at all."""
    text = written_text(binder, node, node.expression, "The pattern")
    found = plain_pattern(text)
    if found is None:
        message = "This regular expression is not understood."
        raise BindError("like", message, "Repeat single characters or classes only, or write LIKE.", node)
    return Literal(text, ScalarType.TEXT), found.groups


def matched(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    """DuckDB's regexp_matches and ~ look for a match; regexp_full_match and SIMILAR TO need the whole text."""
    op = "contains_match" if isinstance(node, exp.RegexpLike) else "is_match"
    pattern, _ = _written_pattern(binder, node)
    return truth_call(op, bind_text(binder, node, node.this), pattern)


def extracted(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    """DuckDB's regexp_extract. It gives the empty text where nothing matches."""
    pattern, groups = _written_pattern(binder, node)
    group = written_count(binder, node.args["group"], "The group") if node.args.get("group") else 0
    if group > groups:
        raise BindError("literal", "The pattern has no such group.", "Write brackets around the part.", node)
    return Call("extract", (bind_text(binder, node, node.this), pattern, integer(group)), ScalarType.TEXT)


def split_part(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    """DuckDB's split_part. It gives the empty text beyond the last part."""
    between = Literal(written_text(binder, node, node.args["delimiter"], "The separator"), ScalarType.TEXT)
    place = integer(written_count(binder, node.args["part_index"], "The part", minimum=1))
    return Call("part", (bind_text(binder, node, node.this), between, place), ScalarType.TEXT)


def text_test(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    """DuckDB's starts_with, ends_with and contains, which are case-sensitive."""
    sought = Literal(written_text(binder, node, node.expression, "The text to look for"), ScalarType.TEXT)
    return truth_call(TESTS[type(node)], bind_text(binder, node, node.this), sought)

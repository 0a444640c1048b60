"""Conditions that no value of a code list can meet: refusals with the right form, and notes on those without effect."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from sqlglot import exp

from broker.domain.plans.scalars import Call, ColumnRef, Literal, Scalar, ScalarType, Value, column_ids
from broker.domain.spelling_hints import question
from broker.policy.data_catalogue import Catalogue, YearAxis
from broker.query.diagnostics import Diagnostics, Respelling
from broker.query.expressions.predicates import spellings_of
from broker.query.operations.possible_values import ONLY_NULL, can_be_true, possible_values
from broker.query.symbols import ColumnOrigin, SymbolTable
from broker.query.tree_walks import flatten

EQUALITIES = frozenset({"equal", "equal_text"})
PLACEHOLDER = re.compile(r"\s*|\.|-\d+|9+|n/?a|null|missing|unknown", re.IGNORECASE)
"""Texts for "no value" of other extracts. A CASE that replaces them is careful, and not about nobody."""
WRITTEN_YEAR = re.compile(r"\s*((?:19|20)\d\d)(?:\s*[-/_]?\s*((?:19|20)?\d\d))?\s*")
MIN_SIMILARITY = 0.6
MOST_CODES = 30
CLAUSES = (exp.Where, exp.Having, exp.Qualify, exp.Join, exp.Filter, exp.CountIf)
"""What a condition chooses rows of."""


@dataclass(frozen=True, slots=True)
class ImpossibleTest:
    """A comparison of which written values are impossible. `whole`: all of them are. `values`: those that the other
    side can have. `near`: the value that is meant,
    as the text writes it, for each impossible one; None if unknown."""

    node: exp.Expr
    origin: ColumnOrigin
    values: tuple[Value, ...]
    written: tuple[exp.Expr, ...]
    near: tuple[str | None, ...]
    is_plain: bool
    whole: bool


class ImpossibleConditions:
    """The impossible comparisons of one query. A comparison is judged when it is bound, and reported at the end, when
    all conditions around it are known."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._found: dict[int, ImpossibleTest] = {}

    def judge(self, node: exp.Expr, condition: Scalar, symbols: SymbolTable) -> None:
        """Judge a comparison with written values; anything else is left out."""
        literals = tuple(_written_values(node))
        known = known_values(condition, symbols) if literals else {}
        if not known:
            return
        is_negated = isinstance(condition, Call) and condition.op == "not"
        test = condition.args[0] if isinstance(condition, Call) and is_negated else condition
        tests = test.args if isinstance(test, Call) and test.op == "or" else (test,)
        failed = [t for t in tests if isinstance(t, Call) and not can_be_true(t, known, symbols.definitions)]
        values = {str(a.value) for t in failed for a in t.args if isinstance(a, Literal) and a.value is not None}
        written = tuple(
            one for one in literals if isinstance(node, exp.Like | exp.ILike | exp.Escape) or one.name in values
        )
        origin = next((symbols.origins[i] for i in sorted(symbols.base(condition)) if _is_listed(i, symbols)), None)
        if failed and values and written and origin is not None:
            side = next((a for a in failed[0].args if not isinstance(a, Literal)), None)
            values_of_side = possible_values(side, known, symbols.definitions) if side is not None else None
            listed = tuple(sorted((v for v in values_of_side or () if v is not None), key=_order_in(origin)))
            near = tuple(self._near(one, origin, listed) for one in written)
            whole = len(failed) == len(tests) and not is_negated
            self._found[id(node)] = ImpossibleTest(
                node, origin, listed, written, near, _is_plain(side, failed[0], symbols), whole
            )

    def _near(self, written: exp.Expr, origin: ColumnOrigin, values: Sequence[Value]) -> str | None:
        """The value that is meant by a written one, as the text writes it."""
        if origin.is_year and origin.table.year is not None:
            year = _same_year(written.name, origin.table.year)
            return _quoted(year) if year in values else None
        near = nearest_code(written.name, {str(v): self._label(origin, str(v)) for v in values})
        return None if near is None else _quoted(near)

    def _label(self, origin: ColumnOrigin, code: str) -> str:
        named = next((c for c in self._catalogue.codesets if c.name == origin.variable.codeset), None)
        return named.labels.get(code, "") if named is not None else ""

    def report(self, diagnostics: Diagnostics, advice: dict[str, None]) -> None:
        """Refuse the conditions that select nobody and have a right form. Advise on other impossible comparisons."""
        for test in self._found.values():
            if test.whole and _has_right_form(test) and self._selects_nobody(test):
                message, name = _message(test), test.origin.full_name
                diagnostics.add("impossible-condition", message, self._advice(test), test.node, name, _respelling(test))
            else:
                line, column = diagnostics.position_of(test.node)
                advice[f"Line {line}, column {column}: {_sentence(test)}. {self._advice(test)}"] = None

    def _advice(self, test: ImpossibleTest) -> str:
        meant = question([one for one in dict.fromkeys(test.near) if one is not None]).strip()
        axis = test.origin.table.year
        is_form = axis is not None and all(_is_written_as(one.name, axis) for one in test.written)
        if test.origin.is_year and axis is not None and not is_form:
            last = max(axis.years)
            form = f"This table writes the year {last}/{last + 1} as {_quoted(axis.format.write(last))}."
        else:
            shown = [self._described(test, value) for value in test.values]
            form = f"The values are {', '.join(shown[:MOST_CODES])}{', …' if len(shown) > MOST_CODES else ''}."
        return f"{meant} {form}".strip()

    def _described(self, test: ImpossibleTest, value: Value) -> str:
        label = self._label(test.origin, str(value)) if test.is_plain else ""
        return _quoted(value) + (f" ({label})" if label else "")

    def _selects_nobody(self, test: ImpossibleTest) -> bool:
        """Whether the comparison leaves a clause, or a CASE, with no row. A part of NOT or of OR does not."""
        node = test.node
        while (parent := node.parent) is not None:
            if isinstance(parent, exp.Or) and not self._is_impossible(parent):
                return False
            if isinstance(node, exp.If) or (isinstance(parent, exp.If) and parent.this is node):
                return self._is_empty_case(node if isinstance(node, exp.If) else parent, test)
            if isinstance(parent, CLAUSES):
                return True
            if not isinstance(parent, exp.Paren | exp.And | exp.Or):
                return False
            node = parent
        return False

    def _is_empty_case(self, arm: exp.Expr, test: ImpossibleTest) -> bool:
        """Whether no branch of a CASE can be chosen. An extra branch in a longer CASE has no effect."""
        if all(PLACEHOLDER.fullmatch(one.name) for one in test.written):
            return False
        around = arm.parent
        arms = around.args["ifs"] if isinstance(around, exp.Case) else [arm]
        return all(self._is_impossible(one) or self._is_impossible(one.this) for one in arms)

    def _is_impossible(self, node: exp.Expr) -> bool:
        inner = node.unnest()
        if isinstance(inner, exp.And):
            return any(map(self._is_impossible, flatten(inner, exp.And)))
        if isinstance(inner, exp.Or):
            return all(map(self._is_impossible, flatten(inner, exp.Or)))
        return id(inner) in self._found and self._found[id(inner)].whole


def known_values(scalar: Scalar, symbols: SymbolTable) -> dict[int, frozenset[Value]]:
    """The listed values, and NULL, of each column that a scalar is computed from, if it has a list."""
    found: dict[int, frozenset[Value]] = {}
    for ident in column_ids(scalar):
        if ident in symbols.definitions:
            found |= known_values(symbols.definitions[ident], symbols)
        elif values := _listed(ident, symbols):
            found[ident] = frozenset(values) | ONLY_NULL
    return found


def _listed(ident: int, symbols: SymbolTable) -> Sequence[Value]:
    column = ColumnRef(ident, ScalarType.TEXT)
    origin = symbols.origin(column)
    if origin is not None and origin.is_year and origin.table.year is not None:
        return [origin.table.year.format.write(year) for year in origin.table.year.years]
    return tuple((spellings_of(symbols, column) or {}).values())


def _is_listed(ident: int, symbols: SymbolTable) -> bool:
    return bool(_listed(ident, symbols))


def _written_values(node: exp.Expr) -> Iterator[exp.Expr]:
    """The written values of a comparison."""
    inner = node.this if isinstance(node, exp.Escape) else node
    if isinstance(inner, exp.In):
        parts = list(inner.expressions)
    elif isinstance(inner, exp.EQ | exp.NEQ | exp.Like | exp.ILike):
        parts = [inner.this, inner.expression]
    else:
        parts = [inner.this] if isinstance(inner, exp.If) else []
    yield from (p for part in parts if isinstance(p := part.unnest(), exp.Literal | exp.National))


def _is_plain(side: Scalar | None, test: Call, symbols: SymbolTable) -> bool:
    return side is not None and test.op in EQUALITIES and symbols.origin(symbols.expanded(side)) is not None


def nearest_code(written: str, labels: dict[str, str]) -> str | None:
    """The one code that is nearest to a written value by its spelling or by its label; None if none is near."""
    scores = {code: max(_similarity(written, code), _similarity(written, label)) for code, label in labels.items()}
    best = [code for code, score in scores.items() if score == max(scores.values()) and score >= MIN_SIMILARITY]
    return best[0] if len(best) == 1 else None


def _similarity(left: str, right: str) -> float:
    first, second = (re.sub(r"\([^)]*\)|[\s_-]", "", side).casefold() for side in (left, right))
    return SequenceMatcher(None, first, second).ratio() if first and second else 0.0


def _same_year(written: str, axis: YearAxis) -> str | int | None:
    """The year that is written in another format, in that of the table. One number can be either of two years."""
    match = WRITTEN_YEAR.fullmatch(written)
    if match is None or not match[2] or (int(match[1]) + 1 - int(match[2])) % 100:
        return None
    return axis.format.write(int(match[1]))


def _order_in(origin: ColumnOrigin) -> Callable[[Value], tuple[int, str]]:
    """The order of values: that of the code list, then that of the texts."""
    codes = origin.variable.codes or ()
    return lambda value: (codes.index(str(value)) if value in codes else len(codes), str(value))


def _has_right_form(test: ImpossibleTest) -> bool:
    """Whether another value is meant: without one, nobody may be what is asked for. A number is written alike in every
    table."""
    if test.origin.variable.type.is_number:
        return False
    axis = test.origin.table.year
    is_other_form = (
        test.origin.is_year and axis is not None and not any(_is_written_as(w.name, axis) for w in test.written)
    )
    return is_other_form or any(one is not None for one in test.near)


def _is_written_as(text: str, axis: YearAxis) -> bool:
    """Whether a text is a year in the format of the table, which may have no such year."""
    return any(str(axis.format.write(year)) == text for year in range(1900, 2100))


def _quoted(value: Value) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value)


def _sentence(test: ImpossibleTest) -> str:
    if not test.is_plain:
        return f"No value of {test.origin.full_name} meets this condition"
    return f"{test.origin.full_name} is never {' or '.join(_shown(one) for one in test.written)}"


def _shown(written: exp.Expr) -> str:
    text = written.name if written.name.isprintable() and len(written.name) <= 40 else "this"
    return text if isinstance(written, exp.Literal) and not written.is_string else f"'{text}'"


def _message(test: ImpossibleTest) -> str:
    if test.is_plain:
        return f"{_sentence(test)}, so this condition selects nobody."
    return f"No value of {test.origin.full_name} meets this condition, so it selects nobody."


def _respelling(test: ImpossibleTest) -> Respelling | None:
    """All written values, as they are meant, if each is known."""
    if None in test.near:
        return None
    return Respelling(test.written[0], test.written[-1], ", ".join(filter(None, dict.fromkeys(test.near))))

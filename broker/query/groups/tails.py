"""From HAVING to TOP: the clauses of a SELECT that gives groups, as steps of its program."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlglot import exp

from broker.domain.groups import Extend, First, Regroup
from broker.domain.scalars import Column, Literal, Scalar, columns_of
from broker.domain.variables import How
from broker.query.groups.grouped import with_aliases
from broker.query.groups.programs import Program, computable
from broker.query.kinds import Columns
from broker.query.operations.fold import can_be_true
from broker.query.refusing import Stop
from broker.query.rows import sources, windows
from broker.query.rows.listing import item_value, star_columns
from broker.query.scalars.meaning import Meaning, check_arguments

if TYPE_CHECKING:
    from broker.query.binder import Binder

COUNTS = frozenset({"count", "count_values", "count_persons", "count_distinct", "ones"})

CHOOSING = ("having", "qualify")
"""The clauses by which groups are chosen."""


def tail(binder: "Binder", select: exp.Select, program: Program, translator: Meaning) -> Columns | None:
    """Everything from HAVING to TOP as steps of the program; the columns that the SELECT gives."""
    clauses = {k: with_aliases(select.args.get(k), select, translator.names, binder.is_tsql) for k in CHOOSING}
    having = conjuncts(binder, translator, clauses["having"])
    check_small(binder, select.args.get("having"), having)
    program.keep(having)
    program.may_window = True
    given = _items(binder, select, program, translator)
    if given is None:
        binder.note_clause(translator, select.args.get("order"), How.ORDERED)
        return None
    qualify = conjuncts(binder, translator, clauses["qualify"])
    program.keep(qualify)
    if select.args.get("distinct"):
        binder.check_clauses(select.args["distinct"], frozenset())
        columns = tuple((c.ident, c) for c in given.values())
        program.steps.append(lambda g: Regroup(g, columns, ()))
    _first(binder, select, program, translator, given)
    return given


def conjuncts(binder: "Binder", translator: Meaning, clause: exp.Expr | None) -> list[Scalar]:
    if clause is None:
        return []
    found = sources.conjuncts(binder, translator, clause.this, How.FILTERED)
    return [c for c in found if _computed(binder, translator, clause, c)]


def _computed(binder: "Binder", translator: Meaning, node: exp.Expr, scalar: Scalar) -> bool:
    return binder.attempt(translator, node, How.FILTERED, lambda n: computable(scalar, n)) is not None


def check_small(binder: "Binder", clause: exp.Expr | None, having: Sequence[Scalar]) -> None:
    """A HAVING, or a WHERE over groups, that only counts under the threshold can pass asks for small groups."""
    labels = binder.book.labels
    for conjunct in having:
        counts = [i for i in sorted(columns_of(conjunct)) if labels.get(i) in COUNTS]
        numbers = {v for v in _numbers(conjunct) if v >= binder.least}
        tried = {
            binder.least,
            *numbers,
            *(n + 1 for n in numbers),
            *(n - 1 for n in numbers if n > binder.least),
            10**9,
        }
        for ident in counts:
            if not any(can_be_true(conjunct, {ident: frozenset({int(v)})}, binder.book.definitions) for v in tried):
                message = "This keeps only groups of fewer people than may be shown."
                place = binder.report.place(clause)
                binder.report.add("small-groups", message, "Leave it out: small cells are hidden anyway.", place)


def _numbers(scalar: Scalar) -> set[int]:
    if isinstance(scalar, Literal):
        return {int(scalar.value)} if isinstance(scalar.value, int) and not isinstance(scalar.value, bool) else set()
    found: set[int] = set()
    for part in (*getattr(scalar, "args", ()), *(s for pair in getattr(scalar, "whens", ()) for s in pair)):
        found |= _numbers(part)
    return found


def _items(binder: "Binder", select: exp.Select, program: Program, translator: Meaning) -> Columns | None:
    """The SELECT list: plain columns as they are, everything else computed under an id of its own."""
    given: Columns = {}
    computed: list[tuple[int, Scalar]] = []
    whole = True
    for index, item in enumerate(select.expressions):
        star = star_columns(item, translator.names, binder)
        found = list(star.items()) if star is not None else [(_name(item, index), _value(binder, item, translator))]
        for name, value in found:
            if value is None:
                whole = False
            elif name in given:
                place = binder.report.place(item)
                binder.report.add("duplicate-column", "Two columns have one name.", "Give each its own name.", place)
                whole = False
            else:
                given[name] = _column(binder, value, computed)
                if star is None or name not in binder.spelt:
                    binder.spelt[name] = item.alias_or_name if star is None else name
    program.settle()
    if computed:
        made = tuple(computed)
        program.steps.append(lambda g: Extend(g, made))
    return given if whole else None


def _value(binder: "Binder", item: exp.Expr, translator: Meaning) -> Scalar | None:
    found = item_value(binder, item, translator)
    return None if found is None else binder.attempt(translator, item, How.READ, lambda n: computable(found, n))


def _name(item: exp.Expr, index: int) -> str:
    return item.alias_or_name.casefold() if isinstance(item, exp.Alias | exp.Column) else f"#{index + 1}"


def _column(binder: "Binder", value: Scalar, computed: list[tuple[int, Scalar]]) -> Column:
    if isinstance(value, Column):
        return value
    ident = binder.book.define(value)
    computed.append((ident, value))
    return Column(ident, value.type)


def _first(binder: "Binder", select: exp.Select, program: Program, translator: Meaning, given: Columns) -> None:
    """ORDER BY, TOP, LIMIT, OFFSET."""
    order, limit, offset = (select.args.get(k) for k in ("order", "limit", "offset"))
    if order is None and limit is None and offset is None:
        return
    items = order.expressions if order is not None else []
    if order is not None:
        binder.check_clauses(order, frozenset({"expressions"}))
    found: list[tuple[Scalar, bool]] = []
    for item in items:
        value = _ordered(binder, item, translator, given)
        if value is not None:
            found += windows.order_of(item, value, binder.book)
    program.settle()
    count = count_of(translator, limit) if limit is not None else None
    if count is not None and not found:
        raise Stop("limit", "TOP without ORDER BY takes any row.", "Add ORDER BY.", limit)
    skip = translator.whole(offset.expression, "OFFSET") if offset is not None else 0
    ties = has_ties(limit)
    whole = tuple(found)
    program.steps.append(lambda g: First(g, whole, count, ties, skip))


def has_ties(limit: exp.Expr | None) -> bool:
    options = limit.args.get("limit_options") if limit is not None else None
    return bool(options is not None and options.args.get("with_ties"))


def count_of(meaning: Meaning, limit: exp.Expr) -> int:
    """The number of rows of TOP, LIMIT or FETCH."""
    check_arguments(limit, frozenset({"expression", "count", "direction", "limit_options"}))
    options = limit.args.get("limit_options")
    if options is not None and options.args.get("percent"):
        raise Stop("limit", "TOP … PERCENT is not understood.", "Write the number of rows.", limit)
    node = limit.args.get("expression") or limit.args.get("count")
    return meaning.whole(node, "The number of rows") if node is not None else 1


def _ordered(binder: "Binder", item: exp.Expr, translator: Meaning, given: Columns) -> Scalar | None:
    binder.check_clauses(item, frozenset({"this", "desc", "nulls_first"}))
    node = item.this
    columns = list(given.values())
    if isinstance(node, exp.Literal) and node.name.isdigit() and 1 <= int(node.name) <= len(columns):
        return _noted(binder, columns[int(node.name) - 1])
    if isinstance(node, exp.Column) and not node.table and node.name.casefold() in given:
        return _noted(binder, given[node.name.casefold()])
    return binder.attempt(translator, node, How.ORDERED, lambda n: computable(translator.value(n), n))


def _noted(binder: "Binder", column: Column) -> Column:
    """Ordering by a key orders by the variables that it is made of."""
    binder.book.note(column, How.ORDERED)
    return column

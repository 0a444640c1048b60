"""UNION, EXCEPT and INTERSECT, and written VALUES. Rows with rows of one kind and unit, groups with groups."""

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlglot import exp

from broker.domain.groups import First, Regroup, Stack
from broker.domain.relations import Attach, Filter, Project, Union, Values
from broker.domain.scalars import Call, Case, Column, Literal, Scalar, Type
from broker.domain.variables import How
from broker.query.book import Book, Home, Opaque
from broker.query.groups.arguments import counts_in, is_amount, is_count
from broker.query.groups.tails import count_of
from broker.query.kinds import Bound, Columns, Ctes, Groups, Rows, Want, all_of
from broker.query.operations.sizes import largest, scale
from broker.query.refusing import Stop
from broker.query.resolve import Names
from broker.query.rows import selects, windows
from broker.query.rows.distinct import distinct
from broker.query.scalars.arithmetic import common_type
from broker.query.scalars.meaning import check_arguments

if TYPE_CHECKING:
    from broker.query.binder import Binder

LAST = ("order", "limit", "offset")
ARGS = frozenset({"this", "expression", "distinct", "with_", *LAST})


def bind(binder: "Binder", node: exp.SetOperation, outer: Ctes, outside: Names | None, want: Want) -> Bound | None:
    check_arguments(node, ARGS)
    if any(node.args.get(k) for k in LAST):
        return selects.bind(binder, _around(node), outer, outside, want)
    ctes = binder.ctes_of(node, outer)
    restore = binder.save()
    parts = [binder.query(p, ctes, outside, want) for p in _chain(node)]
    if any(p is None for p in parts):
        return None
    if len({type(p) for p in parts}) > 1:
        restore()
        parts = [binder.query(p, ctes, outside, Want.ROWS) for p in _chain(node)]
    _check_widths(parts, node)
    rows = [p for p in parts if isinstance(p, Rows)]
    if len(rows) == len(parts):
        return _in_any_order(binder, node, _of_rows(binder, node, rows))
    groups = [p for p in parts if isinstance(p, Groups)]
    if len(groups) < len(parts):
        raise Stop("set-operation", "Rows and groups cannot stand in one set operation.", "Aggregate both sides.", node)
    if not isinstance(node, exp.Union):
        message = "EXCEPT and INTERSECT of groups would tell which groups are equal."
        raise Stop("set-operation", message, "Join the groups instead.", node)
    return _first(binder, node, _of_groups(binder, node, groups))


def _in_any_order(binder: "Binder", node: exp.SetOperation, rows: Rows) -> Rows:
    """ORDER BY alone orders nothing below the top; TOP would keep some rows of some people."""
    limit = node.args.get("limit") or node.args.get("offset")
    if limit is not None:
        raise Stop("limit", "TOP and LIMIT choose rows of some people.", "Use them over groups.", limit)
    _order(binder, node, rows.columns)
    return rows


def _first(binder: "Binder", node: exp.SetOperation, groups: Groups) -> Groups:
    """ORDER BY, LIMIT and OFFSET after the last branch are those of the whole."""
    order, limit, offset = _order(binder, node, groups.columns), node.args.get("limit"), node.args.get("offset")
    if limit is None and offset is None and not order:
        return groups
    if not order:
        raise Stop("limit", "LIMIT without ORDER BY takes any row.", "Add ORDER BY.", limit or offset or node)
    meaning = binder.meaning(Names(binder.book, None))
    count = count_of(meaning, limit) if limit is not None else None
    skip = meaning.whole(offset.expression, "OFFSET") if offset is not None else 0
    options = limit.args.get("limit_options") if limit is not None else None
    ties = options is not None and bool(options.args.get("with_ties"))
    return replace(groups, program=First(groups.program, order, count, ties, skip))


def _order(binder: "Binder", node: exp.SetOperation, columns: Columns) -> tuple[tuple[Scalar, bool], ...]:
    """The columns, by name or place, that a set operation is ordered by."""
    found: list[tuple[Scalar, bool]] = []
    order = node.args.get("order")
    for item in order.expressions if order is not None else []:
        inner, listed = item.this, list(columns.values())
        if isinstance(inner, exp.Literal) and inner.name.isdigit() and 1 <= int(inner.name) <= len(listed):
            column = listed[int(inner.name) - 1]
        elif isinstance(inner, exp.Column) and not inner.table and inner.name.casefold() in columns:
            column = columns[inner.name.casefold()]
        else:
            message = "A set operation is ordered by something else than its columns."
            raise Stop("order-by", message, "Name a column of the first SELECT.", item)
        binder.book.note(column, How.ORDERED)
        found += windows.order_of(item, column, binder.book)
    return tuple(found)


def _around(node: exp.SetOperation) -> exp.Select:
    """ORDER BY, LIMIT and OFFSET behind a set operation are those of a SELECT of all that it gives."""
    inner = node.copy()
    found = exp.Select(expressions=[exp.Star()])
    for key in LAST:
        found.set(key, inner.args.get(key))
        inner.set(key, None)
    brackets = exp.Subquery(this=inner, alias=exp.TableAlias(this=exp.to_identifier("stacked")))
    found.set("from_", exp.From(this=brackets))
    found.parent = node.parent
    return found


def _chain(node: exp.SetOperation) -> list[exp.Expr]:
    """The branches of a chain of UNION ALL, left to right; of anything else the two sides."""
    found: list[exp.Expr] = []
    kind, distinct = type(node), bool(node.args.get("distinct"))
    stack: list[exp.Expr] = [node]
    while stack:
        part = stack.pop()
        same = isinstance(part, exp.Union) and kind is exp.Union and bool(part.args.get("distinct")) == distinct
        if part is node or (same and not part.args.get("with_")):
            stack += [part.args["expression"], part.args["this"]]
        else:
            found.append(part)
    return found


def _check_widths(parts: list[Bound | None], node: exp.Expr) -> None:
    if len({len(p.columns) for p in parts if p is not None}) != 1:
        raise Stop(
            "set-columns", "The branches have different numbers of columns.", "Name the same columns in each.", node
        )


def _of_rows(binder: "Binder", node: exp.SetOperation, parts: list[Rows]) -> Rows:
    book = binder.book
    units = {_unit(p, book) for p in parts} - {None}
    if len(units) > 1:
        raise Stop("set-units", "Pupils and staff cannot stand in one set operation.", "Count each by itself.", node)
    if not isinstance(node, exp.Union):
        if not node.args.get("distinct"):
            raise Stop("set-operation", "EXCEPT ALL and INTERSECT ALL are not understood.", "Leave ALL out.", node)
        return _matched(binder, node, parts)
    stacked = _stacked(binder, node, parts)
    if not node.args.get("distinct"):
        return stacked
    linked = any(book.key_domain(c.ident) is not None for c in stacked.columns.values())
    if stacked.person is not None and not linked:
        message = "UNION drops rows that several people share."
        raise Stop("union-distinct", message, "Write UNION ALL, or add the link key to each branch.", node)
    return distinct(binder, stacked)


def _unit(rows: Rows, book: Book) -> str | None:
    for scan in sorted(rows.scans):
        if rows.person is not None and book.is_person(scan):
            unit = book.tables[scan].unit
            return unit.value if unit is not None else None
    return None


def _stacked(binder: "Binder", node: exp.Expr, parts: list[Rows]) -> Rows:
    """UNION ALL: each column becomes one that is a column of each branch."""
    book = binder.book
    scans = frozenset().union(*(p.scans for p in parts))
    with_person = [p for p in parts if p.person is not None]
    person: tuple[int, tuple[int, ...]] | None = None
    if with_person:
        parts = [p if p.person is not None else _numberless(p, book) for p in parts]
        person = (book.new_id(), tuple(p.person for p in parts if p.person is not None))
    home = Home(scans, person[0] if person else None)
    given: Columns = {}
    columns: list[tuple[int, tuple[int, ...]]] = []
    for index, name in enumerate(parts[0].columns):
        found = [list(p.columns.values())[index] for p in parts]
        parts, found = _typed(parts, found, book, node)
        given[name] = _merged(found, book, home)
        columns.append((given[name].ident, tuple(f.ident for f in found)))
    relation = Union(tuple(p.relation for p in parts), tuple(columns), person)
    return Rows(relation, person[0] if person else None, scans, given, all(p.tied for p in parts))


def _numberless(rows: Rows, book: Book) -> Rows:
    """Public rows beside persons' rows: no person stands behind them."""
    ident = book.new_id()
    return replace(rows.computed([(ident, Literal(None, Type.INT))]), person=ident)


def _typed(parts: list[Rows], found: list[Column], book: Book, node: exp.Expr) -> tuple[list[Rows], list[Column]]:
    """Branches whose types differ get them made equal; NULL takes any."""
    kind = common_type([f.type for f in found], node)
    if node.meta.get("insert") and kind is not found[0].type and {kind, found[0].type} != {Type.INT, Type.FLAG}:
        message = "INSERT would convert to the type that the column has."
        raise Stop("insert-type", message, "CAST the values to the type of the first SELECT.", node)
    changed, columns = list(parts), list(found)
    for index, column in enumerate(found):
        if column.type is kind or {column.type, kind} <= {Type.INT, Type.FLAG}:
            continue
        ident = book.define(_as(column, kind), parts[index].home)
        changed[index] = changed[index].computed([(ident, book.definitions[ident])])
        columns[index] = Column(ident, kind)
    return changed, columns


def _as(column: Column, kind: Type) -> Scalar:
    if column.type is Type.NULL:
        return Case(((Literal(False, Type.TRUTH), column),), column, kind)
    return Call(
        "to_double" if kind is Type.DOUBLE else "coalesce", (column,) if kind is Type.DOUBLE else (column, column), kind
    )


def _merged(found: list[Column], book: Book, home: Home) -> Column:
    """The column above a set operation."""
    domains = {book.key_domain(f.ident) for f in found}
    domain = domains.pop() if len(domains) == 1 else None
    base = frozenset().union(*(book.base(f) for f in found))
    kinds = {f.type for f in found}
    kind = Type.INT if kinds == {Type.INT, Type.FLAG} else next(iter(kinds - {Type.NULL}), Type.NULL)
    decimals = max(scale(f, book) for f in found)
    shared = any(book.is_shared(f) for f in found)
    counts = all(is_count(f, book) for f in found)
    mixed = not counts and kind is not Type.FLAG and any(counts_in(book.expanded(f), book) for f in found)
    closed = not mixed and all(is_amount(f, book) for f in found)
    column = book.new_opaque(
        kind, Opaque(base, home, tuple(found), domain, decimals=decimals, shared=shared, closed=closed, counts=counts)
    )
    if kind.is_number:
        book.sizes[column.ident] = max((largest(f, book) for f in found), default=Decimal(0))
    return column


def _matched(binder: "Binder", node: exp.SetOperation, parts: list[Rows]) -> Rows:
    """EXCEPT and INTERSECT of persons' rows with the link key in both lists: rows that have a match, or none."""
    left, right = parts
    book = binder.book
    if not node.args.get("distinct"):
        message = "EXCEPT ALL and INTERSECT ALL are not understood."
        raise Stop("set-operation", message, "Leave ALL out: rows that are alike become one.", node)
    pairs = list(zip(left.columns.values(), right.columns.values(), strict=True))
    keyed = any(book.key_domain(a.ident) and book.key_domain(a.ident) == book.key_domain(b.ident) for a, b in pairs)
    if left.person is None or right.person is None or not keyed:
        message = "EXCEPT and INTERSECT need the link key in both lists."
        raise Stop("set-operation", message, "Add the key to both, or use EXISTS.", node)
    alone = distinct(binder, left)
    same = [
        Call("same", (a, b), Type.TRUTH) for a, b in zip(alone.columns.values(), right.columns.values(), strict=True)
    ]
    assert alone.person is not None
    same.append(Call("equal", (Column(alone.person, Type.INT), Column(right.person, Type.INT)), Type.TRUTH))
    there = book.new_opaque(Type.TRUTH, Opaque(frozenset(), nullable=False))
    binder.marks[there] = node
    matched = Attach(alone.relation, Filter(right.relation, all_of(same) or there), there.ident, None)
    keep: Scalar = there if isinstance(node, exp.Intersect) else Call("not", (there,), Type.TRUTH)
    return replace(alone, relation=Filter(matched, keep), scans=left.scans | right.scans)


def _of_groups(binder: "Binder", node: exp.SetOperation, parts: list[Groups]) -> Groups:
    """UNION ALL of groups; UNION also drops rows that are alike."""
    book = binder.book
    columns: list[tuple[int, tuple[int, ...]]] = []
    given: Columns = {}
    for index, name in enumerate(parts[0].columns):
        found = [list(p.columns.values())[index] for p in parts]
        kind = common_type([f.type for f in found], node)
        ident = book.new_id()
        labels = {book.labels.get(f.ident, "derived") for f in found}
        book.labels[ident] = labels.pop() if len(labels) == 1 else "derived"
        book.made_of[ident] = frozenset().union(*(book.base(f) for f in found))
        given[name] = Column(ident, kind)
        columns.append((ident, tuple(f.ident for f in found)))
    stacked = Groups(Stack(tuple(p.program for p in parts), tuple(columns)), given, tuple(given.values()))
    if node.args.get("distinct"):
        stacked = replace(stacked, program=Regroup(stacked.program, tuple((c.ident, c) for c in given.values()), ()))
    return stacked


def values(binder: "Binder", node: exp.Values, outside: Names | None) -> Rows:
    """VALUES (…), (…): public rows; in an APPLY each may read the row outside."""
    check_arguments(node, frozenset({"expressions", "alias"}))
    names = Names(binder.book, outside)
    meaning = binder.meaning(names)
    branches: list[Rows] = []
    for row in node.expressions:
        items = row.expressions if isinstance(row, exp.Tuple) else [row]
        found = {f"column{i}": meaning.value(n) for i, n in enumerate(items, 1)}
        binder.note(meaning, How.READ)
        branches.append(_one(found, binder.book))
    if len({len(b.columns) for b in branches}) != 1:
        raise Stop(
            "set-columns", "The rows of VALUES have different numbers of columns.", "Write the same in each.", node
        )
    return branches[0] if len(branches) == 1 else _stacked(binder, node, branches)


def _one(found: dict[str, Scalar], book: Book) -> Rows:
    computed = [(book.define(s), s) for s in found.values()]
    relation = Project(Values((), ((),)), tuple(computed))
    given = {n: Column(i, s.type) for n, (i, s) in zip(found, computed, strict=True)}
    return Rows(relation, None, frozenset(), given)

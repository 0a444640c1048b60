"""FROM: tables, derived tables, CTEs, joins and APPLY, in the order of the text. No WHERE, no SELECT list."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlglot import exp

from broker.domain.relations import Filter, Join, JoinHow, Scan
from broker.domain.scalars import Scalar
from broker.domain.variables import How
from broker.query.kinds import Bound, Columns, Ctes, Links, Rows, Want, all_of, join
from broker.query.refusing import FOLLOWS, Stop, refuse_node
from broker.query.resolve import Names, Source, find_table
from broker.query.rows import keeping
from broker.query.scalars.comparing import flatten
from broker.query.scalars.meaning import Meaning, check_arguments
from broker.query.script import pivots

if TYPE_CHECKING:
    from broker.query.binder import Binder

JOIN_ARGS = frozenset({"this", "on", "side", "kind", "using"})
SIDES = frozenset({"", "LEFT", "RIGHT", "FULL"})
KINDS = frozenset({"", "INNER", "OUTER", "CROSS"})


@dataclass(frozen=True, slots=True)
class Joined:
    """A source with how it joins what stands before it, and the conjuncts of its ON."""

    bound: Bound
    how: JoinHow
    swapped: bool
    on: list[Scalar]
    node: exp.Expr
    lateral: bool = False


def bind_from(
    binder: "Binder", select: exp.Select, names: Names, meaning: Meaning, want: Want
) -> tuple[list[Joined], bool]:
    """Every source, and whether none of them was refused; none where there is no FROM."""
    found: list[Joined] = []
    whole = True
    clause = select.args.get("from_")
    for node in [
        *([clause] if clause is not None else []),
        *select.args.get("joins", []),
        *select.args.get("laterals", []),
    ]:
        try:
            joined = _source(binder, node, names, meaning, want, found)
        except Stop as stop:
            binder.report.stopped(stop)
            joined = None
        if joined is None:
            whole, names.broken = False, True
        else:
            found.append(joined)
    return found, whole


def _source(
    binder: "Binder", node: exp.Expr, names: Names, meaning: Meaning, want: Want, before: list[Joined]
) -> Joined | None:
    if isinstance(node, exp.From):
        bound = _item(binder, node.this, names, want)
        return None if bound is None else Joined(bound, JoinHow.CROSS, False, [], node.this)
    if isinstance(node, exp.Lateral):
        return _apply(binder, node, names)
    if not isinstance(node, exp.Join):
        raise refuse_node(node)
    check_arguments(node, JOIN_ARGS)
    if isinstance(node.this, exp.Lateral):
        return _apply(binder, node.this, names, node)
    side, kind = (node.text(k).upper() for k in ("side", "kind"))
    if side not in SIDES or kind not in KINDS or (kind == "OUTER" and not side):
        raise Stop("join", "This kind of join is not understood.", "Use JOIN, LEFT JOIN or FULL JOIN … ON.", node.this)
    try:
        bound = _item(binder, node.this, names, want)
    except Stop:
        names.broken = True
        binder.note_clause(meaning, node.args.get("on"), How.JOINED)
        raise
    if bound is None:
        binder.note_clause(meaning, node.args.get("on"), How.JOINED)
        return None
    on = _conditions(binder, node, names, meaning, side)
    _mark_nullable(binder, side, bound, before)
    how = {"": JoinHow.INNER, "FULL": JoinHow.FULL}.get(side, JoinHow.LEFT)
    return Joined(bound, how, side == "RIGHT", on, node.this)


def _conditions(binder: "Binder", node: exp.Join, names: Names, meaning: Meaning, side: str) -> list[Scalar]:
    on = node.args.get("on")
    if node.args.get("using"):
        return [_same_name(binder, names, meaning, c) for c in node.args["using"]]
    if side and on is None:
        raise Stop("join", "An outer join needs ON.", "Write LEFT JOIN … ON a.key = b.key.", node.this)
    return conjuncts(binder, meaning, on, How.JOINED)


def _same_name(binder: "Binder", names: Names, meaning: Meaning, name: exp.Expr) -> Scalar:
    """USING (k): the last source's column equals the one before it."""
    found = [c for s in names.sources if (c := s.find(name.name, binder.book)) is not None]
    if len(found) != 2:
        raise Stop("using", "USING needs a column of that name on both sides.", "Write ON a.key = b.key.", name)
    node = exp.EQ(this=exp.column("l"), expression=exp.column("r"))
    for column in found:
        binder.book.note(column, How.JOINED, binder.report.place(name))
    names.merged[name.name.casefold()] = found[0]
    return meaning.equal_columns(found[0], found[1], node)


def _mark_nullable(binder: "Binder", side: str, bound: Bound, before: list[Joined]) -> None:
    inner: frozenset[int] = frozenset()
    if side in {"LEFT", "FULL"} and isinstance(bound, Rows):
        inner |= bound.scans
    if side in {"RIGHT", "FULL"}:
        inner = inner.union(*(j.bound.scans for j in before if isinstance(j.bound, Rows)))
    binder.book.nullable |= inner


def conjuncts(binder: "Binder", meaning: Meaning, clause: exp.Expr | None, how: How) -> list[Scalar]:
    """The conjuncts of a WHERE or ON, each translated by itself."""
    if clause is None:
        return []
    top = clause.this if isinstance(clause, exp.Where) else clause
    found = (binder.attempt(meaning, part, how, meaning.conjunct) for part in flatten(top, exp.And))
    return [f for f in found if f is not None]


def note_guards(binder: "Binder", found: list[Joined], where: list[Scalar]) -> None:
    """Of a SELECT whose joins are refused: its conditions still say which years of its tables are read."""
    rows = [(j, j.bound) for j in found if isinstance(j.bound, Rows)]
    if not rows:
        return
    built = rows[0][1].relation
    for one, bound in rows[1:]:
        sides = (bound.relation, built) if one.swapped else (built, bound.relation)
        built = Join(*sides, one.how, all_of(one.on), None, None, one.lateral)
    condition = all_of(where)
    binder.loose.append(built if condition is None else Filter(built, condition))


def joined(binder: "Binder", sources: list[Joined], where: list[Scalar]) -> Rows:
    """The tree of joins of rows. Equalities of link keys count wherever they hold on every row that is left."""
    book = binder.book
    everywhere = [*where, *(c for j in sources if j.how is JoinHow.INNER for c in j.on)]
    inner, built = Links(book, everywhere), _rows(sources[0].bound)
    for one in sources[1:]:
        outer = one.how in {JoinHow.LEFT, JoinHow.FULL}
        links = Links(book, [*everywhere, *one.on]) if outer else inner
        other = _rows(one.bound)
        sides = (other, built) if one.swapped else (built, other)
        try:
            built = join(*sides, one.how, one.on, links, book, one.lateral)
        except Stop as stop:
            raise Stop(stop.code, stop.message, stop.advice, one.node) from None
    return built


def _rows(bound: Bound) -> Rows:
    assert isinstance(bound, Rows)
    return bound


def _item(binder: "Binder", node: exp.Expr, names: Names, want: Want) -> Bound | None:
    if node.args.get("pivots"):
        node = _pivoted(binder, node, names)
    if isinstance(node, exp.Subquery):
        check_arguments(node, frozenset({"this", "alias"}))
        if not node.alias:
            raise Stop("unnamed-table", "A derived table needs a name.", "Write (SELECT …) AS t.", node)
        return _derived(binder, node.this, node, names, want, names.ctes)
    if isinstance(node, exp.Values):
        return _derived(binder, node, node, names, want, names.ctes)
    if not isinstance(node, exp.Table):
        raise Stop("table-function", "Only tables of the catalogue can be read.", "Name a table as schema.table.", node)
    check_arguments(node, frozenset({"this", "db", "catalog", "alias"}))
    known = names.ctes.get(node.name.casefold()) if not node.db and not node.catalog else None
    if known is not None:
        return _derived(binder, known.query, node, names, want, known.seen, known.columns)
    if keeping.is_kept(node):
        return keeping.bind(binder, node, names, lambda query, ctes: _derived(binder, query, node, names, want, ctes))
    return _scan(binder, node, names)


def _pivoted(binder: "Binder", node: exp.Expr, names: Names) -> exp.Expr:
    try:
        return pivots.rewritten(node)
    except Stop:
        if isinstance(node, exp.Subquery):
            binder.query(node.this, names.ctes, None, Want.ROWS)
        raise


def _scan(binder: "Binder", node: exp.Table, names: Names) -> Rows:
    named = find_table(node, binder.catalogue, binder.project, binder.dialect)
    book, table = binder.book, named.table
    if len(book.tables) >= binder.most_scans:
        binder.stop_all("too-many-tables", f"More than {binder.most_scans} tables are read.", "Read fewer.", node)
    alias = node.args.get("alias")
    if alias is not None:
        check_arguments(alias, frozenset({"this"}))
    scan = book.new_scan(table, binder.report.place(node))
    person = scan if book.is_person(scan) else None
    names.add(replace(named.source(node, scan), person=person), node)
    rows = Rows(Scan(table.full_name, (), scan, None), person, frozenset({scan}))
    only = named.filter(scan, book)
    if only is None:
        return rows
    book.note(only, How.FILTERED, binder.report.place(node))
    return rows.filtered([only])


def _derived(
    binder: "Binder", query: exp.Expr, node: exp.Expr, names: Names, want: Want, ctes: Ctes,
    listed: tuple[str, ...] = (), outside: Names | None = None,
) -> Bound | None:  # fmt: skip
    """A derived table, CTE or temporary table, bound anew. Outside of an APPLY it sees nothing of what is around it."""
    bound = binder.query(query, ctes, outside, want)
    name = (node.alias or node.name).casefold()
    if bound is None:
        names.add(Source(name, None, None, {}), node)
        raise Stop(FOLLOWS, "This derived table cannot be followed.", "", node)
    columns = renamed(bound.columns, column_list(node) or listed, node)
    person = bound.person if isinstance(bound, Rows) else None
    names.add(Source(name, None, None, columns, person), node)
    return replace(bound, columns=columns)


def renamed(columns: Columns, listed: tuple[str, ...], node: exp.Expr) -> Columns:
    if not listed:
        return columns
    folded = [n.casefold() for n in listed]
    if len(folded) != len(columns) or len(set(folded)) != len(folded):
        raise Stop("column-list", "The list of column names does not fit the SELECT list.", "Name each once.", node)
    return dict(zip(folded, columns.values(), strict=True))


def _apply(binder: "Binder", node: exp.Lateral, names: Names, around: exp.Join | None = None) -> Joined | None:
    """CROSS APPLY, OUTER APPLY and LATERAL: a derived table that reads the rows before it."""
    check_arguments(node, frozenset({"this", "alias", "cross_apply", "view", "outer"}))
    outer = node.args.get("cross_apply") is False or (around is not None and around.text("side").upper() == "LEFT")
    if around is not None and (around.text("side").upper() not in {"", "LEFT"} or not _is_true(around.args.get("on"))):
        raise Stop("join", "LATERAL joins ON TRUE only.", "Put the condition into its WHERE.", node)
    if not isinstance(node.this, exp.Subquery) or not node.alias:
        raise Stop("table-function", "APPLY takes a SELECT with a name.", "Write CROSS APPLY (SELECT …) AS t.", node)
    bound = _derived(binder, node.this, node, names, Want.ROWS, names.ctes, outside=names)
    if not isinstance(bound, Rows):
        return None
    if bound.person is not None and not bound.tied:
        raise Stop(
            "apply-persons",
            "APPLY reads other people's rows.",
            "Correlate it on the link key: WHERE b.key = a.key.",
            node,
        )
    if outer:
        binder.book.nullable |= bound.scans
    return Joined(bound, JoinHow.LEFT if outer else JoinHow.INNER, False, [], node, lateral=True)


def _is_true(on: exp.Expr | None) -> bool:
    return on is None or (isinstance(on, exp.Boolean) and bool(on.this))


def column_list(node: exp.Expr | None) -> tuple[str, ...]:
    """The column names of `AS t(a, b)`."""
    alias = node.args.get("alias") if node is not None else None
    return tuple(c.name for c in alias.args.get("columns") or []) if isinstance(alias, exp.TableAlias) else ()

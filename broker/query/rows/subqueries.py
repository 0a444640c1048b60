"""EXISTS, IN (SELECT …) and scalar subqueries over rows: each a column of the rows around it. Of that row's person, of
public rows, or of groups that hold enough people; never of single other people."""

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlglot import exp

from broker.domain.relations import Attach, Filter, Limit, Project, Scan, children, scalars_of, walk
from broker.domain.scalars import Call, Column, Literal, Scalar, Type
from broker.query.book import Book, Opaque
from broker.query.groups.arguments import is_amount, is_count
from broker.query.groups.grouped import is_grouped
from broker.query.groups.implying import can_be_null
from broker.query.groups.tails import count_of
from broker.query.kinds import Rows, Want, conjuncts_of, has_context, is_context
from broker.query.refusing import FOLLOWS, Stop, refuse_node
from broker.query.rows.distinct import distinct
from broker.query.rows.summaries import is_key
from broker.query.scalars import comparing

if TYPE_CHECKING:
    from broker.query.rows.stages import Stage

PERSONS = "Link it by the key in its WHERE (b.key = a.key), or bring the other people together with GROUP BY."


def column(stage: "Stage", node: exp.Expr) -> Scalar:
    """What a subquery answers for each row."""
    if isinstance(node, exp.Exists):
        return _attached(stage, _rows(stage, _starless(node.this)), None, node)
    if isinstance(node, exp.In):
        return _membership(stage, node)
    if isinstance(node, exp.Subquery | exp.Select):
        return _scalar(stage, node)
    raise refuse_node(node)


def _rows(stage: "Stage", query: exp.Expr) -> Rows:
    names = stage.meaning.names
    found = stage.binder.query(query, names.ctes, names, Want.ROWS)
    if not isinstance(found, Rows):
        raise Stop(FOLLOWS, "This subquery cannot be followed.", "", query)
    return found


def _starless(query: exp.Expr) -> exp.Expr:
    """EXISTS (SELECT * …) reads no column."""
    inner = query.unnest()
    if (
        isinstance(inner, exp.Select)
        and not is_grouped(inner)
        and all(isinstance(i, exp.Star) for i in inner.expressions)
    ):
        inner.set("expressions", [exp.Literal.number(1)])
    return inner


def _attached(stage: "Stage", sub: Rows, value: Column | None, node: exp.Expr) -> Column:
    """The column that the rows around get."""
    if sub.person is not None and not sub.tied:
        raise Stop("subquery-persons", "This subquery reads other people's rows.", PERSONS, node)
    book = stage.binder.book
    _check_context(sub, book, node)
    shared = has_context(sub.relation)
    if value is None:
        found = book.new_opaque(Type.TRUTH, Opaque(frozenset(), nullable=False, shared=shared))
    else:
        known = book.opaque.get(value.ident)
        low, high, decimals = (known.low, known.high, known.decimals) if known else (None, None, 0)
        made = Opaque(
            book.base(value), low=low, high=high, decimals=decimals, shared=shared,
            closed=is_amount(value, book), counts=is_count(value, book), like=known.like if known else value,
        )  # fmt: skip
        found = book.new_opaque(value.type, made)
        if value.ident in book.sizes:
            book.sizes[found.ident] = book.sizes[value.ident]
    stage.waiting.append(
        lambda rows: replace(
            rows, relation=Attach(rows.relation, sub.relation, found.ident, None if value is None else value.ident)
        )
    )
    return found


def _check_context(sub: Rows, book: Book, node: exp.Expr) -> None:
    """Groups and windows of other people are the same whoever asks: nothing below them reads the row outside."""
    for part in walk(sub.relation):
        if not is_context(part):
            continue
        below = [p for child in children(part) for p in walk(child)]
        scans = {p.person for p in below if isinstance(p, Scan)}
        read = {book.origins[i].scan for p in [part, *below] for s in scalars_of(p) for i in book.base(s)}
        if not read <= scans:
            message = "A group of other people depends on the row outside otherwise than by equality."
            raise Stop("correlated", message, "Write GROUP BY in it, or group in a derived table and join it.", node)


def _scalar(stage: "Stage", node: exp.Expr) -> Scalar:
    """One value: an aggregate, or the first row of the person outside in an order."""
    query = node.unnest()
    while isinstance(query, exp.Subquery):
        query = query.this
    limit = query.args.get("limit")
    one = isinstance(query, exp.Select) and (
        (is_grouped(query) and query.args.get("group") is None)
        or (limit is not None and count_of(stage.meaning, limit) <= 1)
    )
    sub = _rows(stage, query)
    if not one:
        message = "A subquery stands where one value is needed."
        raise Stop("scalar-subquery", message, "Aggregate it, or take TOP 1 … ORDER BY of the person's rows.", node)
    if len(sub.columns) != 1:
        raise Stop("scalar-subquery", "A scalar subquery gives one column.", "Name one column.", node)
    if isinstance(sub.relation, Limit) and sub.relation.count != 1:
        raise Stop("scalar-subquery", "A scalar subquery gives one row.", "Write TOP 1.", node)
    (value,) = sub.columns.values()
    _check_value(stage, value, node)
    return _attached(stage, sub, value, node)


def _check_value(stage: "Stage", value: Column, node: exp.Expr) -> None:
    """What tells who somebody is, is no value."""
    hidden = stage.meaning.hidden_behind(value)
    if stage.binder.book.key_domain(value.ident) is not None:
        raise Stop("link-key", "A link key is not a value.", "Join on it instead.", node, hidden)
    if hidden is not None:
        advice = "Link keys can be joined with link keys, and counted with COUNT(DISTINCT …)."
        raise Stop("identifier", f"{hidden} tells who somebody is.", advice, node, hidden)


def _membership(stage: "Stage", node: exp.In) -> Scalar:
    """X IN (SELECT y …): whether some row has it. Link keys meet link keys; values of other people only where enough of
    them share one."""
    meaning, book = stage.meaning, stage.binder.book
    sub = _rows(stage, node.args["query"])
    if len(sub.columns) != 1:
        raise Stop("in-subquery", "IN (SELECT …) takes one column.", "Name one column.", node)
    (value,) = sub.columns.values()
    inner = node.this.unnest()
    left: Column | None = None
    if is_key(inner, meaning):
        left = meaning.raw_column(inner)
        same: tuple[Scalar, ...] = (meaning.equal_columns(left, value, node),)
        source = meaning.names.source_of(left)
        if sub.person is not None and source is not None and source.person is not None:
            same += (Call("equal", (Column(sub.person, Type.INT), Column(source.person, Type.INT)), Type.TRUTH),)
            sub = replace(sub, tied=True)
        tested: Scalar = left
    else:
        _check_value(stage, value, node)
        if sub.person is not None and not sub.tied:
            sub = distinct(stage.binder, sub)
            (value,) = sub.columns.values()
        tested = meaning.value(node.this)
        same = (comparing.equal_scalars(meaning, tested, value, node),)
    negated = _is_negated(node)
    if negated and can_be_null(value, book) and not _asks_present(sub, value):
        message = "NOT IN (SELECT …) is true of nothing once the list holds a missing value."
        raise Stop("not-in", message, "Write NOT EXISTS (SELECT 1 … WHERE b.key = a.key).", node)
    found = _attached(stage, sub.filtered(same), None, node)
    if not negated or not can_be_null(tested, book):
        return found
    # NULL NOT IN (…) is unknown, but true of a list without any row. No list of link keys is without one.
    some: tuple[Scalar, ...] = () if tested is left else (_attached(stage, sub, None, node),)
    unknown = (Call("is_null", (tested,), Type.TRUTH), *some, Literal(None, Type.TRUTH))
    return Call("or", (found, Call("and", unknown, Type.TRUTH)), Type.TRUTH)


def _asks_present(sub: Rows, value: Column) -> bool:
    """Whether the subquery's own WHERE leaves out missing values."""
    present = Call("not", (Call("is_null", (value,), Type.TRUTH),), Type.TRUTH)
    part = sub.relation
    while isinstance(part, Filter | Project | Attach):
        if isinstance(part, Filter) and present in conjuncts_of(part.predicate):
            return True
        part = part.child
    return False


def _is_negated(node: exp.Expr) -> bool:
    above = node.parent
    while above is not None and not isinstance(above, exp.Query | exp.If):
        if isinstance(above, exp.Not):
            return True
        above = above.parent
    return False

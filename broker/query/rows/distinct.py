"""DISTINCT and TOP over rows: of one person's, of groups that rows meet, or written as GROUP BY."""

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlglot import exp

from broker.domain.relations import Gather, Limit
from broker.domain.variables import How
from broker.query.groups.grouped import items_of
from broker.query.kinds import Rows
from broker.query.refusing import Stop
from broker.query.rows import windows
from broker.query.rows.gathering import passed_on
from broker.query.rows.summaries import is_key

if TYPE_CHECKING:
    from broker.query.binder import Binder
    from broker.query.rows.stages import Stage
from broker.query.groups.tails import count_of, has_ties


def distinct(binder: "Binder", rows: Rows) -> Rows:
    """DISTINCT over rows: γ on all columns. Of one person where a link key is among them; else of other people's
    values, which are context."""
    book = binder.book
    has_key = any(book.key_domain(c.ident) is not None for c in rows.columns.values())
    linked = has_key and rows.person is not None and not rows.tied
    keys = {c: passed_on(c, book, rows.home) for c in rows.columns.values()}
    for column in rows.columns.values():
        if book.key_domain(column.ident) is None:
            book.note(column, How.GROUPED)
    person = book.new_id() if linked else None
    counted = rows.person if linked or not rows.tied else None
    relation = Gather(rows.relation, tuple((k.ident, c) for c, k in keys.items()), (), counted, person)
    given = {name: keys[c] for name, c in rows.columns.items()}
    return Rows(relation, person, rows.scans, given, rows.tied)


def gives_key(stage: "Stage") -> bool:
    return any(is_link(node.unnest(), stage) for node in items_of(stage.select))


def as_group_by(select: exp.Select) -> exp.Select:
    """SELECT DISTINCT over persons' rows is γ on every column."""
    found = select.copy()
    found.set("distinct", None)
    found.set("group", exp.Group(expressions=[i.copy() for i in items_of(found)]))
    return found


def is_link(node: exp.Expr, stage: "Stage") -> bool:
    try:
        return is_key(node, stage.meaning)
    except Stop:
        return False


def first(stage: "Stage", rows: Rows) -> Rows | None:
    """ORDER BY alone orders nothing below the top; TOP keeps some rows of the person outside, never of other people."""
    binder, select = stage.binder, stage.select
    limit, order = select.args.get("limit"), select.args.get("order")
    if limit is None and select.args.get("offset") is None:
        binder.note_clause(stage.meaning, order, How.ORDERED)
        return rows
    if not rows.tied or limit is None or select.args.get("offset"):
        binder.note_clause(stage.meaning, order, How.ORDERED)
        message = "TOP and LIMIT choose rows of some people."
        advice = "Use them in the outermost SELECT, over groups, or in a subquery with the link key in its WHERE."
        raise Stop("limit", message, advice, limit or select)
    if has_ties(limit):
        raise Stop("limit", "WITH TIES takes several rows of one.", "Leave WITH TIES out.", limit)
    items = order.expressions if order is not None else []
    found = [(i, binder.attempt(stage.meaning, i.this, How.ORDERED, stage.meaning.value)) for i in items]
    whole = tuple(part for i, s in found if s is not None for part in windows.order_of(i, s, binder.book))
    if not whole:
        raise Stop("limit", "TOP without ORDER BY takes any row.", "Add ORDER BY.", limit)
    ends = tuple((c, False) for c in rows.columns.values())
    return replace(rows, relation=Limit(rows.relation, whole + ends, count_of(stage.meaning, limit)))

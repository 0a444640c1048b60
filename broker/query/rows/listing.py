"""Items of a SELECT list: stars, columns that go on as they are, and values."""

from typing import TYPE_CHECKING

from sqlglot import exp

from broker.domain.scalars import Call, Case, Scalar, Type
from broker.domain.variables import How
from broker.query.groups.grouped import Grouped
from broker.query.kinds import Columns
from broker.query.refusing import Stop
from broker.query.resolve import Names
from broker.query.rows.summaries import coalesced_key
from broker.query.scalars.meaning import Meaning

if TYPE_CHECKING:
    from broker.query.binder import Binder


def star_columns(item: exp.Expr, names: Names, binder: "Binder") -> Columns | None:
    """The columns that a star stands for, where each source has columns of its own: never a catalogue table's."""
    inner = item.this if isinstance(item, exp.Column) else item
    if not isinstance(inner, exp.Star):
        return None
    table = item.table.casefold() if isinstance(item, exp.Column) else ""
    wanted = [s for s in names.sources if not table or s.name == table]
    if any(inner.args.values()) or not wanted or any(s.columns is None for s in wanted):
        _note_all_variables([s.scan for s in wanted if s.scan is not None], binder, item)
        raise Stop("star", "A star does not say which variables are used.", "Name each variable.", item)
    return {n: c for s in wanted for n, c in (s.columns or {}).items()}


def _note_all_variables(scans: list[int], binder: "Binder", item: exp.Expr) -> None:
    """A star over a table of the catalogue reads all of it."""
    place = binder.report.place(item)
    for scan in scans:
        for variable in binder.book.tables[scan].variables:
            binder.book.note(binder.book.column(scan, variable), How.READ, place)


def item_value(binder: "Binder", item: exp.Expr, meaning: Meaning) -> Scalar | None:
    """One item of a SELECT list; a plain column may be a link key, which goes on as one."""
    inner = item.this if isinstance(item, exp.Alias) else item
    if inner.meta.get("uncut") and _names_text_key(inner.this, meaning):
        inner = inner.this
    if inner.meta.get("update"):
        return binder.attempt(meaning, inner, How.READ, lambda n: _updated(n, meaning))
    if isinstance(inner.unnest(), exp.Column):
        return binder.attempt(meaning, inner.unnest(), How.READ, lambda n: _column(n, meaning))
    if isinstance(inner, exp.Coalesce):
        return binder.attempt(meaning, inner, How.READ, lambda n: _coalesced(n, meaning) or meaning.value(n))
    return binder.attempt(meaning, inner, How.READ, meaning.value)


def _names_text_key(node: exp.Expr, meaning: Meaning) -> bool:
    """Whether a node plainly names a link key that is text: as text of another length it is the same key."""
    if not isinstance(node, exp.Column) or isinstance(meaning, Grouped):
        return False
    try:
        found = meaning.names.column(node)
    except Stop:
        return False
    return found.type is Type.TEXT and meaning.book.key_domain(found.ident) is not None


def _updated(node: exp.Expr, meaning: Meaning) -> Scalar:
    """UPDATE #t SET c = e: the column keeps its type."""
    found = meaning.value(node)
    if isinstance(found, Case):
        new, old = found.whens[0][1].type, found.otherwise.type
        if new not in {old, Type.NULL} and {new, old} != {Type.INT, Type.FLAG}:
            message = "UPDATE would convert to the type that the column has."
            raise Stop("insert-type", message, "CAST the value to the type of the column.", node)
    return found


def _column(node: exp.Expr, meaning: Meaning) -> Scalar:
    assert isinstance(node, exp.Column)
    return meaning.scalar(node) if isinstance(meaning, Grouped) else meaning.raw_column(node)


def _coalesced(node: exp.Coalesce, meaning: Meaning) -> Scalar | None:
    """COALESCE over link keys of one domain."""
    parts = [node.this, *node.expressions]
    if isinstance(meaning, Grouped) or not all(isinstance(p, exp.Column) for p in parts):
        return None
    try:
        found = tuple(meaning.names.column(p) for p in parts if isinstance(p, exp.Column))
    except Stop:
        return None
    call = Call("coalesce", found, found[0].type)
    if coalesced_key(call, meaning.book) is None:
        return None
    meaning.seen += list(zip(found, parts, strict=True))
    return call

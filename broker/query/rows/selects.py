"""A SELECT over rows: WHERE, subqueries and windows as columns, DISTINCT, and the list of what it gives. SELECTs over
groups, and the top γ, are handed on."""

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlglot import exp

from broker.domain.scalars import Call, Column, Scalar, Type, columns_of
from broker.domain.variables import How
from broker.query.groups import above, grouping
from broker.query.groups.grouped import Grouped, is_grouped, key_node, with_aliases
from broker.query.kinds import Bound, Columns, Ctes, Groups, Rows, Want
from broker.query.refusing import Stop
from broker.query.resolve import Names
from broker.query.rows import sources, windows
from broker.query.rows.gathering import Gathering, keys_of, passed_on
from broker.query.rows.summaries import coalesced_key
from broker.query.scalars.meaning import Meaning

if TYPE_CHECKING:
    from broker.query.binder import Binder
from broker.query.rows.distinct import as_group_by, distinct, first, gives_key, is_link
from broker.query.rows.listing import item_value, star_columns
from broker.query.rows.stages import Stage, note_rest, refused, settled

CLAUSES = frozenset(
    {"with_", "expressions", "from_", "joins", "laterals", "where", "group", "having", "qualify", "distinct", "order",
     "limit", "offset"}
)  # fmt: skip


def bind(
    binder: "Binder", select: exp.Select, outer: Ctes, outside: Names | None, want: Want, of_sources: Want | None = None
) -> Bound | None:
    restore = binder.save()
    binder.check_clauses(select, CLAUSES)
    names = Names(binder.book, outside, binder.ctes_of(select, outer))
    meaning = binder.meaning(names)
    stage = Stage(binder, meaning, select, restore)
    found, whole = sources.bind_from(binder, select, names, meaning, of_sources or want)
    _check_distinct(stage)
    if whole and any(isinstance(j.bound, Groups) for j in found):
        if all(isinstance(j.bound, Groups) for j in found):
            return above.bind(binder, select, names, found)
        if not any(isinstance(j.bound, Rows) and j.bound.person is not None for j in found):
            return above.bind(binder, select, names, [above.beside_groups(binder, j) for j in found])
        restore()
        return bind(binder, select, outer, outside, want, Want.ROWS)
    nothing = whole and not found
    if nothing and outside is None and is_grouped(select):
        raise Stop("no-table", "The query reads no table.", "Name a table in FROM.", select)
    if nothing and want is Want.GROUPS and outside is None and any(i.find(exp.Query) for i in select.expressions):
        return above.bind(binder, select, names, found)
    meaning.apart = stage.apart
    try:
        return _of_rows(stage, names, found, whole, outside, want)
    except Stop as stop:
        refused(binder, stop, meaning, select)
        return None


def _check_distinct(stage: Stage) -> None:
    """DISTINCT has no clauses: ON would choose rows by an order, wherever the SELECT stands. What it names is used."""
    found = stage.select.args.get("distinct")
    if found:
        stage.binder.check_clauses(found, frozenset())
        stage.binder.note_clause(stage.meaning, found.args.get("on"), How.READ)


def _of_rows(
    stage: Stage, names: Names, found: list[sources.Joined], whole: bool, outside: Names | None, want: Want
) -> Bound | None:
    binder, select = stage.binder, stage.select
    where = sources.conjuncts(binder, stage.meaning, select.args.get("where"), How.FILTERED)
    if not whole or not settled(stage, names, found, where):
        sources.note_guards(binder, found, where)
        note_rest(binder, stage.meaning, select)
        return None
    return _grouped(stage, want) if is_grouped(select) else _plain(stage, outside, want)


def _grouped(stage: Stage, want: Want) -> Bound | None:
    """γ: of one person's rows, of public rows, of groups that rows will meet, or the top one."""
    binder, select, meaning, rows = stage.binder, stage.select, stage.meaning, stage.settle()
    if want is Want.GROUPS and rows.person is not None and not rows.tied and not _groups_by_key(stage):
        return grouping.bind(stage)
    keys = keys_of(binder, select, meaning, rows.home)
    outer = _correlated(stage, keys)
    gathering = Gathering(binder, stage.settle(), meaning, keys)
    over = Grouped(meaning, keys, gathering.aggregate, is_rows=True)
    clause = with_aliases(select.args.get("having"), select, meaning.names, binder.is_tsql)
    having = sources.conjuncts(binder, over, _inside(clause), How.FILTERED)
    _refuse_clause(binder, select, "qualify")
    columns = _items(stage, over)
    gathering.rows = stage.settle()
    stage.rows = gathering.gathered().filtered([*outer, *having])
    return _given(stage, columns)


def _correlated(stage: Stage, keys: dict[Scalar, Column]) -> list[Scalar]:
    """The conditions that tie a group of other people to the row outside: equalities, whose inner side becomes a key,
    so that the group is the same whoever asks."""
    reached = stage.meaning.names.reached
    rows = stage.settle()
    outer = [c for c in stage.where if columns_of(c) & reached]
    if rows.person is None or rows.tied or not outer:
        return []
    assert stage.unfiltered is not None
    stage.rows = stage.unfiltered.filtered(c for c in stage.where if c not in outer)
    found: list[Scalar] = []
    for condition in outer:
        match condition:
            case Call(op="equal_text"):
                # Groups are exact, this equality is not: two groups could meet one row, and the engine would fail.
                message = "Free text is equal in several spellings, so several groups could belong to one row."
                raise Stop("correlated", message, "Correlate it on a variable with a code list.", stage.select)
            case Call(op="equal", args=(left, right)):
                inner, other = (left, right) if columns_of(right) <= reached else (right, left)
                if isinstance(inner, Column) and not columns_of(inner) & reached and columns_of(other) <= reached:
                    stage.binder.book.note(inner, How.GROUPED)
                    column = keys.setdefault(inner, passed_on(inner, stage.binder.book, rows.home))
                    found.append(Call("equal", (column, other), Type.TRUTH))
                    continue
        message = "A group of other people depends on the row outside otherwise than by equality."
        raise Stop("correlated", message, "Group in a derived table and join it.", stage.select)
    return found


def _inside(clause: exp.Expr | None) -> exp.Expr | None:
    return clause.this if clause is not None else None


def _groups_by_key(stage: Stage) -> bool:
    """Whether a link key is among the keys of GROUP BY."""
    group = stage.select.args.get("group")
    names = stage.meaning.names
    nodes = group.expressions if group is not None else []
    return any(is_link(key_node(n, stage.select, names, stage.binder.is_tsql).unnest(), stage) for n in nodes)


def _refuse_clause(binder: "Binder", select: exp.Select, key: str) -> None:
    if select.args.get(key):
        binder.check_clauses(select, CLAUSES - {key})


def _plain(stage: Stage, outside: Names | None, want: Want) -> Bound | None:
    binder, select, meaning = stage.binder, stage.select, stage.meaning
    idiom = windows.distinct_idiom(select)
    if idiom is not None:
        stage.restore()
        return bind(binder, idiom, meaning.names.ctes, outside, want)
    if (
        windows.is_distinct(select)
        and want is Want.GROUPS
        and stage.settle().person is not None
        and not gives_key(stage)
    ):
        stage.restore()
        return bind(binder, as_group_by(select), meaning.names.ctes, outside, want)
    stage.may_window = True
    columns = _items(stage, meaning)
    clause = with_aliases(select.args.get("qualify"), select, meaning.names, binder.is_tsql)
    qualify = sources.conjuncts(binder, meaning, _inside(clause), How.FILTERED)
    stage.rows = stage.settle().filtered(qualify)
    return _given(stage, columns)


def _given(stage: Stage, columns: "list[tuple[str, Scalar]] | None") -> Bound | None:
    """The columns that the SELECT list gives, DISTINCT and TOP."""
    binder, select = stage.binder, stage.select
    if columns is None:
        binder.note_clause(stage.meaning, select.args.get("order"), How.ORDERED)
        return None
    rows = stage.settle()
    given: Columns = {}
    computed: list[tuple[int, Scalar]] = []
    for name, found in columns:
        if isinstance(found, Column):
            given[name] = found
            continue
        ident = binder.book.define(found, rows.home)
        domain = coalesced_key(found, binder.book)
        if domain is not None:
            binder.book.keys[ident] = domain
        computed.append((ident, found))
        given[name] = Column(ident, found.type)
    rows = replace(rows.computed(computed), columns=given)
    if select.args.get("distinct"):
        rows = distinct(binder, rows)
    return first(stage, rows)


def _items(stage: Stage, meaning: Meaning) -> "list[tuple[str, Scalar]] | None":
    """The SELECT list as (folded name, value); None if an item is refused."""
    binder, whole = stage.binder, True
    found: list[tuple[str, Scalar]] = []
    for index, item in enumerate(stage.select.expressions):
        star = star_columns(item, meaning.names, binder)
        if star is not None:
            found += list(star.items())
            continue
        value = item_value(binder, item, meaning)
        name = item.alias_or_name.casefold() if isinstance(item, exp.Alias | exp.Column) else f"#{index + 1}"
        whole = whole and value is not None
        if value is not None:
            found.append((name, value))
    names = [n for n, _ in found]
    for index, name in enumerate(names):
        if name in names[:index]:
            place = binder.report.place(stage.select)
            binder.report.add("duplicate-column", f"Two columns are called {name}.", "Give each its own name.", place)
            whole = False
    return found if whole else None

"""SELECTs whose sources are groups: joins of groups, γ over groups, SELECTs of single aggregates. The γ over persons is
not bound here."""

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlglot import exp

from broker.domain.groups import Given, Group, Meet, Regroup
from broker.domain.relations import Aggregate, JoinHow
from broker.domain.scalars import Column, Scalar
from broker.query.book import Home
from broker.query.groups.grouped import Grouped, is_grouped
from broker.query.kinds import Groups, Rows, all_of, has_context
from broker.query.refusing import Stop
from broker.query.resolve import Names
from broker.query.rows import sources
from broker.query.rows.gathering import keys_of
from broker.query.rows.summaries import summary
from broker.query.scalars.meaning import Meaning

if TYPE_CHECKING:
    from broker.query.binder import Binder
from broker.query.groups.programs import Over, Program, check_released
from broker.query.groups.tails import check_small, conjuncts, tail

CHOSEN = "Rows of a public table are chosen by rows of people, and beside groups they are shown exactly."
GROUP = "Group the people in a derived table, and join it with the public rows by its keys."


def bind(binder: "Binder", select: exp.Select, names: Names, joined: "list[sources.Joined]") -> Groups | None:
    """A SELECT whose sources are all groups; without FROM, of subqueries that give one group each."""
    over = Over(binder.dialect, binder.book, names, binder.advice)
    program = Program(binder, names, translator=over)
    over.apart = program.apart
    program.from_less = not joined
    if not joined:
        return _without_from(binder, select, program, over)
    where = conjuncts(binder, over, select.args.get("where"))
    check_small(binder, select.args.get("where"), where)
    program.keep(where)
    translator: Meaning = over
    keys: dict[Scalar, Column] = {}
    if is_grouped(select):
        keys = _regrouped_keys(binder, select, over)
        regroup = _Regrouping(binder, over)
        translator = Grouped(over, keys, regroup.aggregate, is_rows=False)
        translator.apart = program.apart
        program.translator = translator
        made = tuple((c.ident, e) for e, c in keys.items())
        program.steps.append(lambda g: Regroup(g, made, tuple(regroup.columns)))
    given = tail(binder, select, program, translator)
    lone = (is_grouped(select) and not keys) or all(j.bound.lone for j in joined if isinstance(j.bound, Groups))
    return None if given is None else Groups(program.built(_met(joined)), given, tuple(keys.values()), lone)


def beside_groups(binder: "Binder", joined: "sources.Joined") -> "sources.Joined":
    """A public relation as what the broker joins groups with: its rows are shown as they are, so none of them may be
    chosen or made by people."""
    if not isinstance(joined.bound, Rows):
        return joined
    if has_context(joined.bound.relation):
        raise Stop("subquery-persons", CHOSEN, GROUP, joined.node)
    binder.public.append(joined.bound)
    for column in joined.bound.columns.values():
        binder.book.labels.setdefault(column.ident, "public")
    binder.loose.append(joined.bound.relation)
    return replace(joined, bound=Groups(Given(len(binder.public) - 1), joined.bound.columns))


def _met(joined: "list[sources.Joined]") -> Group:
    """The groups joined. RIGHT joins are LEFT joins the other way round."""
    found = _program(joined[0])
    for one in joined[1:]:
        how = JoinHow.CROSS if one.how is JoinHow.INNER and not one.on else one.how
        sides = (_program(one), found) if one.swapped else (found, _program(one))
        found = Meet(*sides, how, all_of(one.on))
    return found


def _program(one: "sources.Joined") -> Group:
    assert isinstance(one.bound, Groups)
    return one.bound.program


def _without_from(binder: "Binder", select: exp.Select, program: Program, over: Meaning) -> Groups | None:
    given = tail(binder, select, program, over)
    if given is None:
        return None
    if program.first is None:
        raise Stop("no-table", "The query reads no table.", "Name a table in FROM.", select)
    return Groups(program.built(program.first), given, (), lone=True)


class _Regrouping:
    """The aggregates of a γ over groups."""

    def __init__(self, binder: "Binder", over: Meaning) -> None:
        self._binder, self._over = binder, over
        self.columns: list[tuple[int, Aggregate]] = []

    def aggregate(self, node: exp.Expr) -> Scalar:
        found = summary(node, self._over, own=True).aggregate
        check_released(found, self._binder, node)
        for ident, known in self.columns:
            if known == found:
                return Column(ident, found.type)
        column = Column(self._binder.book.new_id(), found.type)
        self._binder.book.labels[column.ident] = "derived"
        self.columns.append((column.ident, found))
        return column


def _regrouped_keys(binder: "Binder", select: exp.Select, over: Meaning) -> dict[Scalar, Column]:
    keys = keys_of(binder, select, over, Home())
    return {e: binder.book.new_key(e) for e in keys}

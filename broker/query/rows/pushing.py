"""Conditions on the keys of groups, handed down to the rows that are grouped, so that years can be proved from them. No
syntax."""

from collections.abc import Mapping
from dataclasses import replace

from broker.domain.groups import Base, Extend, First, Group, Keep, Meet, Stack
from broker.domain.relations import JoinHow
from broker.domain.scalars import Call, Case, Column, Literal, Scalar, Type, columns_of
from broker.query.groups.statistics import DraftTable

Meaning = Mapping[int, Scalar]
"""What columns above are, in the columns below."""


def hand_down(conjunct: Scalar, group: Group, tables: list[DraftTable]) -> None:
    """Filters the rows of every table of which the conjunct speaks by its keys alone. It stays above too: this only
    drops rows of groups that it drops anyway."""
    match group:
        case Base(table=number):
            table = tables[number]
            keys = {column.ident: expression for expression, column in table.keys.items()}
            if columns_of(conjunct) and columns_of(conjunct) <= keys.keys():
                tables[number] = replace(table, rows=table.rows.filtered([_in_terms_of(conjunct, keys)]))
        case Extend(child=child, columns=columns):
            hand_down(_in_terms_of(conjunct, dict(columns)), child, tables)
        case Keep(child=child):
            hand_down(conjunct, child, tables)
        case First(child=child, count=None, skip=0):
            hand_down(conjunct, child, tables)
        case Stack(parts=parts, columns=columns):
            for index, part in enumerate(parts):
                of_part = {i: Column(idents[index], _type_in(conjunct, i)) for i, idents in columns}
                hand_down(_in_terms_of(conjunct, of_part), part, tables)
        case Meet(left=left, right=right, how=how):
            for side, kept in ((left, True), (right, how is not JoinHow.LEFT)):
                if kept and how is not JoinHow.FULL:
                    hand_down(conjunct, side, tables)


def _in_terms_of(scalar: Scalar, meaning: Meaning) -> Scalar:
    """A scalar with columns written as what they are below."""
    match scalar:
        case Column(ident=ident):
            return meaning.get(ident, scalar)
        case Call(op=op, args=args, type=kind):
            return Call(op, tuple(_in_terms_of(a, meaning) for a in args), kind)
        case Case(whens=whens, otherwise=otherwise, type=kind):
            pairs = tuple((_in_terms_of(c, meaning), _in_terms_of(v, meaning)) for c, v in whens)
            return Case(pairs, _in_terms_of(otherwise, meaning), kind)
        case Literal():
            return scalar


def _type_in(scalar: Scalar, ident: int) -> Type:
    """The type that a column has in a scalar."""
    stack = [scalar]
    while stack:
        part = stack.pop()
        if isinstance(part, Column) and part.ident == ident:
            return part.type
        stack += [*getattr(part, "args", ()), *(s for pair in getattr(part, "whens", ()) for s in pair)]
        if isinstance(part, Case):
            stack.append(part.otherwise)
    return Type.NULL

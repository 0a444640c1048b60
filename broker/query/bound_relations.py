"""Bound relations: rows of persons, public rows, or groups; and which link keys join two persons' rows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from sqlglot import exp

from broker.domain.plans import operators as ops
from broker.domain.plans.scalars import Call, ColumnRef, Literal, Scalar, ScalarType, all_of, same_person
from broker.query.diagnostics import BindError
from broker.query.symbols import SourceRows, SymbolTable

ColumnsByName = dict[str, ColumnRef]
"""Columns of a derived relation by their case-folded names, in the order of its SELECT list."""


@dataclass(frozen=True, slots=True)
class BoundRows:
    """Rows. `person` is the id of the column with the person number; None for public rows. `is_correlated`: the rows
    belong to the person of the outer row, in a subquery that is correlated on the link key."""

    relation: ops.Relation
    person: int | None
    scans: frozenset[int]
    columns: ColumnsByName = field(default_factory=dict)
    is_correlated: bool = False

    @property
    def source_rows(self) -> SourceRows:
        return SourceRows(self.scans, self.person)

    def filtered(self, conjuncts: Iterable[Scalar]) -> "BoundRows":
        predicate = conjunction_of(conjuncts)
        return self if predicate is None else replace(self, relation=ops.Filter(self.relation, predicate))

    def computed(self, columns: Iterable[tuple[int, Scalar]]) -> "BoundRows":
        found = tuple(columns)
        return replace(self, relation=ops.Project(self.relation, found)) if found else self


@dataclass(frozen=True, slots=True)
class BoundGroups:
    """Groups: a program above the top aggregation, with the columns that an outer query sees. `is_single`: the program
    has one row; it has none where it `may_be_empty`. `keys`: the columns that identify a row."""

    program: ops.PostAggregation
    columns: ColumnsByName
    keys: tuple[ColumnRef, ...] = ()
    is_single: bool = False
    may_be_empty: bool = False


BoundQuery = BoundRows | BoundGroups


class BindTarget(StrEnum):
    """What a query is bound for: groups that the broker computes with, or rows that the engine joins with other
    rows."""

    GROUPS = "groups"
    ROWS = "rows"


@dataclass(frozen=True, slots=True)
class CteDefinition:
    """A CTE or temporary table. It is bound again at each use, with the tables that its definition could see."""

    query: exp.Expr
    columns: tuple[str, ...]
    visible: "Ctes"


Ctes = Mapping[str, CteDefinition]


def written_row(symbols: SymbolTable) -> BoundRows:
    """One written row, the source of a SELECT without FROM and of each row of VALUES. Like a scan it has a number, so
    that an outer join can be seen to find no row."""
    number = symbols.new_id()
    relation = ops.Values(((number, ScalarType.INT),), ((Literal(1, ScalarType.INT),),))
    return BoundRows(relation, None, frozenset({number}))


def is_context(part: ops.Relation) -> bool:
    """Whether this operator combines rows of other people: groups or windows that are joined with a person's rows."""
    if isinstance(part, ops.Aggregate):
        return part.person is None and part.counted is not None
    return isinstance(part, ops.Window) and any(c.shared for c in part.columns)


def has_context(relation: ops.Relation) -> bool:
    """Whether any operator inside combines rows of other people."""
    return any(map(is_context, ops.walk(relation)))


class LinkKeyEqualities:
    """Which link keys are equal on every row: a union-find over the conjuncts of a SELECT (never below OR)."""

    def __init__(self, symbols: SymbolTable, conjuncts: Iterable[Scalar]) -> None:
        self.symbols = symbols
        self._parents: dict[int, int] = {}
        for conjunct in conjuncts:
            match conjunct:
                case Call(op="equal", args=(ColumnRef(ident=left), ColumnRef(ident=right))) if symbols.key_domain(
                    left
                ) is not None and symbols.key_domain(left) == symbols.key_domain(right):
                    self._parents[self._root(left)] = self._root(right)

    def _root(self, ident: int) -> int:
        while (parent := self._parents.get(ident, ident)) != ident:
            ident = parent
        return ident

    def are_linked(self, left: frozenset[int], right: frozenset[int]) -> bool:
        """Whether a key of the left scans equals a key of the right scans."""
        return bool(self._keys_of(left) & self._keys_of(right))

    def _keys_of(self, wanted: frozenset[int]) -> set[int]:
        """Representatives of the keys that belong to these scans."""
        found = [(i, self.symbols.scans_of(i)) for pair in self._parents.items() for i in pair]
        return {self._root(i) for i, scans in found if scans and scans <= wanted}


def conjunction_of(conjuncts: Iterable[Scalar]) -> Scalar | None:
    found = tuple(conjuncts)
    return all_of(found) if found else None


def join_rows(
    left: BoundRows, right: BoundRows, how: ops.JoinHow, on: list[Scalar], links: LinkKeyEqualities, lateral: bool
) -> BoundRows:
    """Join two relations. Two persons' rows are joined only where link keys of one domain are equal; the condition that
    person numbers are equal is added. Raises BindError if no link keys are equal."""
    conditions = list(on)
    both = None
    if left.person is not None and right.person is not None:
        if not (links.are_linked(left.scans, right.scans) or right.is_correlated):
            raise BindError("person-join", "Two tables about people are joined without their link keys.",
                            "Join the tables ON a.key = b.key of the same kind, or aggregate one first.")  # fmt: skip
        conditions.append(same_person(left.person, right.person))
        both = (left.person, right.person) if how is ops.JoinHow.FULL else None
    condition = conjunction_of(conditions)
    # an inner join without a condition is a cross join
    how = ops.JoinHow.CROSS if condition is None and how is ops.JoinHow.INNER else how
    person = left.person if left.person is not None else right.person
    if both is not None:  # Neither side's number is present on all rows of a FULL JOIN.
        person = links.symbols.new_id()
    relation = ops.Join(left.relation, right.relation, how, condition, person, both, lateral)
    return BoundRows(relation, person, left.scans | right.scans, is_correlated=left.is_correlated)


def column_list(node: exp.Expr) -> tuple[str, ...]:
    """Column names of `AS t(a, b)`."""
    alias = node.args.get("alias")
    return tuple(c.name for c in alias.args.get("columns") or []) if isinstance(alias, exp.TableAlias) else ()

"""The selectivity check of a job's outputs: each condition that a checker must review, with its position."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial

from sqlglot import exp

from broker.domain.plans.measure import COUNTS, Measure
from broker.domain.plans.operators import Aggregate, Limit, Relation, Window, scalars_of, walk
from broker.domain.plans.plan import CountedRows, SmallPart
from broker.domain.plans.scalars import Call, Case, ColumnRef, Scalar, ScalarType, column_ids
from broker.domain.plans.variable_uses import Years
from broker.policy.public_sizes import PublicSizes
from broker.query.analysis.argument_branches import TooManyArgumentBranches, as_decision_tree
from broker.query.binder.bind_state import Binder
from broker.query.diagnostics import NO_POSITION
from broker.query.selectivity import boolean_formulas, singling_out
from broker.query.selectivity.branches import (
    RelationBranch,
    TooManyRelationBranches,
    branches_of,
    outer_branches,
    value_branches,
)
from broker.query.selectivity.condition_places import rows_of_figures
from broker.query.selectivity.countable_tests import NotCountable
from broker.query.selectivity.counted_variants import Counting, difference_variants, filter_variants, value_variants
from broker.query.selectivity.formula_builder import FormulaBuilder
from broker.query.selectivity.outer_sides import tests_one_outer_column
from broker.query.selectivity.person_estimates import PersonEstimator
from broker.query.selectivity.plain_statistics import GroupedRelation, PlainStatistics
from broker.query.sql.finalize import finalize_relation

MOST_FIGURES, MOST_ALTERNATIVES = 60, 16
MOST_COUNTED = 60
"""Most rows of one output whose people the engine counts."""
MOST_SHOWN = 5
"""Most parts of one output that are reported."""
LONGEST_TEXT = 160
"""Most characters of a part that are reported."""


@dataclass(frozen=True, slots=True)
class SelectivityThreshold:
    """Fewest people that a combined condition must select to pass without review, and the public sizes for the
    estimate."""

    sizes: PublicSizes
    least: int


class SelectivityCheck:
    """Inspects the outputs of one job one by one, and then pairs of their figures."""

    def __init__(self, threshold: SelectivityThreshold) -> None:
        # names of quotients contain a slash
        quotients = ((t.table, s.variable) for t in threshold.sizes.tables for s in t.shares if " / " in s.variable)
        self._variable_ids = boolean_formulas.VariableIds(frozenset(quotients))
        estimator = PersonEstimator(threshold.sizes, self._variable_ids)
        self._judge = singling_out.SinglingOutJudge(estimator, threshold.least)
        self._counting = Counting(threshold.least, estimator)
        self._figures: list[singling_out.FigureConditions] = []
        self._positions: list[SourcePositions] = []
        self._found: list[dict[SmallPart, None]] = []
        self._counted: list[dict[CountedRows, int]] = []
        """The numbers of the rows of each output whose people the engine counts."""

    def add_output(self, binder: Binder, years: Mapping[int, Years | None]) -> None:
        """Inspect one output, whose tables are bound."""
        number = len(self._found)
        builder = FormulaBuilder(
            RelationBranch(),
            binder.symbols,
            boolean_formulas.table_occurrences(binder.symbols, years),
            self._variable_ids,
            (number + 1) * 1_000_000,  # distinct ranges, so that unnamed columns of two outputs never share an id
        )
        positions = SourcePositions(binder, builder)
        self._positions.append(positions)
        self._found.append({})
        self._counted.append({})
        for table in _grouped_relations(binder):
            try:
                rows = finalize_relation(table.relation, binder.symbols, dict(years))
                small = self._of_table(table, rows, builder, number)
            except (TooManyRelationBranches, RecursionError):
                small = [singling_out.FlaggedCondition((), singling_out.TOO_MANY)]
            for one in small:
                self._found[number][self._with_counted(positions.small_part(one), one.counted, number)] = None

    def _with_counted(self, part: SmallPart, rows: Iterable[CountedRows], output: int) -> SmallPart:
        known = self._counted[output]
        return replace(part, counted=tuple(known.setdefault(rows_of, len(known)) for rows_of in rows))

    def _of_table(
        self, table: GroupedRelation, rows: Relation, builder: FormulaBuilder, output: int
    ) -> list[singling_out.FlaggedCondition]:
        branches = branches_of(table.relation, builder.symbols)
        joint = _have_different_conditions(branches, builder)
        found = [s for w in branches for s in self._of_branch(replace(builder, branch=w), table, rows, output, joint)]
        if not all(one.counted for one in found):
            return found
        outside = PlainStatistics(table, builder).outside(table)
        return [*found, *(singling_out.FlaggedCondition((builder.named(v),), singling_out.OUTSIDE) for v in outside)]

    def _of_branch(
        self, builder: FormulaBuilder, table: GroupedRelation, rows: Relation, output: int, joint: bool
    ) -> Iterator[singling_out.FlaggedCondition]:
        formulas = [_source_formula(builder.named(c), builder) for c in builder.branch.conditions]
        occurrences = builder.present
        found = list(self._judge.flag_filter(formulas, occurrences, joint))
        counted = _countable(found, lambda: filter_variants(rows, builder, self._counting))
        yield from counted or found
        if found and not counted:  # one report is enough, and it covers everything inside
            return
        around = singling_out.conjunction(formulas)
        below = rows_of_figures(rows, builder) or rows
        of_rows = [partial(difference_variants, part, (), builder, self._counting) for part in (rows, below)]
        self._add(boolean_formulas.Conjunction((around,)), formulas, occurrences, output, of_rows)
        for inner in outer_branches(builder.branch):
            inner_builder = builder.within(inner)
            inner_formulas = [_source_formula(inner_builder.named(c), inner_builder) for c in inner.conditions]
            inner_occurrences = replace(builder, branch=inner).present
            both = occurrences | inner_occurrences
            small = list(self._judge.flag_branch(inner_formulas, [], around, None, both))
            yield from small or self._judge.flag_branch([], _as_one(inner_formulas), around, None, both)
        reported: set[Scalar] = set()
        amounts = [(_with_flags_as_choices(builder.named(argument)), rows) for argument in table.arguments]
        keys = [(builder.named(key), rows) for key in table.keys]
        figures = [(builder.named(scalar), below) for scalar in _inner_scalars(table.relation)]
        for named, read in (*keys, *figures, *amounts):
            for choice in value_branches(named):
                if reported.intersection((*choice.met[:-1], *choice.failed)):
                    continue
                met, failed = ([_source_formula(c, builder) for c in part] for part in (choice.met, choice.failed))
                path = [*(a.formula for a in met), *(boolean_formulas.negation(a.formula) for a in failed)]
                if tests_one_outer_column(path, builder):
                    continue
                source = _written_source(choice.source, builder)
                small = list(self._judge.flag_branch(met, failed, around, source, occurrences))
                of_value = partial(value_variants, read, path, builder, self._counting)
                small = _countable(small, of_value) or small
                yield from (replace(s, within=named) for s in small)
                is_counted = any(one.counted for one in small)
                reported |= {choice.source} if small and not is_counted else set()
                if (is_counted or not small) and len(boolean_formulas.variables(path)) > 1:
                    whole = boolean_formulas.Conjunction((around, *path))
                    of_path = partial(difference_variants, read, path, builder, self._counting)
                    self._add(whole, [*formulas, *met, *failed], occurrences, output, [of_path])

    def _add(
        self,
        formula: boolean_formulas.Formula,
        formulas: list[singling_out.SourceFormula],
        occurrences: frozenset[boolean_formulas.TableOccurrence],
        output: int,
        counts: Sequence[singling_out.CountPeople],
    ) -> None:
        """Store the alternatives of a figure for comparison, if they are few. The people of one of several cannot be
        counted. `counts`: ways to count, of which the first that can is taken."""
        found = boolean_formulas.terms(formula)
        if found is not None and len(found) <= MOST_ALTERNATIVES:
            count_alone = partial(_counted_rows, counts) if len(found) == 1 else _nothing_counted
            sources = tuple(a.source for a in formulas if boolean_formulas.variables([a.formula]))
            number = len(self._figures)
            self._figures += [
                singling_out.FigureConditions(output, number, term, occurrences, sources, count_alone) for term in found
            ]

    def reports(self) -> list[tuple[tuple[SmallPart, ...], tuple[CountedRows, ...]]]:
        """Of each output in order: the parts to review, and the rows whose people the engine counts. If a part needs a
        review in any case, nothing is counted, and a few such parts are enough."""
        if len({figure.figure for figure in self._figures}) > MOST_FIGURES:
            for output in {f.output for f in self._figures}:
                self._found[output][SmallPart("", None, None, singling_out.TOO_MANY)] = None
        else:
            for one, other, small in self._judge.flag_differences(self._figures):
                part = self._positions[one.output].small_part(small)
                # both outputs know how many people the figures differ by
                for output in {one.output, other.output}:
                    self._found[output][self._with_counted(part, small.counted, output)] = None
        for found, counted in zip(self._found, self._counted, strict=True):
            if len(counted) > MOST_COUNTED:
                found[SmallPart("", None, None, singling_out.TOO_MANY)] = None
        surely = [tuple(part for part in found if not part.counted)[:MOST_SHOWN] for found in self._found]
        every = zip(surely, self._found, self._counted, strict=True)
        return [(parts, ()) if parts else (tuple(found), tuple(counted)) for parts, found, counted in every]


def _countable(
    found: list[singling_out.FlaggedCondition], count: Callable[[], tuple[CountedRows, ...]]
) -> list[singling_out.FlaggedCondition]:
    """The conditions with the rows that show how many people they are about; none if nothing can show it."""
    if not found or not all(one.is_of_size for one in found):
        return []
    try:
        counted = count()
    except NotCountable:
        return []
    return [replace(one, counted=counted) for one in found] if counted else []


def _counted_rows(
    counts: Sequence[singling_out.CountPeople], formulas: Sequence[boolean_formulas.Formula]
) -> tuple[CountedRows, ...]:
    for count in counts:
        with suppress(NotCountable):
            return count(formulas)
    return ()


def _nothing_counted(formulas: Sequence[boolean_formulas.Formula]) -> tuple[CountedRows, ...]:
    return ()


def _grouped_relations(binder: Binder) -> list[GroupedRelation]:
    """Each grouped relation, once."""
    found: dict[int, GroupedRelation] = {}
    for draft in binder.draft_tables:
        relation = draft.rows.relation
        before = found.get(id(relation), GroupedRelation(relation, (), tuple(draft.keys)))
        own = [s for s in draft.statistics.entries if s.implied_by is None and s.argument is not None]
        arguments = (s.argument for s in own if s.argument is not None)
        counted = (s.argument for s in own if s.argument is not None and s.measure in COUNTS)
        found[id(relation)] = GroupedRelation(
            relation,
            tuple(dict.fromkeys((*before.keys, *draft.keys))),
            tuple(key for key in before.shared_keys if key in draft.keys),
            tuple(dict.fromkeys((*before.arguments, *arguments))),
            tuple(dict.fromkeys((*before.counted, *counted))),
            before.counts_persons or any(s.measure is Measure.COUNT_PERSONS for s in draft.statistics.entries),
        )
    return list(found.values())


def _with_flags_as_choices(amount: Scalar) -> Scalar:
    """A flag in a branch of an amount is a condition beside those of the branch."""
    if not isinstance(amount, Case):
        return amount
    try:
        return as_decision_tree(amount, {})
    except TooManyArgumentBranches:
        return amount


def _inner_scalars(relation: Relation) -> Iterator[Scalar]:
    """Scalars that are computed below the top: by groups of one person's rows, windows and orders."""
    for part in walk(relation):
        if isinstance(part, Aggregate | Window | Limit):
            yield from scalars_of(part)


def _have_different_conditions(branches: Sequence[RelationBranch], builder: FormulaBuilder) -> bool:
    """Whether the branches of a UNION have different conditions, apart from years."""
    if len(branches) < 2:
        return False
    found = set()
    for branch in branches:
        mine = replace(builder, branch=branch)
        named = [mine.named(c) for c in branch.conditions]
        found.add(frozenset(mine.of_any_year(c) for c in named if boolean_formulas.variables([mine.formula_of(c)])))
    return len(found) > 1


def _source_formula(named: Scalar, builder: FormulaBuilder) -> singling_out.SourceFormula:
    formula = builder.formula_of(named)
    alternatives = named.args if isinstance(named, Call) and named.op == "or" else ()
    several = len(boolean_formulas.variables([formula])) > 1
    parts = tuple(_source_formula(a, builder) for a in alternatives) if several else ()
    return singling_out.SourceFormula(formula, _written_source(named, builder), parts)


def _written_source(source: Scalar, builder: FormulaBuilder) -> Scalar:
    """The expression in the text for the source of a branch: for whether an outer join finds a row, its condition."""
    match source:
        case Call(op="is_null", args=(ColumnRef(ident=ident),)) if ident in builder.branch.outer_conditions:
            conditions = map(builder.named, builder.branch.outer_conditions[ident])
            return next((c for c in conditions if boolean_formulas.variables([builder.formula_of(c)])), source)
    return source


def _as_one(formulas: Sequence[singling_out.SourceFormula]) -> list[singling_out.SourceFormula]:
    """All formulas with variables as one: it fails for the people for whom an outer side has no row."""
    named = [a for a in formulas if boolean_formulas.variables([a.formula])]
    return [singling_out.SourceFormula(singling_out.conjunction(named), a.source, tuple(named)) for a in named[:1]]


class SourcePositions:
    """Positions in the text of the conditions of one output."""

    def __init__(self, binder: Binder, builder: FormulaBuilder) -> None:
        self._binder, self._builder = binder, builder

    def small_part(self, small: singling_out.FlaggedCondition) -> SmallPart:
        nodes = [n for s in small.source if (n := self._node(s)) is not None]
        nodes = nodes or [n for s in [small.within] if s is not None and (n := self._node(s)) is not None]
        named_by = self._binder.saved_name_nodes
        # a part of a saved query is shown where the job names it
        places = [
            p for n in nodes if (p := self._binder.diagnostics.position_of(named_by.get(id(n), n))) != NO_POSITION
        ]
        texts = dict.fromkeys(self._text(n, len(nodes) > 1) for n in nodes)
        if not nodes:
            read = self._variables(small.source)
            places = [p for i in read if (p := self._binder.symbols.positions.get(i, NO_POSITION)) != NO_POSITION]
            texts = dict.fromkeys(self._binder.symbols.origins[i].variable.name for i in read)
        line, column = min(places, key=lambda p: (p[0] or 0, p[1] or 0), default=NO_POSITION)
        text = (" AND " if nodes else ", ").join(texts)
        return SmallPart(text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]} …", line, column, small.why)

    def _variables(self, source: Iterable[Scalar]) -> list[int]:
        """The variables that expressions are computed from, for those that the text does not write in one piece."""
        symbols, known = self._binder.symbols, self._builder.columns
        read = (known.get(ident, ident) for named in source for ident in column_ids(named))
        return sorted(frozenset().union(*(symbols.base(ColumnRef(ident, ScalarType.NULL)) for ident in read)))

    def _text(self, node: exp.Expr, several: bool) -> str:
        text = node.sql(dialect=self._binder.dialect.sqlglot_name, comments=False)
        return f"({text})" if several and isinstance(node, exp.Or) else text

    @cached_property
    def _nodes(self) -> dict[Scalar, exp.Expr]:
        found: dict[Scalar, exp.Expr] = {}
        for scalar, node in self._binder.syntax_of.items():
            found.setdefault(self._builder.named(scalar), node)
        return found

    def _node(self, named: Scalar) -> "exp.Expr | None":
        """Syntax node of a condition, or of a part of it. A condition that the text does not write in one piece has no
        node of its own."""
        if named in self._nodes:
            return self._nodes[named]
        match named:
            case Call(args=parts):
                pass
            case Case(whens=whens):
                parts = tuple(condition for condition, _ in whens)
            case _:
                return None
        written = (part for part in parts if not isinstance(part, ColumnRef) or part.type is ScalarType.TRUTH)
        return next((n for p in written if (n := self._node(p)) is not None), None)

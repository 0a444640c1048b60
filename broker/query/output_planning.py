"""Plans one output from a bound query: its tables with their years, and what the output may not show."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from sqlglot import exp

from broker.domain.csv_text import is_formula
from broker.domain.plans.measure import COUNTS
from broker.domain.plans.operators import Relation
from broker.domain.plans.plan import OutputColumn, PlannedOutput, PlannedStatistic, PlannedTable, PublicRelation
from broker.domain.plans.scalars import Call, Case, Literal, Scalar, ScalarType, columns_in
from broker.domain.plans.variable_uses import Years
from broker.policy.data_catalogue import PrivacyUnit
from broker.query.analysis.collected_uses import columns_read
from broker.query.analysis.group_key_domains import planned_key
from broker.query.analysis.guards import guards_of
from broker.query.analysis.implied_statistics import context_tables
from broker.query.analysis.known_amounts import KnownAmounts
from broker.query.analysis.made_rows import made_rows_reason
from broker.query.analysis.person_amounts import amount_reason
from broker.query.analysis.row_growths import LARGEST_FACTOR, MULTIPLIED_ROWS, RowGrowths
from broker.query.analysis.row_multiplicity import multiplicity_reason
from broker.query.analysis.tiles import reads_other_people
from broker.query.binder import saved_sources
from broker.query.binder.bind_state import Binder
from broker.query.binder.draft_tables import DraftTable
from broker.query.binder.row_aggregation import CONTEXT
from broker.query.bound_relations import BoundGroups, BoundRows
from broker.query.contribution_bounding.made_amounts import with_made_bounds
from broker.query.diagnostics import Diagnostics
from broker.query.operations.value_bounds import max_decimals
from broker.query.sql.finalize import finalize_relation
from broker.query.sql.replacement_rows import UNSUPPORTED_REPLACEMENT, UnsupportedReplacement, replacement_rows
from broker.query.symbols import SymbolTable

FORMULA_ADVICE = "Begin the name or label with a letter, a digit or a bracket: write minus 1 to 0, or (-1 to 0)."


def check_formulas(
    columns: Iterable[OutputColumn], made: Iterable[Scalar], diagnostics: Diagnostics, query: exp.Query
) -> None:
    """Refuse names and texts that a spreadsheet would read as formulas. `made`: expressions from which columns are
    computed."""
    found = [*columns]
    texts = [
        *(c.name for c in found),
        *(t for s in (*(c.expression for c in found), *made) for t in _possible_texts(s)),
    ]
    wrong = dict.fromkeys(text for text in texts if is_formula(text))
    if wrong:
        message = f"A spreadsheet would read these names and labels as formulas: {', '.join(wrong)}."
        diagnostics.add("spreadsheet-formula", message, FORMULA_ADVICE, query)


def _possible_texts(scalar: Scalar) -> Iterator[str]:
    """Texts that a value can be or begin with. Texts that a condition only compares with are not included."""
    match scalar:
        case Literal(value=str(text)):
            yield text
        case Case(values=values) | Call(args=values, type=ScalarType.TEXT):
            for value in values:
                yield from _possible_texts(value)


def plan_output(
    name: str, bound: BoundGroups, columns: tuple[OutputColumn, ...], binder: Binder, years: dict[int, Years | None]
) -> PlannedOutput:
    symbols = binder.symbols
    behind = [t for d in binder.draft_tables for t in context_tables(d.rows.relation, symbols)]
    # equal tables behind several contexts are planned once
    unique = {(t.contributions, tuple(k.expression for k in t.keys)): t for t in behind}
    shown = tuple(_planned_table(d, binder, years) for d in binder.draft_tables)
    hidden = tuple(
        replace(t, contributions=finalize_relation(t.contributions, symbols, years)) for t in unique.values()
    )
    units = {u.value for d in binder.draft_tables if d.rows.person is not None for u in _units(d.rows, symbols)}
    unit = units.pop() if len(units) == 1 else "person"  # a table about several kinds of persons
    public = tuple(_planned_public_rows(rows, binder, years) for rows in binder.public_relations)
    return PlannedOutput(name, unit, (*shown, *hidden), bound.program, columns, public)


def _planned_public_rows(rows: BoundRows, binder: Binder, years: dict[int, Years | None]) -> PublicRelation:
    """A public relation with its used columns: those of its SELECT list, or of its table."""
    symbols = binder.symbols
    listed = [(c.ident, c.type) for c in rows.columns.values()]
    of_table = (
        (i, o.variable.type) for s in sorted(rows.scans) for i, o in symbols.columns_of_scan(s) if i in symbols.usages
    )
    used = listed or list(of_table)  # without a SELECT list: the used columns of the table
    return PublicRelation(finalize_relation(rows.relation, symbols, years), tuple(dict.fromkeys(used)))


def _units(rows: BoundRows, symbols: SymbolTable) -> list[PrivacyUnit]:
    return [u for s in sorted(rows.scans) if symbols.is_person(s) and (u := symbols.tables[s].unit) is not None][:1]


def _planned_table(draft: DraftTable, binder: Binder, years: dict[int, Years | None]) -> PlannedTable:
    symbols, relation = binder.symbols, draft.rows.relation
    guards = guards_of(relation, columns_read(symbols))
    assert draft.rows.person is not None
    keys = tuple(planned_key(c.ident, e, symbols, years, guards) for e, c in draft.keys.items())
    growth = RowGrowths(relation, symbols, years)
    found = [replace(s, growth=growth.of(s), decimals=_decimals(s.argument, symbols)) for s in draft.statistics.entries]
    statistics = _reviewed_statistics(relation, draft.keys, found, symbols, years)
    contributions = finalize_relation(relation, symbols, years)
    statistics = with_made_bounds(statistics, contributions, binder.catalogue)
    return PlannedTable(contributions, draft.rows.person, keys, statistics)


def _decimals(argument: Scalar | None, symbols: SymbolTable) -> int:
    columns = () if argument is None else columns_in(argument)
    return max((max_decimals(column, symbols) for column in columns), default=0)


def _reviewed_statistics(
    relation: Relation,
    keys: Iterable[Scalar],
    found: list[PlannedStatistic],
    symbols: SymbolTable,
    years: dict[int, Years | None],
) -> tuple[PlannedStatistic, ...]:
    """Mark statistics that need review: where conditions decide how many rows of a person count (for all but counts of
    persons), and where values depend on other people."""
    context = CONTEXT if reads_other_people(relation, symbols) else None
    keys = tuple(keys)
    arguments = [s.argument for s in found if s.argument is not None and s.implied_by is None]
    amounts = [s.argument for s in found if s.argument is not None and s.measure not in COUNTS]
    why = multiplicity_reason(relation, [*keys, *arguments], symbols, years)
    why = why or made_rows_reason(relation, keys, arguments, amounts, symbols)
    why_amounts = amount_reason(relation, amounts, symbols, years)
    known_amounts = KnownAmounts(relation, keys, symbols)
    marked = []
    for statistic in found:
        rows_count = statistic.implied_by is None and not statistic.measure.traits.counts_persons
        reason = (
            statistic.needs_review
            or context
            or (why if rows_count else None)
            or (why_amounts if statistic.argument in amounts else None)
            or (MULTIPLIED_ROWS if statistic.growth.factor > LARGEST_FACTOR else None)
            or saved_sources.lookup_weight_reason(statistic, symbols)
            or known_amounts.review_reason(statistic)
        )
        # The catalogue's most rows of one person hold only where nothing multiplies these in another way.
        growth = replace(statistic.growth, most=None) if reason else statistic.growth
        marked.append(replace(statistic, needs_review=reason, growth=growth))
    return tuple(marked)


def check_removal_evidence(output: PlannedOutput, diagnostics: Diagnostics, query: exp.Query) -> bool:
    """Whether the evidence can show how far each person's removal would move every figure. If not, add a refusal."""
    try:
        for table in output.tables:
            replacement_rows(table.contributions)
    except UnsupportedReplacement:
        diagnostics.add("public-rows", *UNSUPPORTED_REPLACEMENT, query)
        return False
    return True

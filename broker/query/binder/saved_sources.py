"""Saved cohorts and lookups as sources of FROM, and whether a query may be saved."""

from collections.abc import Callable

from sqlglot import exp

from broker.domain.plans.measure import MAGNITUDES, NON_ADDITIVE
from broker.domain.plans.operators import Scan
from broker.domain.plans.plan import PlannedStatistic
from broker.domain.plans.scalars import ScalarType
from broker.domain.plans.variable_uses import VariableClass
from broker.domain.projects import saved_definitions
from broker.policy.data_catalogue import CatalogueTable, TableKind, Variable
from broker.query.binder.bind_state import Binder
from broker.query.bound_relations import BoundGroups, BoundQuery, BoundRows, Ctes
from broker.query.diagnostics import CONSEQUENTIAL, BindError
from broker.query.dialects.known_dialects import DIALECTS
from broker.query.name_resolution import ResolvedTable, Scope
from broker.query.parser.script_reader import ScriptQuery
from broker.query.symbols import SymbolTable

BindDerivedTable = Callable[[exp.Expr, Ctes], BoundQuery]
"""Binds a query as a derived table in the place of the name."""


def is_saved_name(node: exp.Table) -> bool:
    """Whether a name in FROM has the form `project.name`."""
    return not node.catalog and node.db.casefold() == saved_definitions.PROJECT_SCHEMA


def bind_saved(binder: Binder, node: exp.Table, scope: Scope, derive: BindDerivedTable) -> BoundQuery:
    """Bind a saved definition as a source of FROM."""
    found = binder.saved.find(node)
    return (
        _bind_lookup(binder, found, node, scope)
        if isinstance(found, saved_definitions.Lookup)
        else _bind_cohort(binder, found, node, derive)
    )


def _bind_cohort(
    binder: Binder, cohort: saved_definitions.Cohort, node: exp.Table, derive: BindDerivedTable
) -> BoundQuery:
    """Bind a cohort in the dialect of its own text. Its refusals are reported at the place where the job names it."""
    saved, diagnostics = binder.saved, binder.diagnostics
    script_query, problems = saved.parsed(cohort)
    dialect, within = binder.dialect, saved.within
    with diagnostics.attributed_to(node, f"In {saved_definitions.PROJECT_SCHEMA}.{cohort.name}: "):
        if script_query is None:
            for refusal in problems.refusals:
                diagnostics.add(refusal.code, refusal.message, refusal.advice)
            raise BindError(CONSEQUENTIAL, "This saved query cannot be analysed.", "", node)
        binder.dialect, saved.within = DIALECTS[cohort.dialect], (*within, cohort.name.casefold())
        before = len(binder.syntax_of)  # syntax that is recorded from here on belongs to the cohort
        try:
            return derive(script_query.query, script_query.visible)
        finally:
            binder.dialect, saved.within = dialect, within
            for mark in list(binder.syntax_of.values())[before:]:
                binder.saved_name_nodes.setdefault(id(mark), node)


def _bind_lookup(binder: Binder, lookup: saved_definitions.Lookup, node: exp.Table, scope: Scope) -> BoundRows:
    """Bind a lookup as written rows under the name of a public table: no key domain, no years, and no use of the
    catalogue."""
    table, symbols = lookup_table(lookup), binder.symbols
    scan = binder.new_scan(table, node)
    symbols.written_rows[scan] = lookup.rows
    for variable in table.variables:
        symbols.column(scan, variable)
    scope.add(
        ResolvedTable(table, schemas=frozenset({saved_definitions.PROJECT_SCHEMA})).table_binding(node, scan), node
    )
    return BoundRows(Scan(table.full_name, (), scan, None), None, frozenset({scan}))


def lookup_table(lookup: saved_definitions.Lookup) -> CatalogueTable:
    """Describe a lookup as a catalogue table. Its first column is a unique key if its values are unique."""
    first = lookup.columns[0]
    return CatalogueTable(
        schema_name=saved_definitions.PROJECT_SCHEMA,
        name=lookup.name,
        kind=TableKind.PUBLIC,
        unique_key=first.name if first.unique else None,
        variables=tuple(_lookup_variable(lookup, i) for i in range(len(lookup.columns))),
    )


def _lookup_variable(lookup: saved_definitions.Lookup, index: int) -> Variable:
    column = lookup.columns[index]
    values = dict.fromkeys(row[index] for row in lookup.rows)
    missing = None in values
    values.pop(None, None)
    numbers = [v for v in values if not isinstance(v, str) and v is not None]
    # T-SQL compares texts without case, so two spellings of one text cannot be two codes
    texts = {str(v).casefold() for v in values}
    listed = column.type is not ScalarType.DECIMAL and len(texts) == len(values)
    return Variable(
        name=column.name,
        type=column.type,
        cls=VariableClass.PUBLIC,
        codes=tuple(map(str, values)) if listed else None,
        low=float(min(numbers)) if numbers else None,
        high=float(max(numbers)) if numbers else None,
        decimals=_decimals(lookup, index) if column.type is ScalarType.DECIMAL else None,
        missing=missing,
    )


def _decimals(lookup: saved_definitions.Lookup, index: int) -> int:
    cells = (row[index] for row in lookup.rows)
    return max((len(str(v).partition(".")[2]) for v in cells if v is not None), default=0)


LOOKUP_WEIGHTS = "Numbers of a lookup are added up. Chosen weights can pack several counts into one figure."


def lookup_weight_reason(statistic: PlannedStatistic, symbols: SymbolTable) -> str | None:
    """Why a checker must review a figure that is computed from numbers of a lookup; None if it is not."""
    if statistic.measure not in MAGNITUDES | NON_ADDITIVE or statistic.argument is None:
        return None
    return (
        LOOKUP_WEIGHTS
        if any(symbols.origins[i].scan in symbols.written_rows for i in symbols.base(statistic.argument))
        else None
    )


def saved_definition(
    script_query: ScriptQuery, bound: BoundQuery | None, binder: Binder
) -> saved_definitions.Cohort | None:
    """Return the definition to save for a query: rows of persons, or public rows, with named columns. None if it is
    refused, or an output."""
    query, text = script_query.query, script_query.saved_text
    if bound is None or text is None:
        return None
    if not isinstance(bound, BoundRows) or (
        # rows without a person that read persons come from groups
        bound.person is None and any(map(binder.symbols.is_person, binder.symbols.tables))
    ):
        what = "groups" if isinstance(bound, BoundGroups) else "results of groups"
        message = f"You can save rows of people, but not {what}: groups are outputs."
        binder.diagnostics.add("kept-groups", message, "Save the rows, and write GROUP BY where you read them.", query)
        return None
    names = tuple(binder.original_spelling.get(name, name) for name in bound.columns)
    if any(n.startswith("#") or not n.isprintable() or not n.strip() or len(n) > 128 for n in names):
        message = "A column of a saved query has no plain name."
        binder.diagnostics.add("unnamed-column", message, "Write … AS name.", query)
        return None
    return saved_definitions.Cohort(script_query.name, binder.dialect.name, text, names)

"""The entry of the room: compiles a text, for a dialect, catalogue and project, to a plan, its uses and every refusal.
It does not judge grants: `broker.scope` does, from the uses. Bad input never raises."""

from dataclasses import dataclass, replace

from sqlglot import exp

from broker.domain.errors import Refusal
from broker.domain.plans.operators import Aggregate, Filter, Join, Limit, Window, scalars_of, walk
from broker.domain.plans.plan import KEY_STATISTIC, OutputColumn, Plan, PlannedOutput
from broker.domain.plans.scalars import Scalar, ScalarType, column_ids, conjuncts_of
from broker.domain.plans.variable_uses import Usage, VariableUse
from broker.domain.projects.project import ResearchProject
from broker.domain.projects.saved_definitions import NO_READABLE_DEFINITIONS, Cohort, ReadableDefinitions
from broker.policy.data_catalogue import Catalogue
from broker.policy.service_limits import ServiceLimits
from broker.query.analysis.collected_uses import merged_uses, uses_of, years_of
from broker.query.analysis.determined_keys import is_determined
from broker.query.analysis.group_key_domains import misused_quasi_identifier
from broker.query.analysis.released_expressions import CONSTANT, release_label
from broker.query.analysis.row_multiplicity import case_conditions
from broker.query.binder import saved_sources, select_binding, set_operations
from broker.query.binder.bind_state import Binder, BindingAborted
from broker.query.binder.saved_catalogue import SavedCatalogue
from broker.query.bound_relations import BindTarget, BoundGroups, BoundQuery, BoundRows, Ctes
from broker.query.diagnostics import NAMED, NO_POSITION, BindError, Diagnostics
from broker.query.dialects.known_dialects import find_dialect
from broker.query.name_resolution import Scope
from broker.query.output_planning import check_formulas, check_removal_evidence, plan_output
from broker.query.parser.script_reader import ScriptQuery, read_script
from broker.query.selectivity.selectivity_check import SelectivityCheck, SelectivityThreshold


@dataclass(frozen=True, slots=True)
class CompiledSql:
    """Result of compiling a text. `plan` is None exactly if there are refusals. `uses` cover the text as far as it
    resolves. `canonical` compiles, in the same dialect, to a plan with the same hash. `review` lists why a checker must
    review it."""

    plan: Plan | None
    uses: tuple[VariableUse, ...]
    refusals: tuple[Refusal, ...]
    canonical: str
    review: tuple[str, ...]
    saved_names: tuple[str, ...] = ()
    """Case-folded names of the project's saved definitions that were read."""


def compile_sql(
    text: str, dialect_name: str, catalogue: Catalogue, project: ResearchProject, service: ServiceLimits,
    threshold: int = 1, saved: ReadableDefinitions = NO_READABLE_DEFINITIONS, *, in_parts: bool = True,
    reach: SelectivityThreshold | None = None,
) -> CompiledSql:  # fmt: skip
    """Compile one submission; never raises for bad input.

    `threshold`: persons that a released cell needs. A query that asks only for smaller groups is refused. `saved`: the
    project's saved definitions. `in_parts`: the branches of a total are separate statistics, as disclosure control
    needs them. `reach`: look for parts of the text that could single people out; None: do not look."""
    diagnostics = Diagnostics(text.replace("\r\n", "\n"))
    dialect = find_dialect(dialect_name, diagnostics)
    try:
        script = read_script(text, dialect, service, diagnostics) if dialect is not None else None
    except RecursionError:  # sqlglot recurses, so a deeply nested text ends here
        diagnostics.add("too-deep", "The query is nested too deeply.", "Use WITH to name parts of the query.")
        script = None
    if dialect is None or script is None:
        return _refused_result(diagnostics)
    outputs: list[PlannedOutput] = []
    uses: list[tuple[VariableUse, ...]] = []
    advice: dict[str, None] = {}
    saved_catalogue = SavedCatalogue(service, saved)
    scans_left = service.max_scans  # of the whole text, not of each query
    reaching = SelectivityCheck(reach) if reach is not None else None
    for script_query in script.queries:
        binder = Binder(
            bind_query_node, dialect, catalogue, project, scans_left, threshold, diagnostics, saved_catalogue, in_parts
        )
        result, query_uses = _compile_query(script_query, binder, reaching)
        uses.append(query_uses)
        if isinstance(result, PlannedOutput):
            outputs.append(result)
        elif script_query.saved_text is not None:
            saved_catalogue.saved_here[script_query.name.casefold()] = result
        advice |= binder.advice
        scans_left -= len(binder.symbols.tables)
    together = merged_uses(uses)
    read = tuple(sorted(saved_catalogue.read_names))
    saved_queries = tuple(filter(None, saved_catalogue.saved_here.values()))
    advice |= dict.fromkeys(NO_YEAR.format(t) for t in sorted({u.table for u in together if u.years == frozenset()}))
    if diagnostics.refusals or not (outputs or saved_queries):
        return _refused_result(diagnostics, together, read)
    if reaching is not None:
        reports = zip(outputs, reaching.reports(), strict=True)
        outputs = [replace(o, small_parts=parts, counted=counted) for o, (parts, counted) in reports]
    plan = Plan(tuple(outputs), together, tuple(advice), _review_reasons(outputs), saved_queries)
    return CompiledSql(plan, together, (), script.canonical, plan.review, read)


def _refused_result(
    diagnostics: Diagnostics, uses: tuple[VariableUse, ...] = (), read: tuple[str, ...] = ()
) -> CompiledSql:
    return CompiledSql(None, uses, diagnostics.refusals, "", (), read)


def _compile_query(
    script_query: ScriptQuery, binder: Binder, reaching: SelectivityCheck | None
) -> tuple[PlannedOutput | Cohort | None, tuple[VariableUse, ...]]:
    """Compile one output or one saved query. Returns it (None if refused) and its uses. The diagnostics have its
    refusals."""
    diagnostics, symbols, is_saved = binder.diagnostics, binder.symbols, script_query.saved_text is not None
    before = len(diagnostics.refusals)
    binder.saved.within = (script_query.name.casefold(),) if is_saved else ()  # a saved query may not read itself
    try:
        bound = binder.bind_query(script_query.query, script_query.visible, None, BindTarget.GROUPS)
    except RecursionError:
        diagnostics.add("too-deep", "The query is nested too deeply.", "Use WITH to name parts of the query.")
        return None, ()
    except BindingAborted:
        return None, uses_of(symbols, years_of((), symbols))
    binder.impossible.report(diagnostics, binder.advice)
    saved_query = saved_sources.saved_definition(script_query, bound, binder)
    columns = _output_columns(bound, script_query, binder) if bound is not None and not is_saved else ()
    # complete relations last, because the last one decides the years of a scan
    relations = [*binder.partial_relations, *(t.rows.relation for t in binder.draft_tables)]
    years = years_of(relations, symbols)
    uses = uses_of(symbols, years)
    _check_quasi_identifiers(binder)
    if len(diagnostics.refusals) > before:
        return None, uses
    if is_saved or not isinstance(bound, BoundGroups):
        return saved_query, uses
    if reaching is not None:
        reaching.add_output(binder, years)
    output = plan_output(script_query.name, bound, columns, binder, years)
    return (output if check_removal_evidence(output, diagnostics, script_query.query) else None), uses


def bind_query_node(
    binder: Binder, node: exp.Expr, ctes: Ctes, outer_scope: Scope | None, target: BindTarget
) -> BoundQuery | None:
    """See `bind_state.BindNode`. Only this function knows every kind of query."""
    if isinstance(node, exp.Select):
        return select_binding.bind_select(binder, node, ctes, outer_scope, target)
    if isinstance(node, exp.SetOperation):
        return set_operations.bind_set_operation(binder, node, ctes, outer_scope, target)
    if isinstance(node, exp.Values):
        return set_operations.bind_values(binder, node, outer_scope)
    code, message, advice = NAMED.get(type(node), ("statement", "This is not a SELECT.", "Write one SELECT."))
    raise BindError(code, message, advice, node)


NO_YEAR = "Your conditions select no year of {}, so nobody is found. Check how the years of this table are written."
UNNAMED = "A column without a name is called column_ and its place. Write … AS name to name it."


def _output_columns(bound: BoundQuery, script_query: ScriptQuery, binder: Binder) -> tuple[OutputColumn, ...]:
    """Return the named columns of the output. The grammar of released expressions must allow each of them."""
    diagnostics, symbols = binder.diagnostics, binder.symbols
    query = script_query.query
    if isinstance(bound, BoundRows):
        for column in bound.columns.values():
            symbols.record_use(column, Usage.RELEASED)
        if bound.person is None and not any(symbols.is_person(s) for s in bound.scans):
            diagnostics.add(
                "no-person-table",
                "The query reads only public tables.",
                "Public tables are published, so you do not need a job.",
                query,
            )
        else:
            message = "The output has no aggregate of many people, so it would show rows."
            diagnostics.add("no-aggregate", message, "Add COUNT(*), SUM or AVG with GROUP BY.", query)
        return ()
    found: list[OutputColumn] = []
    kinds = {name: release_label(column, symbols.labels, symbols.definitions) for name, column in bound.columns.items()}
    for name, column in bound.columns.items():
        kind = kinds[name]
        spelling = binder.original_spelling.get(name, name)
        if name.startswith("#"):
            spelling = f"column_{name[1:]}"
            binder.advice[UNNAMED] = None
        if (
            not spelling.isprintable()
            or not spelling.strip()
            or len(spelling) > 128
            or spelling in {c.name for c in found}
        ):
            diagnostics.add("unnamed-column", "A column of the output has no plain name.", "Write … AS name.", query)
        elif kind is None:
            message = f"{spelling} could carry two figures in one number, so it cannot be released."
            diagnostics.add("packed-arithmetic", message, "Give each aggregate its own column.", query)
        # in a UNION, a constant labels the rows of a branch
        elif kind == CONSTANT and not isinstance(query, exp.SetOperation):
            diagnostics.add("constant-column", f"{spelling} is only a constant.", "Remove it.", query)
        else:
            found.append(OutputColumn(spelling, column, kind))
            if kind == KEY_STATISTIC:
                symbols.record_use(column, Usage.RELEASED)
    if found and None not in kinds.values() and all(c.is_key or c.statistic == CONSTANT for c in found):
        diagnostics.add("no-aggregate", "The output has no aggregate.", "Add COUNT(*), SUM or AVG.", query)
    made = (*symbols.definitions.values(), *(key for table in binder.draft_tables for key in table.keys))
    check_formulas(found, made, diagnostics, query)
    shown = {c.expression for c in found}
    if (
        found
        and not diagnostics.refusals  # the key may be missing because of an earlier refusal
        and any(k not in shown for k in bound.keys)  # Without its key, a row would be the row of an unknown group.
        and not _are_keys_shown(bound, shown, binder)
    ):
        diagnostics.add("hidden-key", "A key of GROUP BY is not a column of the output.", "Add it to SELECT.", query)
    return tuple(found)


def _are_keys_shown(bound: BoundGroups, shown: set[Scalar], binder: Binder) -> bool:
    """Whether every key is a column, a column is computed from it, or a key that is a column determines it."""
    read = {i for s in shown for i in _columns_behind(s, binder)}
    made = {column.ident: key for table in binder.draft_tables for key, column in table.keys.items()}
    known = [made[i] for i in read if i in made]
    return all(
        k.ident in read or (k.ident in made and is_determined(made[k.ident], known, binder.symbols)) for k in bound.keys
    )


def _columns_behind(scalar: Scalar, binder: Binder) -> set[int]:
    found = set(column_ids(scalar))
    for ident in list(found):
        if ident in binder.symbols.definitions:
            found |= _columns_behind(binder.symbols.definitions[ident], binder)
    return found


def _check_quasi_identifiers(binder: Binder) -> None:
    """Refuse quasi-identifiers that are compared with anything but written values and ranges, wherever rows are chosen
    or computed."""
    symbols = binder.symbols
    conditions = [
        c
        for t in binder.draft_tables
        for s in t.statistics.entries
        if s.argument is not None
        for c in case_conditions(s.argument)
    ]
    for relation in [*binder.partial_relations[-1:], *(t.rows.relation for t in binder.draft_tables)]:
        for part in walk(relation):
            if isinstance(part, Filter | Join):
                conditions += [c for s in scalars_of(part) for c in conjuncts_of(s)]
            elif isinstance(part, Aggregate | Window | Limit):
                conditions += scalars_of(part)
    for condition in conditions:
        quasi = misused_quasi_identifier(condition, symbols)
        if quasi is not None:
            message = f"{quasi.full_name} is a quasi-identifier, so you cannot compute with it."
            advice = "Compare the variable with written values or ranges."
            position = next(symbols.positions.get(i, NO_POSITION) for i, o in symbols.origins.items() if o == quasi)
            binder.diagnostics.add("quasi-arithmetic", message, advice, position, quasi.full_name)


def _review_reasons(outputs: list[PlannedOutput]) -> tuple[str, ...]:
    free = "A key is free text, so the rows of the table come from the data."
    tables = [t for o in outputs for t in o.tables]
    found = [
        free
        for t in tables
        if t.shown
        for k in t.keys
        if k.domain is None and k.type is ScalarType.TEXT and k.variable is not None
    ]
    found += [s.needs_review for t in tables for s in t.statistics if s.needs_review]
    return tuple(dict.fromkeys(found + [p.placed for o in outputs for p in o.small_parts if not p.counted]))

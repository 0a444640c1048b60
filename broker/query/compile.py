"""The public face of the room: a text, a dialect, a catalogue and a project to a plan, its uses and every refusal.

Grants are not judged here: `broker.scope` does that from the uses. Nothing here raises for what a text says.
"""

from dataclasses import dataclass, replace

from sqlglot import exp

from broker.domain.errors import Refusal
from broker.domain.plans.operators import Aggregate, Filter, Join, Limit, Window, scalars_of, walk
from broker.domain.plans.plan import KEY_STATISTIC, OutputColumn, Plan, PlannedOutput, SavedQuery
from broker.domain.plans.scalars import Scalar, ScalarType, column_ids
from broker.domain.plans.variable_uses import Usage, VariableUse
from broker.domain.projects.project import ResearchProject
from broker.domain.projects.saved_definitions import NO_READABLE_DEFINITIONS, ReadableDefinitions
from broker.policy.data_catalogue import Catalogue
from broker.policy.service_limits import ServiceLimits
from broker.query.analysis.collected_uses import merged_uses, uses_of, years_of
from broker.query.analysis.group_key_domains import case_conditions, misused_quasi_identifier
from broker.query.analysis.released_expressions import CONSTANT, release_label
from broker.query.binder import saved_sources
from broker.query.binder.bind_state import Binder, BindingAborted
from broker.query.binder.query_binder import bind_query_node
from broker.query.binder.saved_catalogue import SavedCatalogue
from broker.query.bound_relations import BindTarget, BoundGroups, BoundQuery, BoundRows, conjuncts_of
from broker.query.diagnostics import NO_POSITION, Diagnostics
from broker.query.dialects.known_dialects import find_dialect
from broker.query.output_planning import check_formulas, check_removal_evidence, plan_output
from broker.query.parser.scanner import scan_text
from broker.query.parser.script_reader import ScriptQuery, read_script
from broker.query.selectivity.selectivity_check import SelectivityCheck, SelectivityThreshold


@dataclass(frozen=True, slots=True)
class CompiledSql:
    """What a text comes to. `plan` is None exactly if there are refusals; `uses` are told as far as the text resolves;
    `canonical` compiles, under the same dialect, to a plan with the same hash; `review` says why a person will look."""

    plan: Plan | None
    uses: tuple[VariableUse, ...]
    refusals: tuple[Refusal, ...]
    canonical: str
    review: tuple[str, ...]
    saved_names: tuple[str, ...] = ()
    """Folded names of the project's kept things that were read."""


def compile_sql(
    text: str, dialect_name: str, catalogue: Catalogue, project: ResearchProject, service: ServiceLimits,
    threshold: int = 1, saved: ReadableDefinitions = NO_READABLE_DEFINITIONS, *, in_parts: bool = True,
    reach: SelectivityThreshold | None = None,
) -> CompiledSql:  # fmt: skip
    """Compiles one submission; never raises for bad input. `threshold` is the number of persons that a released cell
    needs: a query that asks for smaller groups alone is refused. `saved` is what the project keeps. `in_parts`: the
    branches of a total are statistics of their own, as disclosure control needs them. `reach`: parts of the text that
    could single people out are looked for; nobody looks without it."""
    diagnostics = Diagnostics(text.replace("\r\n", "\n"))
    dialect = find_dialect(dialect_name, diagnostics)
    scanned = scan_text(text, dialect, service, diagnostics) if dialect is not None else None
    if dialect is None or scanned is None:
        return _refused_result(diagnostics)
    try:
        script = read_script(scanned, dialect, service, diagnostics)
    except RecursionError:
        diagnostics.add("too-deep", "The query is nested too deeply.", "Use WITH to name the parts.")
        return _refused_result(diagnostics)
    if script is None:
        return _refused_result(diagnostics)
    outputs: list[PlannedOutput] = []
    uses: list[tuple[VariableUse, ...]] = []
    advice: dict[str, None] = {}
    saved_queries: list[SavedQuery] = []
    saved_catalogue = SavedCatalogue(service, saved)
    scans = 0
    reaching = SelectivityCheck(reach) if reach is not None else None
    for script_query in script.queries:
        binder = Binder(
            bind_query_node,
            dialect,
            catalogue,
            project,
            service.max_scans - scans,
            threshold,
            diagnostics,
            saved_catalogue,
            in_parts=in_parts,
        )
        result, query_uses = _compile_query(script_query, binder, reaching)
        uses.append(query_uses)
        if isinstance(result, PlannedOutput):
            outputs.append(result)
        elif script_query.saved_as is not None:
            saved_queries += saved_catalogue.record(script_query, result)
        advice |= binder.advice
        scans += len(binder.symbols.tables)
    together = merged_uses(uses)
    read = tuple(sorted(saved_catalogue.read_names))
    advice |= dict.fromkeys(NO_YEAR.format(t) for t in sorted({u.table for u in together if u.years == frozenset()}))
    if diagnostics.refusals or not (outputs or saved_queries):
        return _refused_result(diagnostics, together, read)
    if reaching is not None:
        outputs = [replace(o, small_parts=p) for o, p in zip(outputs, reaching.small_parts(), strict=True)]
    plan = Plan(tuple(outputs), together, tuple(advice), _review_reasons(outputs), tuple(saved_queries))
    return CompiledSql(plan, together, (), script.canonical, plan.review, read)


def _refused_result(
    diagnostics: Diagnostics, uses: tuple[VariableUse, ...] = (), read: tuple[str, ...] = ()
) -> CompiledSql:
    return CompiledSql(None, uses, diagnostics.refusals, "", (), read)


def _compile_query(
    script_query: ScriptQuery, binder: Binder, reaching: SelectivityCheck | None
) -> tuple[PlannedOutput | SavedQuery | None, tuple[VariableUse, ...]]:
    """One output, or one kept query, and its uses; the report has what is wrong with it."""
    before = len(binder.diagnostics.refusals)
    binder.saved.within = (script_query.name.casefold(),) if script_query.saved_as is not None else ()
    try:
        bound = binder.bind_query(
            script_query.query, saved_sources.temporary_ctes(script_query.visible), None, BindTarget.GROUPS
        )
    except RecursionError:
        binder.diagnostics.add("too-deep", "The query is nested too deeply.", "Use WITH to name the parts.")
        return None, ()
    except BindingAborted:
        return None, uses_of(binder.symbols, years_of((), binder.symbols))
    saved_query = (
        saved_sources.saved_definition(script_query, bound, binder) if script_query.saved_as is not None else None
    )
    columns = (
        _output_columns(bound, script_query, binder) if bound is not None and script_query.saved_as is None else ()
    )
    symbols = binder.symbols
    relations = [*binder.partial_relations, *(t.rows.relation for t in binder.draft_tables)]
    years = years_of(relations, symbols)
    uses = uses_of(symbols, years)
    _check_quasi_identifiers(binder)
    if (
        script_query.saved_as is not None
        or not isinstance(bound, BoundGroups)
        or len(binder.diagnostics.refusals) > before
    ):
        return saved_query if len(binder.diagnostics.refusals) == before else None, uses
    if reaching is not None:
        reaching.add_output(binder, years)
    output = plan_output(script_query.name, bound, columns, binder, years)
    return (output if check_removal_evidence(output, binder.diagnostics, script_query.query) else None), uses


NO_YEAR = "No year of {} meets the conditions, so nobody is found; look how its years are written."
UNNAMED = "Columns without a name are called column_ and their place; write … AS name."


def _output_columns(bound: BoundQuery, script_query: ScriptQuery, binder: Binder) -> tuple[OutputColumn, ...]:
    """The named columns of the output, each of which the grammar releases."""
    diagnostics, symbols = binder.diagnostics, binder.symbols
    position = diagnostics.position_of(script_query.query)
    if isinstance(bound, BoundRows):
        for column in bound.columns.values():
            symbols.record_use(column, Usage.RELEASED)
        if bound.person is None and not any(symbols.is_person(s) for s in bound.scans):
            diagnostics.add(
                "no-person-table", "Only public tables are read.", "They are published: no job is needed.", position
            )
        else:
            message = "The output has no aggregate of many people, so it shows rows."
            diagnostics.add("no-aggregate", message, "Add COUNT(*), SUM or AVG with GROUP BY.", position)
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
            diagnostics.add("unnamed-column", "A column of the output has no plain name.", "Write … AS name.", position)
        elif kind is None:
            message = f"{spelling}: only aggregates, their ratios, differences and multiples by constants are released."
            diagnostics.add("packed-arithmetic", message, "Give each aggregate a column of its own.", position)
        elif kind == CONSTANT and not isinstance(script_query.query, exp.SetOperation):
            diagnostics.add("constant-column", f"{spelling} is only a constant.", "Leave it out.", position)
        else:
            found.append(OutputColumn(spelling, column, kind))
            if kind == KEY_STATISTIC:
                symbols.record_use(column, Usage.RELEASED)
    if found and None not in kinds.values() and all(c.is_key or c.statistic == CONSTANT for c in found):
        diagnostics.add("no-aggregate", "The output has no aggregate.", "Add COUNT(*), SUM or AVG.", position)
    made = (*symbols.definitions.values(), *(key for table in binder.draft_tables for key in table.keys))
    check_formulas(found, made, diagnostics, position)
    shown = {c.expression for c in found}
    if (
        found
        and not diagnostics.refusals
        and any(k not in shown for k in bound.keys)
        and not _are_keys_shown(bound, shown, binder)
    ):
        diagnostics.add("hidden-key", "A key of GROUP BY is not a column of the output.", "Add it to SELECT.", position)
    return tuple(found)


def _are_keys_shown(bound: BoundGroups, shown: set[Scalar], binder: Binder) -> bool:
    """Whether every key is a column, or what a column is computed from."""
    read = {i for s in shown for i in _columns_behind(s, binder)}
    return all(k.ident in read for k in bound.keys)


def _columns_behind(scalar: Scalar, binder: Binder) -> set[int]:
    found = set(column_ids(scalar))
    for ident in list(found):
        if ident in binder.symbols.definitions:
            found |= _columns_behind(binder.symbols.definitions[ident], binder)
    return found


def _check_quasi_identifiers(binder: Binder) -> None:
    """Quasi-identifiers are compared with written values and ranges only, wherever rows are chosen or computed."""
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
            message = f"{quasi.full_name} is a quasi-identifier and is computed with."
            advice = "Compare it with written values or ranges."
            position = next(symbols.positions.get(i, NO_POSITION) for i, o in symbols.origins.items() if o == quasi)
            binder.diagnostics.add("quasi-arithmetic", message, advice, position, quasi.full_name)


def _review_reasons(outputs: list[PlannedOutput]) -> tuple[str, ...]:
    free = "A key is free text: the rows of the table come from the data."
    tables = [t for o in outputs for t in o.tables]
    found = [
        free
        for t in tables
        if t.shown
        for k in t.keys
        if k.domain is None and k.type is ScalarType.TEXT and k.variable is not None
    ]
    found += [s.needs_review for t in tables for s in t.statistics if s.needs_review]
    return tuple(dict.fromkeys(found + [p.placed for o in outputs for p in o.small_parts]))

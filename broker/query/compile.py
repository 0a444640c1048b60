"""The public face of the room: a text, a dialect, a catalogue and a project to a plan, its uses and every refusal.

Grants are not judged here: `broker.scope` does that from the uses. Nothing here raises for what a text says.
"""

from dataclasses import dataclass, replace

from sqlglot import exp

from broker.domain.errors import Refusal
from broker.domain.plans import (
    KEY,
    Kept,
    OutputColumn,
    Plan,
    PlannedOutput,
)
from broker.domain.projects import Project
from broker.domain.relations import Filter, Gather, Join, Limit, Over, scalars_of, walk
from broker.domain.saved import NOTHING, Saved
from broker.domain.scalars import Scalar, Type, columns_of
from broker.domain.variables import How, Use
from broker.policy.catalogue import Catalogue
from broker.policy.service import Service
from broker.query.binder import Binder, Enough
from broker.query.formulas import check_formulas
from broker.query.groups.grammar import CONSTANT, label
from broker.query.groups.keys import conditions_of, misused_quasi
from broker.query.kinds import Bound, Groups, Rows, Want, conjuncts_of
from broker.query.planned import output_of
from broker.query.reach.parts import Reach, Reaching
from broker.query.refusing import NOWHERE, Report
from broker.query.rows import keeping
from broker.query.rows.standing_in import shows_who_moves
from broker.query.script.reading import Asked, read_script
from broker.query.text.looks import look
from broker.query.text.parse import DIALECTS
from broker.query.uses import merged, uses_of
from broker.query.years import years_of


@dataclass(frozen=True, slots=True)
class Compiled:
    """What a text comes to. `plan` is None exactly if there are refusals; `uses` are told as far as the text resolves;
    `canonical` compiles, under the same dialect, to a plan with the same hash; `review` says why a person will look."""

    plan: Plan | None
    uses: tuple[Use, ...]
    refusals: tuple[Refusal, ...]
    canonical: str
    review: tuple[str, ...]
    read: tuple[str, ...] = ()
    """Folded names of the project's kept things that were read."""


def compile_sql(
    text: str, dialect: str, catalogue: Catalogue, project: Project, service: Service, least: int = 1,
    saved: Saved = NOTHING, *, in_parts: bool = True, reach: Reach | None = None,
) -> Compiled:  # fmt: skip
    """Compiles one submission; never raises for bad input. `least` is the number of persons that a released cell needs:
    a query that asks for smaller groups alone is refused. `saved` is what the project keeps.
    `in_parts`: the branches of a total are statistics of their own, as disclosure control needs them.
    `reach`: parts of the text that could single people out are looked for; nobody looks without it."""
    report = Report(text.replace("\r\n", "\n"))
    if dialect not in DIALECTS:
        report.add("dialect", "This dialect is not understood.", f"Write {' or '.join(DIALECTS)}.")
        return _refused(report)
    looked = look(text, dialect, service, report)
    if looked is None:
        return _refused(report)
    try:
        script = read_script(looked, dialect, service, report)
    except RecursionError:
        report.add("too-deep", "The query is nested too deeply.", "Use WITH to name the parts.")
        return _refused(report)
    if script is None:
        return _refused(report)
    outputs: list[PlannedOutput] = []
    uses: list[tuple[Use, ...]] = []
    advice: dict[str, None] = {}
    kept: list[Kept] = []
    keep = keeping.Keep(service, saved)
    scans = 0
    reaching = Reaching(reach) if reach is not None else None
    for asked in script.asked:
        binder = Binder(dialect, catalogue, project, service.max_scans - scans, least, report, keep, in_parts=in_parts)
        made, found = _compiled(asked, binder, reaching)
        uses.append(found)
        if isinstance(made, PlannedOutput):
            outputs.append(made)
        elif asked.keep is not None:
            kept += keep.noted(asked, made)
        advice |= binder.advice
        scans += len(binder.book.tables)
    together = merged(uses)
    read = tuple(sorted(keep.read))
    advice |= dict.fromkeys(NO_YEAR.format(t) for t in sorted({u.table for u in together if u.years == frozenset()}))
    if report.refusals or not (outputs or kept):
        return _refused(report, together, read)
    if reaching is not None:
        outputs = [replace(o, small_parts=p) for o, p in zip(outputs, reaching.parts(), strict=True)]
    plan = Plan(tuple(outputs), together, tuple(advice), _review(outputs), tuple(kept))
    return Compiled(plan, together, (), script.canonical, plan.review, read)


def _refused(report: Report, uses: tuple[Use, ...] = (), read: tuple[str, ...] = ()) -> Compiled:
    return Compiled(None, uses, report.refusals, "", (), read)


def _compiled(
    asked: Asked, binder: Binder, reaching: Reaching | None
) -> tuple[PlannedOutput | Kept | None, tuple[Use, ...]]:
    """One output, or one kept query, and its uses; the report has what is wrong with it."""
    before = len(binder.report.refusals)
    binder.keep.within = (asked.name.casefold(),) if asked.keep is not None else ()
    try:
        bound = binder.query(asked.query, keeping.known_tables(asked.seen), None, Want.GROUPS)
    except RecursionError:
        binder.report.add("too-deep", "The query is nested too deeply.", "Use WITH to name the parts.")
        return None, ()
    except Enough:
        return None, uses_of(binder.book, years_of((), binder.book))
    kept = keeping.kept(asked, bound, binder) if asked.keep is not None else None
    columns = _columns(bound, asked, binder) if bound is not None and asked.keep is None else ()
    book = binder.book
    relations = [*binder.loose, *(t.rows.relation for t in binder.tables)]
    years = years_of(relations, book)
    uses = uses_of(book, years)
    _check_quasi(binder)
    if asked.keep is not None or not isinstance(bound, Groups) or len(binder.report.refusals) > before:
        return kept if len(binder.report.refusals) == before else None, uses
    if reaching is not None:
        reaching.look(binder, years)
    output = output_of(asked.name, bound, columns, binder, years)
    return (output if shows_who_moves(output, binder.report, asked.query) else None), uses


NO_YEAR = "No year of {} meets the conditions, so nobody is found; look how its years are written."
UNNAMED = "Columns without a name are called column_ and their place; write … AS name."


def _columns(bound: Bound, asked: Asked, binder: Binder) -> tuple[OutputColumn, ...]:
    """The named columns of the output, each of which the grammar releases."""
    report, book = binder.report, binder.book
    place = report.place(asked.query)
    if isinstance(bound, Rows):
        for column in bound.columns.values():
            book.note(column, How.RELEASED)
        if bound.person is None and not any(book.is_person(s) for s in bound.scans):
            report.add(
                "no-person-table", "Only public tables are read.", "They are published: no job is needed.", place
            )
        else:
            message = "The output has no aggregate of many people, so it shows rows."
            report.add("no-aggregate", message, "Add COUNT(*), SUM or AVG with GROUP BY.", place)
        return ()
    found: list[OutputColumn] = []
    kinds = {name: label(column, book.labels, book.definitions) for name, column in bound.columns.items()}
    for name, column in bound.columns.items():
        kind = kinds[name]
        spelt = binder.spelt.get(name, name)
        if name.startswith("#"):
            spelt = f"column_{name[1:]}"
            binder.advice[UNNAMED] = None
        if not spelt.isprintable() or not spelt.strip() or len(spelt) > 128 or spelt in {c.name for c in found}:
            report.add("unnamed-column", "A column of the output has no plain name.", "Write … AS name.", place)
        elif kind is None:
            message = f"{spelt}: only aggregates, their ratios, differences and multiples by constants are released."
            report.add("packed-arithmetic", message, "Give each aggregate a column of its own.", place)
        elif kind == CONSTANT and not isinstance(asked.query, exp.SetOperation):
            report.add("constant-column", f"{spelt} is only a constant.", "Leave it out.", place)
        else:
            found.append(OutputColumn(spelt, column, kind))
            if kind == KEY:
                book.note(column, How.RELEASED)
    if found and None not in kinds.values() and all(c.is_key or c.statistic == CONSTANT for c in found):
        report.add("no-aggregate", "The output has no aggregate.", "Add COUNT(*), SUM or AVG.", place)
    made = (*book.definitions.values(), *(key for table in binder.tables for key in table.keys))
    check_formulas(found, made, report, place)
    shown = {c.expression for c in found}
    if (
        found
        and not report.refusals
        and any(k not in shown for k in bound.keys)
        and not _is_shown(bound, shown, binder)
    ):
        report.add("hidden-key", "A key of GROUP BY is not a column of the output.", "Add it to SELECT.", place)
    return tuple(found)


def _is_shown(bound: Groups, shown: set[Scalar], binder: Binder) -> bool:
    """Whether every key is a column, or what a column is computed from."""
    read = {i for s in shown for i in _through(s, binder)}
    return all(k.ident in read for k in bound.keys)


def _through(scalar: Scalar, binder: Binder) -> set[int]:
    found = set(columns_of(scalar))
    for ident in list(found):
        if ident in binder.book.definitions:
            found |= _through(binder.book.definitions[ident], binder)
    return found


def _check_quasi(binder: Binder) -> None:
    """Quasi-identifiers are compared with written values and ranges only, wherever rows are chosen or computed."""
    book = binder.book
    conditions = [
        c
        for t in binder.tables
        for s in t.statistics.found
        if s.argument is not None
        for c in conditions_of(s.argument)
    ]
    for relation in [*binder.loose[-1:], *(t.rows.relation for t in binder.tables)]:
        for part in walk(relation):
            if isinstance(part, Filter | Join):
                conditions += [c for s in scalars_of(part) for c in conjuncts_of(s)]
            elif isinstance(part, Gather | Over | Limit):
                conditions += scalars_of(part)
    for condition in conditions:
        quasi = misused_quasi(condition, book)
        if quasi is not None:
            message = f"{quasi.full_name} is a quasi-identifier and is computed with."
            advice = "Compare it with written values or ranges."
            place = next(book.places.get(i, NOWHERE) for i, o in book.origins.items() if o == quasi)
            binder.report.add("quasi-arithmetic", message, advice, place, quasi.full_name)


def _review(outputs: list[PlannedOutput]) -> tuple[str, ...]:
    free = "A key is free text: the rows of the table come from the data."
    tables = [t for o in outputs for t in o.tables]
    found = [
        free
        for t in tables
        if t.shown
        for k in t.keys
        if k.domain is None and k.type is Type.TEXT and k.variable is not None
    ]
    found += [s.needs_review for t in tables for s in t.statistics if s.needs_review]
    return tuple(dict.fromkeys(found + [p.placed for o in outputs for p in o.small_parts]))

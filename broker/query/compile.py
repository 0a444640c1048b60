"""The public face of the room: a text, a dialect, a catalogue and a project to a plan, its uses and every refusal.

Grants are not judged here: `broker.scope` does that from the uses. Nothing here raises for what a text says.
"""

from dataclasses import dataclass, replace

from sqlglot import exp

from broker.domain.errors import Refusal
from broker.domain.plans import (
    KEY,
    Kept,
    Measure,
    OutputColumn,
    Plan,
    PlannedOutput,
    PlannedTable,
    PublicRows,
    Statistic,
)
from broker.domain.projects import Project
from broker.domain.relations import Filter, Gather, Join, Limit, Over, Relation, scalars_of, walk
from broker.domain.saved import NOTHING, Saved
from broker.domain.scalars import Scalar, Type, columns_of
from broker.domain.variables import How, Use, Years
from broker.policy.catalogue import Catalogue
from broker.policy.service import Service
from broker.policy.tables import Unit
from broker.query.binder import Binder, Enough
from broker.query.book import Book
from broker.query.groups.grammar import CONSTANT, label
from broker.query.groups.implied import implied
from broker.query.groups.keys import conditions_of, key_of, misused_quasi
from broker.query.groups.statistics import DraftTable
from broker.query.guards import guards_of
from broker.query.kinds import Bound, Groups, Rows, Want, conjuncts_of, has_context
from broker.query.refusing import NOWHERE, Report
from broker.query.rendering.finish import finished
from broker.query.rendering.standing import GATHERED, Gathered, instead
from broker.query.rows import keeping
from broker.query.rows.gathering import CONTEXT
from broker.query.rows.multiplying import multiplies
from broker.query.script.reading import Asked, read_script
from broker.query.text.looks import look
from broker.query.text.parse import DIALECTS
from broker.query.uses import merged, uses_of
from broker.query.years import columns_in, years_of


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
    saved: Saved = NOTHING,
) -> Compiled:  # fmt: skip
    """Compiles one submission; never raises for bad input. `least` is the number of persons that a released cell needs:
    a query that asks for smaller groups alone is refused. `saved` is what the project keeps."""
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
    for asked in script.asked:
        binder = Binder(dialect, catalogue, project, service.max_scans - scans, least, report, keep)
        made, found = _compiled(asked, binder)
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
    plan = Plan(tuple(outputs), together, tuple(advice), _review(outputs), tuple(kept))
    return Compiled(plan, together, (), script.canonical, plan.review, read)


def _refused(report: Report, uses: tuple[Use, ...] = (), read: tuple[str, ...] = ()) -> Compiled:
    return Compiled(None, uses, report.refusals, "", (), read)


def _compiled(asked: Asked, binder: Binder) -> tuple[PlannedOutput | Kept | None, tuple[Use, ...]]:
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
    output = _output(asked.name, bound, columns, binder, years)
    return (output if _shows_who_moves(output, asked, binder) else None), uses


def _shows_who_moves(output: PlannedOutput, asked: Asked, binder: Binder) -> bool:
    """Whether evidence can tell of each person how far every figure would move without them."""
    try:
        for table in output.tables:
            instead(table.contributions)
    except Gathered:
        binder.report.add("public-rows", *GATHERED, binder.report.place(asked.query))
        return False
    return True


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


def _output(
    name: str, bound: Groups, columns: tuple[OutputColumn, ...], binder: Binder, years: dict[int, Years | None]
) -> PlannedOutput:
    book = binder.book
    behind = [t for d in binder.tables for t in implied(d.rows.relation, book)]
    unique = {(t.contributions, tuple(k.expression for k in t.keys)): t for t in behind}
    shown = tuple(_table(d, binder, years) for d in binder.tables)
    hidden = tuple(replace(t, contributions=finished(t.contributions, book, years)) for t in unique.values())
    units = {u.value for d in binder.tables if d.rows.person is not None for u in _units(d.rows, book)}
    unit = units.pop() if len(units) == 1 else "person"
    public = tuple(_public(rows, binder, years) for rows in binder.public)
    return PlannedOutput(name, unit, (*shown, *hidden), bound.program, columns, public)


def _public(rows: Rows, binder: Binder, years: dict[int, Years | None]) -> PublicRows:
    """A public relation with the columns that are used of it: those of its SELECT list, or of its table."""
    book = binder.book
    given = [(c.ident, c.type) for c in rows.columns.values()]
    of_table = ((i, o.variable.type) for s in sorted(rows.scans) for i, o in book.columns_of_scan(s) if i in book.how)
    used = given or list(of_table)
    return PublicRows(finished(rows.relation, book, years), tuple(dict.fromkeys(used)))


def _units(rows: Rows, book: Book) -> list[Unit]:
    return [u for s in sorted(rows.scans) if book.is_person(s) and (u := book.tables[s].unit) is not None][:1]


def _table(draft: DraftTable, binder: Binder, years: dict[int, Years | None]) -> PlannedTable:
    book, relation = binder.book, draft.rows.relation
    guards = guards_of(relation, columns_in(book))
    assert draft.rows.person is not None
    keys = tuple(key_of(c.ident, e, book, years, guards) for e, c in draft.keys.items())
    statistics = _statistics(relation, draft.statistics.found, book)
    return PlannedTable(finished(relation, book, years), draft.rows.person, keys, statistics)


def _statistics(relation: Relation, found: list[Statistic], book: Book) -> tuple[Statistic, ...]:
    """A person looks where conditions choose how many rows a person has (at everything but counts of persons), and
    where other people are in a value."""
    context = CONTEXT if has_context(relation) else None
    why = multiplies(relation, book)
    marked = []
    for statistic in found:
        rows_count = statistic.behind is None and statistic.measure is not Measure.COUNT_PERSONS
        reason = statistic.needs_review or context or (why if rows_count else None) or keeping.weighs(statistic, book)
        marked.append(replace(statistic, needs_review=reason))
    return tuple(marked)


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
    return tuple(dict.fromkeys(found + [s.needs_review for t in tables for s in t.statistics if s.needs_review]))

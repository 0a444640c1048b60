"""The public face of the room: a text, a dialect, a catalogue and a project to a plan, its uses and every refusal.

Grants are not judged here: `broker.scope` does that from the uses. Nothing here raises for what a text says.
"""

from dataclasses import dataclass, replace

from sqlglot import exp

from broker.domain.errors import Refusal
from broker.domain.plans import Measure, Plan, PlannedOutput, Statistic
from broker.domain.projects import Project
from broker.domain.relations import Filter, Relation
from broker.domain.scalars import Type
from broker.domain.variables import Use, Years
from broker.policy.models import Catalogue, Service
from broker.query.bind import TOP, Binder, set_operation
from broker.query.book import Book
from broker.query.finish import finished
from broker.query.keys import conditions_of, key_of, misused_quasi
from broker.query.kinds import Built, conjuncts_of
from broker.query.looks import look
from broker.query.meaning import Meaning
from broker.query.multiplying import multiplies
from broker.query.outputs import Drafted, Drafter
from broker.query.parse import DIALECTS, canonical_text, parse
from broker.query.refusing import NOWHERE, Report
from broker.query.uses import uses_of
from broker.query.years import guards_of, years_of


@dataclass(frozen=True, slots=True)
class Compiled:
    """What a text comes to. `plan` is None exactly if there are refusals; `uses` are told as far as the text resolves;
    `canonical` compiles, under the same dialect, to a plan with the same hash; `review` says why a person will look."""

    plan: Plan | None
    uses: tuple[Use, ...]
    refusals: tuple[Refusal, ...]
    canonical: str
    review: tuple[str, ...]


def compile_sql(text: str, dialect: str, catalogue: Catalogue, project: Project, service: Service) -> Compiled:
    """Compiles one submission; never raises for bad input."""
    report = Report(text.replace("\r\n", "\n"))
    if dialect not in DIALECTS:
        report.add("dialect", "This dialect is not understood.", f"Write {' or '.join(DIALECTS)}.")
        return _refused(report)
    looked = look(text, service, report)
    if looked is None:
        return _refused(report)
    tree = parse(looked, dialect, report)
    if tree is None:
        return _refused(report)
    binder = Binder(dialect, catalogue, project.default_schema, service.max_scans, report)
    try:
        return _compiled(tree.unnest(), binder, looked.output)
    except RecursionError:
        report.add("too-deep", "The query is nested too deeply.", "Use WITH to name the parts.")
        return _refused(report)


def _refused(report: Report, uses: tuple[Use, ...] = ()) -> Compiled:
    return Compiled(None, uses, report.refusals, "", ())


def _compiled(tree: exp.Expr, binder: Binder, name: str) -> Compiled:
    report, book = binder.report, binder.book
    if not isinstance(tree, exp.Select):
        report.stopped(set_operation(tree))
        binder.uses_only(tree, {})
        return _refused(report, uses_of(book, years_of(None, book)))
    binder.check_clauses(tree, TOP)
    built, rows = binder.body(tree, {})
    drafted = Drafter(binder, rows, tree).draft()
    _note_refused_clauses(tree, binder, rows)
    years = years_of(built.relation if built else None, book)
    uses = uses_of(book, years)
    if built is not None:
        _check_quasi(built.relation, drafted, binder)
        if built.person is None:
            report.add("no-person-table", "Only public tables are read.", "They are published: no job is needed.")
    if report.refusals or built is None or built.person is None:
        return _refused(report, uses)
    output = _output(name, built, drafted, binder, years)
    plan = Plan((output,), uses, _advice(output), _review(output))
    return Compiled(plan, uses, (), canonical_text(tree, binder.dialect, name), plan.review)


def _note_refused_clauses(tree: exp.Select, binder: Binder, rows: Meaning) -> None:
    """Clauses that are refused whole are still searched for uses."""
    for key in ("having", "qualify"):
        clause = tree.args.get(key)
        if clause is not None:
            binder.note_clause(rows, clause)


def _check_quasi(relation: Relation, drafted: Drafted, binder: Binder) -> None:
    """Quasi-identifiers are compared with written values and ranges only, wherever rows are chosen."""
    conditions = [c for s in drafted.statistics.found if s.argument is not None for c in conditions_of(s.argument)]
    for part in _relations(relation):
        conditions += conjuncts_of(part.predicate if isinstance(part, Filter) else getattr(part, "on", None))
    for condition in conditions:
        quasi = misused_quasi(condition, binder.book)
        if quasi is not None:
            message = f"{quasi.full_name} is a quasi-identifier and is computed with."
            advice = "Compare it with written values or ranges."
            place = next(binder.book.places.get(i, NOWHERE) for i, o in binder.book.origins.items() if o == quasi)
            binder.report.add("quasi-arithmetic", message, advice, place, quasi.full_name)


def _relations(relation: Relation) -> list[Relation]:
    found, stack = [], [relation]
    while stack:
        part = stack.pop()
        found.append(part)
        stack += [c for n in ("child", "left", "right") if (c := getattr(part, n, None)) is not None]
    return found


def _output(name: str, built: Built, drafted: Drafted, binder: Binder, years: dict[int, Years | None]) -> PlannedOutput:
    book = binder.book
    guards = guards_of(built.relation, book)
    assert built.person is not None
    unit = book.tables[built.person].unit
    keys = tuple(key_of(c.ident, e, book, years, guards) for e, c in drafted.keys.items())
    return PlannedOutput(
        name, unit.value if unit else "person", finished(built.relation, book, years), built.person, keys,
        _statistics(built, drafted, book), tuple(drafted.columns), tuple(drafted.order),
    )  # fmt: skip


def _statistics(built: Built, drafted: Drafted, book: Book) -> tuple[Statistic, ...]:
    """Where conditions choose how many rows a person has, a person looks at everything but counts of persons."""
    why = multiplies(built.relation, book)
    found = drafted.statistics.found
    if why is None:
        return tuple(found)
    safe = [s.behind is not None or s.measure is Measure.COUNT_PERSONS for s in found]
    return tuple(s if ok else replace(s, needs_review=s.needs_review or why) for s, ok in zip(found, safe, strict=True))


def _advice(output: PlannedOutput) -> tuple[str, ...]:
    if any(s.truncated for s in output.statistics):
        return ("AVG of whole numbers is truncated, as in T-SQL; write AVG(1.0 * x) for a fraction.",)
    return ()


def _review(output: PlannedOutput) -> tuple[str, ...]:
    free = "A key is free text: the rows of the table come from the data."
    found = [free for k in output.keys if k.domain is None and k.type is Type.TEXT and k.variable is not None]
    return tuple(dict.fromkeys(found + [s.needs_review for s in output.statistics if s.needs_review]))

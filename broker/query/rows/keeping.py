"""What a project keeps, as FROM reads it: a cohort is bound anew from its text like a CTE, a lookup is written rows.
And whether a query may be kept. No grants, and no name of another project."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlglot import exp

from broker.domain.nearest import did_you_mean
from broker.domain.plans import Kept, Measure, Statistic
from broker.domain.relations import Scan
from broker.domain.saved import NOTHING, SCHEMA, Cohort, Lookup, Saved
from broker.domain.scalars import Type
from broker.domain.variables import VariableClass
from broker.policy.service import Service
from broker.policy.tables import Table, TableKind
from broker.policy.variables import Variable
from broker.query.book import Book
from broker.query.kinds import Bound, Ctes, Groups, Known, Rows
from broker.query.refusing import FOLLOWS, Report, Stop
from broker.query.resolve import Found, Names, is_plain
from broker.query.scalars.meaning import check_arguments
from broker.query.script.reading import Asked, Definition, read_script
from broker.query.text.looks import look
from broker.query.text.parse import DIALECTS

if TYPE_CHECKING:
    from broker.query.binder import Binder

Derive = Callable[[exp.Expr, Ctes], Bound | None]
"""Binds a query as a derived table in the place of the name."""


@dataclass(slots=True)
class Keep:
    """The kept things of one compilation: those of the store, and those that the text has kept so far. `read` are the
    names that were read from the store, `within` the cohorts that are being bound, outermost first."""

    service: Service | None = None
    saved: Saved = NOTHING
    made: dict[str, Cohort | None] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)
    within: tuple[str, ...] = ()
    _parsed: dict[Cohort, tuple[Asked | None, Report]] = field(default_factory=dict)

    def find(self, node: exp.Table) -> Cohort | Lookup:
        """What a name means now; names of other projects answer as names that nobody has."""
        name = node.name.casefold()
        if not is_plain(node.this) or not is_plain(node.args["db"]):
            raise Stop("table-function", "Only tables can be read.", f"Write {SCHEMA}.name.", node)
        if name in self.within:
            message = "A kept query reads itself, by way of what it reads."
            raise Stop("kept-circle", message, "Keep it under another name, or from the catalogue's tables.", node)
        if name in self.made:
            made = self.made[name]
            if made is None:
                raise Stop(FOLLOWS, "The keeping of this query was refused.", "", node)
            return made
        found = self.saved.find(name)
        if found is None:
            known = {d.name: f"{SCHEMA}.{d.name}" for d in self.saved.definitions}
            advice = "`broker saved` lists what the project has kept." + did_you_mean(node.name, known)
            raise Stop("unknown-table", "The project has kept nothing under this name.", advice, node)
        self.read.add(name)
        return found

    def noted(self, asked: Asked, kept: object) -> "list[Kept]":
        """What a text has kept is read by what follows in it."""
        made = kept if isinstance(kept, Kept) else None
        cohort = None if made is None else Cohort(made.name, made.dialect, made.text, made.columns)
        self.made[asked.name.casefold()] = cohort
        return [made] if made is not None else []

    def parsed(self, cohort: Cohort) -> tuple[Asked | None, Report]:
        """The query of a cohort, read by the same front as any text; or the report that says what is wrong with it."""
        if cohort not in self._parsed:
            report = Report(cohort.text)
            self._parsed[cohort] = _read(cohort, self.service, report), report
        return self._parsed[cohort]


def _read(cohort: Cohort, service: Service | None, report: Report) -> Asked | None:
    assert service is not None
    if cohort.dialect not in DIALECTS:
        report.add("dialect", "This dialect is not understood.", f"Write {' or '.join(DIALECTS)}.")
        return None
    looked = look(cohort.text, cohort.dialect, service, report)
    script = read_script(looked, cohort.dialect, service, report) if looked is not None else None
    kept = [a for a in script.asked if a.keep is not None] if script is not None else []
    if len(kept) != 1 and not report.refusals:
        advice = "Write SELECT … INTO project.name FROM …."
        report.add("nothing-asked", "The text does not keep one query.", advice)
    return kept[0] if not report.refusals else None


def is_kept(node: exp.Table) -> bool:
    """Whether a name in FROM is one of `project.name`."""
    return not node.catalog and node.db.casefold() == SCHEMA


def bind(binder: "Binder", node: exp.Table, names: Names, derive: Derive) -> Bound | None:
    """A kept thing as an item of FROM."""
    found = binder.keep.find(node)
    return _lookup(binder, found, node, names) if isinstance(found, Lookup) else _cohort(binder, found, node, derive)


def _cohort(binder: "Binder", cohort: Cohort, node: exp.Table, derive: Derive) -> Bound | None:
    """The text's own dialect says what it means; whatever is wrong with it is told where the job names it."""
    keep, report = binder.keep, binder.report
    asked, problems = keep.parsed(cohort)
    dialect, within = binder.dialect, keep.within
    with report.inside(node, f"In {SCHEMA}.{cohort.name}: "):
        if asked is None:
            for refusal in problems.refusals:
                report.add(refusal.code, refusal.message, refusal.advice)
            raise Stop(FOLLOWS, "This kept query cannot be followed.", "", node)
        binder.dialect, keep.within = cohort.dialect, (*within, cohort.name.casefold())
        before = len(binder.marks)
        try:
            return derive(asked.query, known_tables(asked.seen))
        finally:
            binder.dialect, keep.within = dialect, within
            for mark in list(binder.marks.values())[before:]:
                binder.named_by.setdefault(id(mark), node)


def known_tables(seen: Mapping[str, Definition]) -> Ctes:
    """Temporary tables as the binder knows CTEs."""
    return {name: Known(d.query, (), known_tables(d.seen)) for name, d in seen.items()}


def _lookup(binder: "Binder", lookup: Lookup, node: exp.Table, names: Names) -> Rows:
    """Written rows under a public table's name: no key domain, no years, and no use of the catalogue."""
    table, book, alias = table_of(lookup), binder.book, node.args.get("alias")
    if len(book.tables) >= binder.most_scans:
        binder.stop_all("too-many-tables", f"More than {binder.most_scans} tables are read.", "Read fewer.", node)
    if alias is not None:
        check_arguments(alias, frozenset({"this"}))
    scan = book.new_scan(table, binder.report.place(node))
    book.written[scan] = lookup.rows
    for variable in table.variables:
        book.column(scan, variable)
    names.add(Found(table, schemas=frozenset({SCHEMA})).source(node, scan), node)
    return Rows(Scan(table.full_name, (), scan, None), None, frozenset({scan}))


def table_of(lookup: Lookup) -> Table:
    """A lookup as the catalogue would describe it. Its first column is a unique key where its values are."""
    first = lookup.columns[0]
    return Table(
        schema_name=SCHEMA,
        name=lookup.name,
        kind=TableKind.PUBLIC,
        unique_key=first.name if first.unique else None,
        variables=tuple(_variable(lookup, i) for i in range(len(lookup.columns))),
    )


def _variable(lookup: Lookup, index: int) -> Variable:
    column = lookup.columns[index]
    values = dict.fromkeys(row[index] for row in lookup.rows)
    missing = None in values
    values.pop(None, None)
    numbers = [v for v in values if not isinstance(v, str) and v is not None]
    texts = {str(v).casefold() for v in values}
    listed = column.type is not Type.DECIMAL and len(texts) == len(values)
    return Variable(
        name=column.name,
        type=column.type,
        cls=VariableClass.PUBLIC,
        codes=tuple(map(str, values)) if listed else None,
        low=float(min(numbers)) if numbers else None,
        high=float(max(numbers)) if numbers else None,
        decimals=_decimals(lookup, index) if column.type is Type.DECIMAL else None,
        missing=missing,
    )


def _decimals(lookup: Lookup, index: int) -> int:
    cells = (row[index] for row in lookup.rows)
    return max((len(str(v).partition(".")[2]) for v in cells if v is not None), default=0)


WEIGHED = frozenset({Measure.SUM, Measure.MEAN, Measure.QUANTILE, Measure.DEVIATION})
WEIGHTS = "Numbers of a lookup are added up: chosen weights can pack several counts into one figure."


def weighs(statistic: Statistic, book: Book) -> str | None:
    """Why a person looks at a figure in which a lookup's numbers are."""
    if statistic.measure not in WEIGHED or statistic.argument is None:
        return None
    return WEIGHTS if any(book.origins[i].scan in book.written for i in book.base(statistic.argument)) else None


def kept(asked: Asked, bound: Bound | None, binder: "Binder") -> Kept | None:
    """The definition that a query is kept as: rows of persons, or public ones, with named columns."""
    if bound is None:
        return None
    place = binder.report.place(asked.query)
    if not isinstance(bound, Rows) or (bound.person is None and any(map(binder.book.is_person, binder.book.tables))):
        what = "groups" if isinstance(bound, Groups) else "what is made from groups"
        message = f"Rows of people can be kept, not {what}: groups are outputs."
        binder.report.add("kept-groups", message, "Keep the rows, and write GROUP BY where you read them.", place)
        return None
    names = tuple(binder.spelt.get(name, name) for name in bound.columns)
    if any(n.startswith("#") or not n.isprintable() or not n.strip() or len(n) > 128 for n in names):
        binder.report.add("unnamed-column", "A column of a kept query has no plain name.", "Write … AS name.", place)
        return None
    return Kept(asked.name, binder.dialect, asked.text, names)

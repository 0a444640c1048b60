"""FROM and WHERE to relations: scans, joins, filters; CTEs are bound again at each use. No aggregates."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from sqlglot import exp

from broker.domain.relations import Filter, JoinHow, Project, Scan
from broker.domain.scalars import Column, Scalar
from broker.domain.variables import How
from broker.policy.models import Catalogue
from broker.query.book import HEAVIEST, Book
from broker.query.comparing import flatten
from broker.query.kinds import Built, Links, all_of, join
from broker.query.meaning import Meaning, check_arguments
from broker.query.refusing import FOLLOWS, NAMED, Report, Stop, refuse_argument
from broker.query.resolve import Names, Source, find_table

Node = TypeVar("Node", bound=exp.Expr)
Ctes = Mapping[str, tuple[exp.CTE, "Ctes"]]
DERIVED = frozenset({"with_", "expressions", "from_", "joins", "where"})
TOP = DERIVED | {"group", "order"}


@dataclass(frozen=True, slots=True)
class Joined:
    """A source with how it joins what stands before it, and the conjuncts of its ON."""

    built: Built
    how: JoinHow
    swapped: bool
    on: list[Scalar]
    node: exp.Expr


class Binder:
    """Binds the FROM and WHERE of SELECTs of one text; refusals are gathered, and binding goes on."""

    def __init__(
        self, dialect: str, catalogue: Catalogue, default_schema: str, most_scans: int, report: Report
    ) -> None:
        self.dialect, self.catalogue, self.default_schema = dialect, catalogue, default_schema
        self.most_scans, self.report, self.book = most_scans, report, Book()

    def attempt(self, meaning: Meaning, node: Node, how: How, work: Callable[[Node], Scalar]) -> Scalar | None:
        """One expression; if it is refused, its columns are still noted as used."""
        meaning.seen.clear()
        try:
            found = work(node)
            if self.book.weight(found) > HEAVIEST:
                message = "The expression is too large with its derived columns written out."
                raise Stop("too-deep", message, "Name fewer steps.", node)
            return found
        except Stop as stop:
            self.report.stopped(stop)
            self._note_all(meaning, node)
            return None
        finally:
            for column, place in meaning.seen:
                self.book.note(
                    column, how, self.report.place(place) if column.ident not in self.book.places else (None, None)
                )

    def _note_all(self, meaning: Meaning, node: exp.Expr) -> None:
        """The columns below a refused expression; subqueries in it are bound for their uses alone."""
        stack: list[exp.Expr] = [node]
        while stack:
            part = stack.pop()
            if isinstance(part, exp.Query):
                self.uses_only(part, {}, meaning.names)
                continue
            if isinstance(part, exp.Column):
                try:
                    meaning.raw_column(part)
                except Stop as stop:
                    self.report.stopped(stop)
                continue
            stack += part.iter_expressions()

    def uses_only(self, query: exp.Expr, ctes: Ctes, outside: Names | None = None) -> None:
        """Binds a query that is refused already, for its uses."""
        for select in [query] if isinstance(query, exp.Select) else query.find_all(exp.Select):
            _, meaning = self.body(select, ctes, outside)
            for item in [*select.expressions, select.args.get("having"), select.args.get("group")]:
                if item is not None:
                    meaning.seen.clear()
                    self._note_all(meaning, item)
                    for column, place in meaning.seen:
                        self.book.note(column, How.READ, self.report.place(place))

    def note_clause(self, meaning: Meaning, clause: exp.Expr) -> None:
        """The columns of a clause that is refused whole."""
        meaning.seen.clear()
        self._note_all(meaning, clause)
        for column, place in meaning.seen:
            self.book.note(column, How.FILTERED, self.report.place(place))

    def check_clauses(self, node: exp.Expr, allowed: frozenset[str]) -> None:
        """All clauses that are not understood, each refused by its name."""
        for key, value in node.args.items():
            if value and key not in allowed:
                part = value if isinstance(value, exp.Expr) else value[0] if isinstance(value, list) else None
                stop = refuse_argument(node, key)
                place = self.report.place(part if isinstance(part, exp.Expr) else node)
                self.report.add(stop.code, stop.message, stop.advice, place)

    def ctes_of(self, select: exp.Expr, outer: Ctes) -> Ctes:
        """The CTEs that a SELECT sees: each sees those before it."""
        seen: dict[str, tuple[exp.CTE, Ctes]] = dict(outer)
        clause = select.args.get("with_")
        if clause is not None:
            self.check_clauses(clause, frozenset({"expressions"}))
            for cte in clause.expressions:
                self.check_clauses(cte, frozenset({"this", "alias"}))
                seen[cte.alias.casefold()] = (cte, dict(seen))
        return seen

    def body(self, select: exp.Select, outer: Ctes, outside: Names | None = None) -> tuple[Built | None, Meaning]:
        """FROM, joins and WHERE of a SELECT. None if there is no relation to go on with."""
        ctes = self.ctes_of(select, outer)
        names = Names(self.book, outside)
        meaning = Meaning(self.dialect, self.book, names)
        sources = self._sources(select, ctes, names, meaning)
        where = self._conjuncts(meaning, select.args.get("where"), How.FILTERED)
        if sources is None or not sources:
            return None, meaning
        try:
            built = self._joined(sources, where)
        except Stop as stop:
            self.report.stopped(stop)
            return None, meaning
        predicate = all_of(where)
        if predicate is not None:
            built = Built(Filter(built.relation, predicate), built.person, built.scans)
        return built, meaning

    def _conjuncts(self, meaning: Meaning, clause: exp.Expr | None, how: How) -> list[Scalar]:
        if clause is None:
            return []
        top = clause.this if isinstance(clause, exp.Where) else clause
        found = (self.attempt(meaning, part, how, meaning.conjunct) for part in flatten(top, exp.And))
        return [f for f in found if f is not None]

    def _sources(self, select: exp.Select, ctes: Ctes, names: Names, meaning: Meaning) -> list[Joined] | None:
        clause = select.args.get("from_")
        if clause is None:
            names.broken = True
            self.report.add("no-table", "The query reads no table.", "Name a table in FROM.", self.report.place(select))
            return None
        found: list[Joined] = []
        whole = True
        for node in [clause, *select.args.get("joins", [])]:
            try:
                found.append(self._source(node, ctes, names, meaning, found))
            except Stop as stop:
                self.report.stopped(stop)
                whole, names.broken = False, True
        return found if whole else None

    def _source(self, node: exp.Expr, ctes: Ctes, names: Names, meaning: Meaning, before: list[Joined]) -> Joined:
        if isinstance(node, exp.From):
            return Joined(self._item(node.this, ctes, names), JoinHow.CROSS, False, [], node)
        check_arguments(node, frozenset({"this", "on", "side", "kind"}))
        side, kind = (node.text(k).upper() for k in ("side", "kind"))
        if side not in {"", "LEFT", "RIGHT"} or kind not in {"", "INNER", "OUTER", "CROSS"}:
            raise Stop("join", "This kind of join is not understood yet.", "Use JOIN or LEFT JOIN … ON.", node.this)
        built = self._item(node.this, ctes, names)
        on = self._conjuncts(meaning, node.args.get("on"), How.JOINED)
        if side:
            inner = frozenset().union(*(j.built.scans for j in before)) if side == "RIGHT" else built.scans
            self.book.nullable |= inner
            if node.args.get("on") is None:
                raise Stop("join", "An outer join needs ON.", "Write LEFT JOIN … ON a.key = b.key.", node.this)
        return Joined(built, JoinHow.LEFT if side else JoinHow.INNER, side == "RIGHT", on, node.this)

    def _joined(self, sources: list[Joined], where: list[Scalar]) -> Built:
        """The tree of joins. Equalities of link keys count wherever they hold on every row that is left."""
        everywhere = [*where, *(c for j in sources if j.how is not JoinHow.LEFT for c in j.on)]
        inner, built = Links(self.book, everywhere), sources[0].built
        for joined in sources[1:]:
            links = Links(self.book, [*everywhere, *joined.on]) if joined.how is JoinHow.LEFT else inner
            sides = (joined.built, built) if joined.swapped else (built, joined.built)
            try:
                built = join(*sides, joined.how, joined.on, links)
            except Stop as stop:
                raise Stop(stop.code, stop.message, stop.advice, joined.node) from None
        return built

    def _item(self, node: exp.Expr, ctes: Ctes, names: Names) -> Built:
        if isinstance(node, exp.Subquery):
            check_arguments(node, frozenset({"this", "alias"}))
            if not node.alias:
                raise Stop("unnamed-table", "A derived table needs a name.", "Write (SELECT …) AS t.", node)
            return self._derived(node.this, node, ctes, names)
        if not isinstance(node, exp.Table):
            raise Stop(
                "table-function", "Only tables of the catalogue can be read.", "Name a table as schema.table.", node
            )
        check_arguments(node, frozenset({"this", "db", "catalog", "alias"}))
        cte = ctes.get(node.name.casefold()) if not node.db else None
        if cte is not None:
            return self._derived(cte[0].this, node, cte[1], names, cte[0])
        return self._scan(node, names)

    def _scan(self, node: exp.Table, names: Names) -> Built:
        table = find_table(node, self.catalogue, self.default_schema)
        if len(self.book.tables) >= self.most_scans:
            raise Stop("too-many-tables", f"More than {self.most_scans} tables are read.", "Read fewer.", node)
        alias = node.args.get("alias")
        if alias is not None:
            check_arguments(alias, frozenset({"this"}))
        scan = self.book.new_scan(table, self.report.place(node))
        schema = None if alias else table.schema_name.casefold()
        names.add(Source((node.alias or table.name).casefold(), schema, scan, None), node)
        person = scan if self.book.is_person(scan) else None
        return Built(Scan(table.full_name, (), scan, None), person, frozenset({scan}))

    def _derived(self, query: exp.Expr, node: exp.Expr, ctes: Ctes, names: Names, cte: exp.CTE | None = None) -> Built:
        query = query.unnest()
        if not isinstance(query, exp.Select):
            self.uses_only(query, ctes)
            raise set_operation(query)
        self.check_clauses(query, DERIVED)
        built, meaning = self.body(query, ctes)
        listed = _column_list(node) or _column_list(cte)
        if listed and len(listed) != len(query.expressions):
            raise Stop("column-list", "The list of column names is not as long as the SELECT list.", "Name each.", node)
        home = built.scans if built is not None else frozenset()
        columns, computed, whole = self._items(query, meaning, listed, home)
        name = (node.alias or node.name).casefold()
        names.add(Source(name, None, None, columns), node)
        if built is None or not whole:
            raise Stop(FOLLOWS, "This derived table cannot be followed.", "", node)
        if computed:
            built = Built(Project(built.relation, tuple(computed)), built.person, built.scans)
        return built

    def _items(
        self, query: exp.Select, meaning: Meaning, listed: list[str], home: frozenset[int]
    ) -> tuple[dict[str, Column], list[tuple[int, Scalar]], bool]:
        """The columns of a derived table by name; those that are computed get an id of their own."""
        columns: dict[str, Column] = {}
        computed: list[tuple[int, Scalar]] = []
        whole = True
        for index, item in enumerate(query.expressions):
            inner = item.this if isinstance(item, exp.Alias) else item
            if isinstance(inner, exp.Column) and not isinstance(inner.this, exp.Star):
                found = self.attempt(meaning, inner, How.READ, meaning.raw_column)
            else:
                found = self.attempt(meaning, inner, How.READ, meaning.value)
            name = listed[index] if index < len(listed) else item.alias_or_name
            if found is None or not name or name.casefold() in columns:
                whole = False
                if found is not None:
                    self._refuse_name(name, item)
                continue
            if not isinstance(found, Column):
                ident = self.book.define(found, home)
                computed.append((ident, found))
                found = Column(ident, found.type)
            columns[name.casefold()] = found
        return columns, computed, whole

    def _refuse_name(self, name: str, item: exp.Expr) -> None:
        if name:
            self.report.add("duplicate-column", "Two columns have one name.", "Rename one.", self.report.place(item))
        else:
            self.report.add("unnamed-column", "A column has no name.", "Write … AS name.", self.report.place(item))


def _column_list(node: exp.Expr | None) -> list[str]:
    alias = node.args.get("alias") if node is not None else None
    return [c.name for c in alias.args.get("columns") or []] if isinstance(alias, exp.TableAlias) else []


def set_operation(query: exp.Expr) -> Stop:
    if isinstance(query, exp.SetOperation):
        return Stop(
            "set-operation", "UNION, INTERSECT and EXCEPT are not understood yet.", "Send one query each.", query
        )
    code, message, advice = NAMED.get(type(query), ("statement", "This is not a SELECT.", "Write one SELECT."))
    return Stop(code, message, advice, query)

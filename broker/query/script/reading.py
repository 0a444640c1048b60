"""A text to the list of things that it asks for: every #temp table and @variable is resolved away, as trees. Binds no
name of the catalogue and judges no query."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlglot import exp

from broker.domain.saved import NAME, SCHEMA
from broker.policy.service import Service
from broker.query.refusing import Report, Stop
from broker.query.script import changing, clauses, desugar, idioms
from broker.query.script.making import Maker
from broker.query.script.parameters import Variables
from broker.query.script.temporary import Definition, Temps, name_of
from broker.query.text.looks import OUTPUT_NAME, Label, Look
from broker.query.text.parse import Trees
from broker.query.text.splitting import Piece, by_itself, canonical_text, split

QUERIES = frozenset({"select", "with", "(", "insert", "update", "delete"})
INTO = frozenset({"into"})
MAKES = {
    "select": INTO, "with": INTO, "(": INTO, "insert": INTO | {"insert"}, "merge": INTO | {"merge"},
    "update": frozenset({"update", "from"}), "delete": frozenset({"delete", "from"}),
    **dict.fromkeys(("create", "alter", "truncate"), frozenset({"table"})),
}  # fmt: skip
"""By the first word of a statement, the words before the name of what it makes or changes."""
BY_POSITION = "output"


@dataclass(frozen=True, slots=True)
class Asked:
    """One output, or one thing kept (`keep` is then its name, 'project.x', and `text` asks for it by itself). `seen` as
    in a definition."""

    name: str
    query: exp.Query
    seen: Mapping[str, Definition]
    keep: str | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Script:
    """All that a text asks for, in its order, and a text without comments that asks for the same."""

    asked: tuple[Asked, ...]
    canonical: str


def read_script(look: Look, dialect: str, service: Service, report: Report) -> Script | None:
    """The script, as far as it can be followed; None if nothing in it can. All problems are in the report."""
    pieces = split(look, dialect, report)
    if len(pieces.statements) > service.max_statements:
        message = f"The text has more than {service.max_statements} statements."
        place = report.at(pieces.statements[service.max_statements].start)
        report.add("too-many-statements", message, "Send it in parts.", place)
        return None
    before = len(report.refusals)
    reader = Reader(look, dialect, service, report)
    for piece in pieces.statements:
        reader.read(piece)
    asked = reader.named()
    if not asked and len(report.refusals) == before:
        report.add("nothing-asked", "Nothing is asked: no SELECT shows a table.", "End with a SELECT.")
    return Script(asked, canonical_text(look, pieces)) if asked else None


class Reader:
    """Reads statement by statement; a refused one leaves what it would have made unknown, without a word."""

    def __init__(self, look: Look, dialect: str, service: Service, report: Report) -> None:
        self.look, self.dialect, self.service, self.report = look, dialect, service, report
        self.trees = Trees(look, dialect, service, report)
        self.variables, self.temps = Variables(service, report), Temps(dialect, service)
        self.maker = Maker(look.text, dialect, self.temps, report)
        self.asked: list[tuple[Asked, int]] = []
        self.labels = list(look.labels)
        self.label: Label | None = None
        self.batch = 0
        self.making: list[Piece] = []
        """The statements so far that ask for nothing: what a kept query may need."""

    def read(self, piece: Piece) -> None:
        if piece.batch != self.batch:
            self.batch = piece.batch
            self.variables.end_of_batch()
        self._take_labels(piece)
        made, followed = self._makes(piece), False
        asked = len(self.asked)
        try:
            followed = self._statement(piece)
            self.making += [piece] if len(self.asked) == asked else []
        except Stop as stop:
            self.report.stopped(stop)
        if not followed:
            if made:
                self.temps.found[made] = None
            if not self.report.refusals:
                idioms.refuse(piece, self.report)

    def _take_labels(self, piece: Piece) -> None:
        """The nearest line before an output names it; lines inside a statement are comments."""
        while self.labels and self.labels[0].start < piece.end:
            label = self.labels.pop(0)
            if label.start < piece.start:
                self.label = label

    def _makes(self, piece: Piece) -> str | None:
        """The name after INTO, UPDATE, TABLE and the like, by tokens alone: what is unknown if this is refused."""
        text, marks = self.look.text, MAKES.get(piece.words[0], frozenset())
        for word, token in zip(piece.words, piece.tokens[1:], strict=False):
            name = idioms.unquoted(text[token.start : token.end]).casefold()
            if word in marks and (name.startswith("#") or self.dialect == "duckdb"):
                return name
        return None

    def _statement(self, piece: Piece) -> bool:
        """Whether the statement was followed."""
        word = piece.words[0]
        tsql = self.dialect == "tsql"
        if word in QUERIES or (word == "from" and not tsql):
            return self._tree(piece)
        if word == "create":
            return self._create(piece)
        if word == "drop" or (word == "if" and tsql):
            return self.maker.dropped(piece)
        if tsql and word == "declare" and piece.words[1:2] and piece.words[1].startswith("@"):
            return self._declare(piece)
        if tsql and word == "set" and piece.words[1:2] and piece.words[1].startswith("@"):
            return self._set(piece)
        if tsql and idioms.changes_nothing(piece, self.look.text):
            return True
        idioms.refuse(piece, self.report)
        return False

    def _declare(self, piece: Piece) -> bool:
        tree = self.trees.of(piece)
        if isinstance(tree, exp.Declare):
            self.variables.declare(tree, piece.words)
            return True
        if tree is not None:
            idioms.refuse(piece, self.report)
        for word in piece.words:
            if word.startswith("@"):
                self.variables.found[word[1:]] = None
        return False

    def _set(self, piece: Piece) -> bool:
        if piece.words[2:3] != ("=",):
            self.variables.found[piece.words[1][1:]] = None
            message, advice = "This SET is not understood.", "Write SET @x = value."
            self.report.add("statement", message, advice, self.report.at(piece.start))
            return False
        tree = self.trees.of(piece)
        if tree is None:
            self.variables.found[piece.words[1][1:]] = None
            return False
        self.variables.assign(tree)
        return True

    def _parsed(self, piece: Piece) -> exp.Expr | None:
        """A tree with its variables written out and without what says nothing."""
        tree = self.trees.of(piece)
        if tree is None:
            return None
        if self.dialect == "tsql":
            clauses.check_variables(tree)
            tree = self.variables.written_out(tree)
            clauses.strip_hints(tree)
            clauses.plain_names(tree)
        else:
            clauses.name_derived(tree)
            clauses.order_by_all(tree)
        clauses.check_clauses(tree, self.report)
        return tree

    def _create(self, piece: Piece) -> bool:
        if "index" in piece.words[1:4]:
            return self.maker.indexed(piece)
        tree = self._parsed(piece)
        kept = clauses.kept_by_create(tree) if self.dialect == "duckdb" else None
        if kept is not None:
            self._ask(desugar.without_order(kept[1]), kept[0], piece)
            return True
        return tree is not None and self.maker.created(tree, piece)

    def _tree(self, piece: Piece) -> bool:
        tree = self._parsed(piece)
        if tree is None:
            return False
        if isinstance(tree, exp.Insert):
            desugar.inserted(tree, self.temps)
        elif isinstance(tree, exp.Update):
            changing.updated(tree, self.temps)
        elif isinstance(tree, exp.Delete):
            changing.deleted(tree, self.temps)
        else:
            query = tree.unnest()
            if not isinstance(query, exp.Select | exp.SetOperation):
                idioms.refuse(piece, self.report)
                return False
            self._query(query, piece)
        return True

    def _query(self, query: exp.Query, piece: Piece) -> None:
        table = clauses.taken_into(query)
        if table is None:
            self._ask(query, None, piece)
            return
        if self.dialect == "tsql" and name_of(table).startswith("#"):
            self.maker.check_new(name_of(table), table)
            self.temps.define(table.name, desugar.without_order(query), table)
        elif self.dialect == "tsql" and table.db.casefold() == SCHEMA and not table.catalog:
            self._ask(desugar.without_order(query), table, piece)
        else:
            message, advice = "SELECT INTO writes a table.", "Write INTO #temp, or INTO project.name to keep it."
            self.report.add("into", message, advice, self.report.place(table))
            self._ask(query, None, piece)

    def _ask(self, query: exp.Query, kept: exp.Table | None, piece: Piece) -> None:
        seen = self.temps.seen_by(query)
        name, place = "", piece.start
        if kept is not None:
            name = kept.name
        elif self.label is not None:
            name, place = self.label.name, self.label.start
            self.label = None
        if kept is not None and not NAME.fullmatch(name):
            message = "A kept query's name has letters, digits and _ only, and begins with a letter."
            self.report.add("kept-name", message, f"Write INTO {SCHEMA}.my_cohort", self.report.place(kept))
        elif kept is None and name and not OUTPUT_NAME.match(name):
            message, advice = "An output's name has letters, digits, _ and - only.", "Write -- output: my_table"
            self.report.add("output-name", message, advice, self.report.at(place))
        keep = f"{SCHEMA}.{name}" if kept is not None else None
        text = by_itself(self.look, [*self.making, piece]) if kept is not None else ""
        self.asked.append((Asked(name, query, seen, keep, text), place))

    def named(self) -> tuple[Asked, ...]:
        """Outputs without a name are called by their position among the outputs."""
        outputs = [a for a, _ in self.asked if a.keep is None]
        if len(outputs) > self.service.max_outputs:
            message = f"The text has more than {self.service.max_outputs} outputs."
            self.report.add("too-many-outputs", message, "Send it in parts.")
        found: list[Asked] = []
        taken: set[tuple[bool, str]] = set()
        position = 0
        for asked, place in self.asked:
            position += asked.keep is None
            default = BY_POSITION if len(outputs) == 1 else f"{BY_POSITION}_{position}"
            found.append(replace(asked, name=asked.name or default))
            key = (asked.keep is None, found[-1].name.casefold())
            if key in taken:
                message, advice = "Two outputs have one name.", "Write another name in the line -- output: name"
                self.report.add("duplicate-output", message, advice, self.report.at(place))
            taken.add(key)
        return tuple(found)


__all__ = ["Asked", "Definition", "Script", "read_script"]

"""CREATE and DROP of temporary tables and their indexes, for one text. Nothing permanent is made or dropped."""

from dataclasses import replace

from sqlglot import exp

from broker.query.refusing import Report, Stop
from broker.query.script import desugar, idioms
from broker.query.script.temporary import Temps, name_of
from broker.query.text.splitting import Piece


class Maker:
    """Each answer is whether the statement was followed; if not, it is in the report."""

    def __init__(self, text: str, dialect: str, temps: Temps, report: Report) -> None:
        self.text, self.dialect, self.temps, self.report = text, dialect, temps, report

    def dropped(self, piece: Piece) -> bool:
        dropped = idioms.dropped(piece, self.text)
        if dropped is None:
            return self.indexed(piece)
        names, may_miss = dropped
        for name, start in names:
            key = name.casefold()
            if not key.startswith("#") and key not in self.temps.found and not (may_miss and self.dialect == "duckdb"):
                idioms.refuse(piece, self.report)
                return False
            if key not in self.temps.found and not may_miss:
                self._unknown(start, "Write DROP TABLE IF EXISTS #t.")
            self.temps.found.pop(key, None)
        return True

    def indexed(self, piece: Piece) -> bool:
        name = idioms.indexed(piece, self.text)
        if name is None or not name.startswith("#"):
            idioms.refuse(piece, self.report)
            return False
        if name.casefold() not in self.temps.found:
            self._unknown(piece.start, "Make it first: SELECT … INTO #temp.")
        return True

    def created(self, tree: exp.Expr, piece: Piece) -> bool:
        if not isinstance(tree, exp.Create) or tree.args.get("kind") != "TABLE":
            idioms.refuse(piece, self.report)
            return False
        if self.dialect == "duckdb":
            return self._create_as(tree, piece)
        table = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
        name = name_of(table)
        if not name.startswith("#"):
            idioms.refuse(piece, self.report)
            return False
        self.check_new(name, table)
        made = desugar.created(tree, piece.words)
        self.temps.found[name] = replace(made, name=table.name)
        return True

    def _create_as(self, tree: exp.Create, piece: Piece) -> bool:
        """DuckDB's CREATE TEMP TABLE x AS SELECT …"""
        kept = {k for k, v in tree.args.items() if v} <= {"this", "kind", "replace", "expression", "properties"}
        properties = tree.args.get("properties")
        temporary = properties is not None and [type(p) for p in properties.expressions] == [exp.TemporaryProperty]
        query = tree.expression.unnest() if tree.expression is not None else None
        if not kept or not temporary or not isinstance(tree.this, exp.Table) or tree.this.db:
            idioms.refuse(piece, self.report)
            return False
        if not isinstance(query, exp.Select | exp.SetOperation):
            raise Stop("statement", "This CREATE is not understood.", "Write CREATE TEMP TABLE x AS SELECT ….", tree)
        name = tree.this.name
        if not tree.args.get("replace"):
            self.check_new(name.casefold(), tree.this)
        self.temps.define(name, desugar.without_order(query), tree)
        return True

    def check_new(self, name: str, node: exp.Expr) -> None:
        if self.temps.found.get(name) is not None:
            message, advice = "A temporary table of this name is there already.", "DROP TABLE it first."
            raise Stop("duplicate-temporary", message, advice, node)

    def _unknown(self, start: int, advice: str) -> None:
        message = "No temporary table of this name is there."
        self.report.add("unknown-temporary", message, advice, self.report.at(start))

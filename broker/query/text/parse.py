"""One statement to one sqlglot tree, or refusals. The only place where sqlglot's parser is called."""

import logging

from sqlglot import Dialect, ErrorLevel, exp
from sqlglot.errors import ParseError, SqlglotError
from sqlglot.parser import Parser
from sqlglot.parsers.duckdb import DuckDBParser
from sqlglot.parsers.tsql import TSQLParser
from sqlglot.tokenizer_core import Token, TokenType

from broker.policy.service import Service
from broker.query.refusing import NOWHERE, Report, refuse_node, string_as_table
from broker.query.text.calls import incomplete
from broker.query.text.lexing import QUOTED
from broker.query.text.looks import Look
from broker.query.text.splitting import Piece

DIALECTS = ("tsql", "duckdb")
QUOTES = frozenset({TokenType.STRING, TokenType.NATIONAL_STRING, TokenType.IDENTIFIER})

# sqlglot warns with the text of the query; queries belong to the store, not to logs.
logging.getLogger("sqlglot").setLevel(logging.CRITICAL)


class TooManySteps(Exception):
    """The parser goes back and forth over the same words; some nestings cost twice the time for each level."""


class Counted(Parser):
    """A parser that stops after a number of steps."""

    steps_left = 0

    def _advance(self, times: int = 1) -> None:
        self.steps_left -= 1
        if self.steps_left < 0:
            raise TooManySteps
        super()._advance(times)

    def _parse_parameter(self) -> exp.Parameter:
        """The parser itself forgets where a parameter stood."""
        start = self._prev.start
        parameter = super()._parse_parameter()
        parameter.meta["start"] = start
        return parameter


class CountedTsql(Counted, TSQLParser):
    """T-SQL, counted."""


class CountedDuckDB(Counted, DuckDBParser):
    """DuckDB's SQL, counted."""


class Trees:
    """Parses the statements of one text; all of them share one number of steps."""

    def __init__(self, look: Look, dialect: str, service: Service, report: Report) -> None:
        self.look, self.report, self.dialect = look, report, Dialect.get_or_raise(dialect)
        self.tsql = dialect == "tsql"
        self.parser = (CountedTsql if self.tsql else CountedDuckDB)(dialect=self.dialect, error_level=ErrorLevel.RAISE)
        self.parser.steps_left = service.max_parse_steps

    def of(self, piece: Piece) -> exp.Expr | None:
        """The tree, with places in the whole text. Comments are blanked before, so nothing in them is read."""
        try:
            tokens = self._tokens(piece)
            if not _same_quotes(piece, tokens):
                raise SqlglotError("The parser reads quotes in another way.")
            found = self.parser.parse(tokens, self.look.bare)
        except (RecursionError, TooManySteps):
            place = self.report.at(piece.start)
            self.report.add("too-deep", "The query is nested too deeply.", "Use WITH to name the parts.", place)
            return None
        except ParseError as error:
            self._refuse_parse(error)
            return None
        except (SqlglotError, ValueError, AttributeError, TypeError, IndexError, KeyError):
            # Beside its own errors the parser has been seen to fail in these ways on broken text.
            self._refuse()
            return None
        return self._checked(found, piece)

    def _tokens(self, piece: Piece) -> list[Token]:
        """The parser's own tokens, moved to where they stand in the whole text."""
        tokens = self.dialect.tokenize(self.look.bare[piece.start : piece.end])
        for token in tokens:
            token.start += piece.start
            token.end += piece.start
            line, column = self.report.at(token.start)
            token.line, token.col = line or 0, column or 0
        return tokens

    def _checked(self, found: list[exp.Expr | None], piece: Piece) -> exp.Expr | None:
        tree = found[0] if len(found) == 1 else None
        if tree is None or isinstance(tree, exp.Command | exp.Semicolon):
            self._refuse(piece)
            return None
        for national in list(tree.find_all(exp.National)):
            national.replace(exp.Literal.string(national.name))  # N'x' is compared as 'x' is
        for parameter in tree.find_all(exp.Parameter, exp.Placeholder, exp.SessionParameter):
            if parameter.arg_key == "alias" or isinstance(parameter.parent, exp.TableAlias):
                self.report.stopped(refuse_node(parameter))  # the parser takes a parameter for a column's name
        lacking = list(incomplete(tree, self.tsql))
        for stop in lacking:
            self.report.stopped(stop)
        if lacking:
            return None
        for table in tree.find_all(exp.Table):
            if any(self.look.text[p.meta.get("start", 0)] == "'" for p in table.parts):
                self.report.stopped(
                    string_as_table(table)
                )  # the parser takes a string, which could be a file, for a name
        return tree

    def _refuse(self, piece: Piece | None = None) -> None:
        place = self.report.at(piece.start) if piece else NOWHERE
        self.report.add("syntax", "The text cannot be understood from here on.", "Check quotes and brackets.", place)

    def _refuse_parse(self, error: ParseError) -> None:
        """Only places are taken from the parser: its words quote the text."""
        places = [(e.get("line"), e.get("col")) for e in error.errors] or [NOWHERE]
        message, advice = "The text cannot be understood from here on.", "Check the words before this place."
        self.report.add("syntax", message, advice, places[0])


def _same_quotes(piece: Piece, tokens: list[Token]) -> bool:
    """Whether the parser finds the quoted things where the look found them; a prefix may belong to one."""
    ours = {t.end for t in piece.tokens if t.kind in QUOTED}
    theirs = {t.end + 1 for t in tokens if t.token_type in QUOTES}
    return ours == theirs

"""Parses one statement into one sqlglot tree, or refuses it."""

import logging
from collections.abc import Iterator

from sqlglot import Dialect as SqlglotDialect, ErrorLevel, exp
from sqlglot.errors import ParseError, SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from broker.policy.service_limits import ServiceLimits
from broker.query.diagnostics import WRITTEN_NAME, BindError, Diagnostics, unsupported_node, written_name
from broker.query.dialects.base import Dialect
from broker.query.dialects.step_limited_parser import TooManySteps
from broker.query.parser.scanner import QUOTED, ScannedText
from broker.query.parser.statement_splitter import StatementTokens
from broker.query.tree_walks import find_nodes

REQUIRED_ARGUMENTS: dict[type[exp.Expr], tuple[str, ...]] = {
    exp.Extract: ("this", "expression"),
    exp.Replace: ("this", "expression", "replacement"),
    exp.DateFromParts: ("year", "month", "day"),
    exp.Ntile: ("this",),
    exp.Quantile: ("this", "quantile"),
    exp.ApproxQuantile: ("this", "quantile"),
    exp.WithinGroup: ("this", "expression"),
    exp.Window: ("this",),
    exp.SplitPart: ("this", "delimiter", "part_index"),
    exp.RegexpExtract: ("this", "expression"),
}
"""Arguments that the parser treats as optional although no dialect does."""


def missing_arguments(tree: exp.Expr, dialect: Dialect) -> Iterator[BindError]:
    """Yield a refusal for each call that lacks an argument. COUNT() gets a star."""
    for node in find_nodes(tree, exp.Func, *REQUIRED_ARGUMENTS):
        if isinstance(node, exp.Count) and node.this is None:
            node.set("this", exp.Star())
            if not dialect.counts_rows_without_star:
                yield BindError("syntax", f"{written_name(node)} needs an argument.", "Write COUNT(*).", node)
        elif node.error_messages() or not all(
            isinstance(node.args.get(key), exp.Expr) for key in REQUIRED_ARGUMENTS.get(type(node), ())
        ):
            # the parser makes some calls of its own as arguments of written ones
            call = next((n for n in (node, *_ancestors(node)) if WRITTEN_NAME in n.meta), node)
            message = f"{written_name(call)} needs more arguments."
            yield BindError("syntax", message, "Add the missing arguments.", node)


def _ancestors(node: exp.Expr) -> Iterator[exp.Expr]:
    while node.parent is not None:
        node = node.parent
        yield node


SYNTAX_ERROR = "There is a syntax error here."
QUOTES = frozenset({TokenType.STRING, TokenType.NATIONAL_STRING, TokenType.IDENTIFIER})

# sqlglot warns with the text of the query; queries belong to the store, not to logs.
logging.getLogger("sqlglot").setLevel(logging.CRITICAL)


class SyntaxTrees:
    """Parses the statements of one text. All of them share one number of steps."""

    def __init__(
        self, scanned: ScannedText, dialect: Dialect, service: ServiceLimits, diagnostics: Diagnostics
    ) -> None:
        self.scanned, self.diagnostics, self.dialect = scanned, diagnostics, dialect
        self.tokenizer = SqlglotDialect.get_or_raise(dialect.sqlglot_name)
        self.tokenizer.INDEX_OFFSET = 0  # a subscript stays as it is written, whatever type the parser gives its list
        self.parser = dialect.parser(dialect=self.tokenizer, error_level=ErrorLevel.RAISE)
        self.parser.steps_left = service.max_parse_steps  # shared, so that many small statements cannot add up to more

    def parse(self, statement: StatementTokens) -> exp.Expr | None:
        """Return the tree, with positions in the whole text; None if it was refused. Comments were blanked before, so
        the parser reads nothing in them."""
        try:
            tokens = self._tokens(statement)
            # text that one side takes for code and the other for a literal would pass unchecked
            if not _same_quotes(statement, tokens):
                raise SqlglotError("The parser reads the quotes differently.")
            if statement.words[0] == "set":
                tokens = _with_whole_assignment(tokens)
            found = self.parser.parse(tokens, self.scanned.bare)
        except (RecursionError, TooManySteps):
            advice = "Use WITH to name parts of the query."
            self.diagnostics.add("too-deep", "The query is nested too deeply.", advice, statement.start)
            return None
        except ParseError as error:
            self._refuse_parse(error)
            return None
        except (SqlglotError, ValueError, AttributeError, TypeError, IndexError, KeyError):
            # On broken text the parser also fails with these errors, besides its own.
            self._refuse()
            return None
        return self._checked_tree(found, statement)

    def parse_condition(self, statement: StatementTokens) -> exp.Expr | None:
        """The condition after the first word of an IF or WHILE; None if it was refused."""
        try:
            tokens = self._tokens(statement)
            if not _same_quotes(statement, tokens):
                raise SqlglotError("The parser reads the quotes differently.")
            (found,) = self.parser.parse_into(exp.Condition, tokens[1:], self.scanned.bare)
        except (
            RecursionError,
            TooManySteps,
            SqlglotError,
            ValueError,
            AttributeError,
            TypeError,
            IndexError,
            KeyError,
        ):
            advice = "Write a comparison of variables and constants."
            self.diagnostics.add("syntax", SYNTAX_ERROR, advice, statement.start)
            return None
        return found

    def _tokens(self, statement: StatementTokens) -> list[Token]:
        """The parser's own tokens, with positions in the whole text."""
        tokens = self.tokenizer.tokenize(self.scanned.bare[statement.start : statement.end])
        for token in tokens:
            token.start += statement.start
            token.end += statement.start
            line, column = self.diagnostics.position_at(token.start)
            token.line, token.col = line or 0, column or 0
        return tokens

    def _checked_tree(self, found: list[exp.Expr | None], statement: StatementTokens) -> exp.Expr | None:
        tree = found[0] if len(found) == 1 else None
        # sqlglot stores what it cannot parse as a Command
        if tree is None or isinstance(tree, exp.Command | exp.Semicolon):
            self._refuse(statement)
            return None
        for national in list(find_nodes(tree, exp.National)):
            national.replace(exp.Literal.string(national.name))  # N'x' is compared like 'x'
        for parameter in find_nodes(tree, exp.Parameter, exp.Placeholder, exp.SessionParameter):
            if parameter.arg_key == "alias" or isinstance(parameter.parent, exp.TableAlias):
                self.diagnostics.add_error(unsupported_node(parameter))  # the parser reads a parameter as a column name
        lacking = list(missing_arguments(tree, self.dialect))
        for error in lacking:
            self.diagnostics.add_error(error)
        if lacking:
            return None
        for table in find_nodes(tree, exp.Table):
            # the parser reads a string, which could be a file, as a name
            if any(self.scanned.text[p.meta.get("start", 0)] == "'" for p in table.parts):
                advice = "Name a table as schema.table, without single quotes."
                self.diagnostics.add("table-function", "A string cannot be the name of a table.", advice, table)
        return tree

    def _refuse(self, statement: StatementTokens | None = None) -> None:
        advice = "Check quotes and brackets before this place."
        self.diagnostics.add("syntax", SYNTAX_ERROR, advice, statement.start if statement else None)

    def _refuse_parse(self, error: ParseError) -> None:
        """Refuse a text that does not parse. Only positions are taken from the parser, because its messages quote the
        text."""
        first = error.errors[0] if error.errors else {}
        position = first.get("line"), first.get("col")
        self.diagnostics.add("syntax", SYNTAX_ERROR, "Check this word and the words before it.", position)


COMPOUND = frozenset({TokenType.PLUS, TokenType.DASH, TokenType.STAR, TokenType.SLASH, TokenType.MOD})


def _with_whole_assignment(tokens: list[Token]) -> list[Token]:
    """Tokens of SET @x += value as those of SET @x = @x + (value), which the parser knows."""
    place = next((n for n, t in enumerate(tokens) if t.token_type is TokenType.EQ), 0)
    if place < 2 or tokens[place - 1].token_type not in COMPOUND:
        return tokens
    operator, equal = tokens[place - 1 : place + 1]
    target, value = tokens[1 : place - 1], tokens[place + 1 :]
    brackets = [Token(kind, text, equal.line, equal.col, equal.start, equal.end) for kind, text in BRACKETS]
    return [tokens[0], *target, equal, *target, operator, brackets[0], *value, brackets[1]]


BRACKETS = ((TokenType.L_PAREN, "("), (TokenType.R_PAREN, ")"))


def _same_quotes(statement: StatementTokens, tokens: list[Token]) -> bool:
    """Whether the parser finds the same quoted pieces as the scan. A prefix may belong to one."""
    ours = {t.end for t in statement.tokens if t.kind in QUOTED}
    theirs = {t.end + 1 for t in tokens if t.token_type in QUOTES}
    return ours == theirs

"""The type of a dialect: every decision in which SQL dialects differ. No field has a default, so that a new dialect has
to decide each; binding asks these fields and never compares names of dialects."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from sqlglot import exp

from broker.domain.plans.scalars import Scalar
from broker.domain.sql_dialects import SqlDialectName
from broker.query.dialects.step_limited_parser import StepLimitedParser

Handler = Callable[..., Scalar]
"""Binds a node of the parser: the expression binder and the node to a scalar."""
HandlerRule = tuple[Handler, frozenset[str]]
"""A handler with the arguments of the node that it understands."""

_TOKENS = (
    r"(?P<comment>--[^\n]*)|(?P<block>/\*)|(?P<string>'[^']*(?:''[^']*)*(?:'|\Z))|(?P<name>{names})"
    r"|(?P<word>[A-Za-z_@#][A-Za-z0-9_@#]*)|(?P<number>[0-9]+(?:\.[0-9]*)?)|(?P<blank>[ \t\n]+)|(?P<other>.)"
)
DOUBLE_QUOTES = r'"[^"]*(?:""[^"]*)*(?:"|\Z)'
BRACKETS = r"\[[^\]]*(?:\]\][^\]]*)*(?:\]|\Z)"


def token_pattern(*quoted_names: str) -> re.Pattern[str]:
    """The tokens of a text, by the ways to quote a name."""
    return re.compile(_TOKENS.format(names="|".join(quoted_names)), re.DOTALL)


@dataclass(frozen=True, slots=True)
class AllowedFunction:
    """A function or operator that is understood. `form`, `result` and `literals` are for `docs/reference/sql.md`:
    `literals` says which arguments must be written out. `name` is that of a function for which the parser has no class
    of its own."""

    form: str
    node: type[exp.Expr]
    handler: Handler
    args: frozenset[str]
    result: str
    literals: str = ""
    name: str | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Dialect:
    """One SQL dialect."""

    name: SqlDialectName
    functions: tuple[AllowedFunction, ...]
    """The allow-list: a class of node that is not here is refused by name, and so is an argument."""

    # How a text is read
    tokens: re.Pattern[str]
    parser: type[StepLimitedParser]
    has_batches: bool
    """GO ends a batch, and statements need no semicolon between them."""
    has_procedures: bool
    """DECLARE, SET, IF and settings without effect stand beside queries; SELECT can end in INTO."""
    begins_with_from: bool
    """FROM t is a query: SELECT * FROM t."""
    marks_temporary_tables: bool
    """The name of a temporary table begins with #. Otherwise CREATE TEMP TABLE … AS makes one of any name."""
    counts_rows_without_star: bool
    """COUNT() is COUNT(*)."""

    # Names
    database: str
    """The database that may be written before a name of the catalogue, folded."""
    default_schema: str | None
    """Another word for the project's default schema, folded."""
    clauses_see_aliases: bool
    """GROUP BY, HAVING and QUALIFY can name a column of the SELECT list by its alias or place."""

    # Numbers
    truncates_whole_numbers: bool
    """x / y and AVG(x) of whole numbers are whole, and CAST AS int cuts a fraction off. Otherwise / gives a fraction
    and such a cast, which rounds, is refused."""
    has_exact_quotients: bool
    """Decimals divide to decimals: 0.3 / 0.1 is exactly 3."""
    results_have_argument_type: bool
    """SIGN(x) and POWER(x, n) have the type of x."""
    boolean_type: str
    booleans_are_numbers: bool
    """A value of the type of booleans is 0 or 1, and not a truth value."""
    has_wide_floats: bool
    """FLOAT has 64 bits. With 32 it would lose digits, and is refused."""
    default_decimal_digits: int | None
    """The digits of DECIMAL without a size; None: such a type is refused."""
    text_to_whole: str
    text_to_double: str
    text_to_decimal: str
    """Operations that read a number from a text, NULL where it is none."""

    # Text
    ignores_case: bool
    """Text is compared, searched and replaced whatever its case and without blanks at its end; its order depends on the
    server's collation. Otherwise text is compared exactly."""
    casts_cut_text: bool
    """CAST AS varchar(n) cuts a text to n characters, and char(n) fills it up. Otherwise lengths say nothing."""
    plus_joins_texts: bool
    converts_text_arguments: bool
    """A whole number as an argument of a function on text is written out."""
    substring_needs_length: bool
    trim: str
    length: str
    """Operations of TRIM and LEN."""

    # Dates
    reads_plain_dates: bool
    """'20180901' is a date."""
    moves_dates_by_plus: bool
    """d + 3, d - e and d + INTERVAL n part are understood."""
    date_parts: Mapping[str, str]
    """Operations by the names of parts of a date."""
    weeks_between: str
    """The operation that counts the weeks between two dates."""

    @cached_property
    def handlers(self) -> dict[type[exp.Expr], HandlerRule]:
        """By class of node. Functions of one class share its handler; its arguments are those of all of them."""
        found: dict[type[exp.Expr], HandlerRule] = {}
        for f in self.functions:
            if f.name is None:
                _, args = found.get(f.node, (f.handler, frozenset()))
                found[f.node] = (f.handler, args | f.args)
        return found

    @cached_property
    def named_handlers(self) -> dict[str, HandlerRule]:
        """By name, of functions that the parser has no class for."""
        return {f.name: (f.handler, f.args) for f in self.functions if f.name is not None}

    def handler_of(self, node: exp.Expr) -> HandlerRule | None:
        if type(node) is exp.Anonymous:
            return self.named_handlers.get(node.name.upper())
        return self.handlers.get(type(node))

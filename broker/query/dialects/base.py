"""The type of a dialect: every decision in which SQL dialects differ. No field has a default, so each new dialect must
decide it. The binder reads these fields and never compares names of dialects."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from sqlglot import exp

from broker.domain.plans.scalars import Scalar
from broker.domain.sql_dialects import SqlDialectName
from broker.query.dialects.step_limited_parser import StepLimitedParser

Handler = Callable[..., Scalar]
"""Binds a parser node to a scalar; called with the expression binder and the node."""
HandlerRule = tuple[Handler, frozenset[str]]
"""A handler, and the arguments of the node that it supports."""

_TOKENS = (
    r"(?P<comment>--[^\n]*)|(?P<block>/\*)|(?P<string>'[^']*(?:''[^']*)*(?:'|\Z))|(?P<name>{names})"
    r"|(?P<word>[A-Za-z_@#][A-Za-z0-9_@#]*)|(?P<number>[0-9]+(?:\.[0-9]*)?)|(?P<blank>[ \t\n]+)|(?P<other>.)"
)
DOUBLE_QUOTES = r'"[^"]*(?:""[^"]*)*(?:"|\Z)'
BRACKETS = r"\[[^\]]*(?:\]\][^\]]*)*(?:\]|\Z)"


def token_pattern(*quoted_names: str) -> re.Pattern[str]:
    """Pattern of the tokens of a text, for the given ways to quote a name."""
    return re.compile(_TOKENS.format(names="|".join(quoted_names)), re.DOTALL)


@dataclass(frozen=True, slots=True)
class AllowedFunction:
    """A supported function or operator. `form`, `result` and `literals` are printed in `docs/reference/sql.md`;
    `literals` names the arguments that must be literals. `name` is set for a function that the parser has no class
    for."""

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
    """The allow-list. A node class that is not in it is refused by name, and so is an argument that is not."""

    # How a text is read
    sqlglot_name: str
    """The dialect of sqlglot whose tokenizer reads a text and whose generator writes a node."""
    tokens: re.Pattern[str]
    parser: type[StepLimitedParser]
    product: str
    """Name of the product whose meaning the dialect has, for notes."""
    has_batches: bool
    """GO ends a batch, and statements need no semicolon between them."""
    has_procedures: bool
    """DECLARE, SET, IF and settings without effect may stand between queries; a SELECT may have INTO."""
    begins_with_from: bool
    """FROM t is a query and means SELECT * FROM t."""
    marks_temporary_tables: bool
    """Names of temporary tables begin with #. If False, CREATE TEMP TABLE … AS makes one of any name."""
    counts_rows_without_star: bool
    """COUNT() means COUNT(*)."""

    # Names
    database: str
    """Name of the database that may precede a catalogue name, case-folded."""
    default_schema: str | None
    """Another name for the project's default schema, case-folded; None if there is none."""
    clauses_see_aliases: bool
    """GROUP BY, HAVING and QUALIFY may name a column of the SELECT list by its alias or position."""

    # Numbers
    on_zero_divisor: str
    """What the product does where a divisor is 0, for a note."""
    truncates_whole_numbers: bool
    """x / y and AVG(x) of whole numbers are whole, and CAST AS int truncates. If False, / gives a fraction, and the
    cast, which would round, is refused."""
    has_exact_quotients: bool
    """The quotient of two decimals is a decimal: 0.3 / 0.1 is exactly 3."""
    results_have_argument_type: bool
    """SIGN(x) and POWER(x, n) have the type of x."""
    boolean_type: str
    booleans_are_numbers: bool
    """Booleans are 0 or 1, not truth values."""
    relates_variables: bool
    """CORR, the REGR functions, SKEWNESS and KURTOSIS exist."""
    chooses_among_rows: bool
    """ANY_VALUE, FIRST, LAST, ARG_MIN, ARG_MAX, MODE, BOOL_OR and BOOL_AND are aggregates."""
    quantile_is_discrete: bool
    """QUANTILE(x, f) gives one of the values of x. If False, it gives a number between two of them."""
    has_wide_floats: bool
    """FLOAT has 64 bits. If False, it has 32, would lose digits, and is refused."""
    default_decimal_digits: int | None
    """Digits of DECIMAL without a size; None: such a type is refused."""
    text_to_whole: str
    text_to_double: str
    text_to_decimal: str
    """Operations that parse a number from a text, and give NULL if it is not a number."""

    # Text
    ignores_case: bool
    """Text is compared, searched and replaced ignoring case and trailing blanks, and its order depends on the server's
    collation. If False, text is compared exactly."""
    casts_cut_text: bool
    """CAST AS varchar(n) cuts a text to n characters, and char(n) pads it. If False, lengths have no effect."""
    plus_joins_texts: bool
    converts_text_arguments: bool
    """A whole number is converted to text if it is an argument of a text function."""
    substring_needs_length: bool
    trim: str
    length: str
    """Names of the operations for TRIM and LEN."""

    # Dates
    reads_plain_dates: bool
    """'20180901' is a date."""
    moves_dates_by_plus: bool
    """d + 3, d - e and d + INTERVAL n part are supported."""
    date_parts: Mapping[str, str]
    """Operations by name of the part of a date."""
    weeks_between: str
    """Operation that counts the weeks between two dates."""

    @cached_property
    def handlers(self) -> dict[type[exp.Expr], HandlerRule]:
        """Handlers by node class. Functions of one class share a handler, which accepts the arguments of all of
        them."""
        found: dict[type[exp.Expr], HandlerRule] = {}
        for f in self.functions:
            if f.name is None:
                _, args = found.get(f.node, (f.handler, frozenset()))
                found[f.node] = (f.handler, args | f.args)
        return found

    @cached_property
    def named_handlers(self) -> dict[str, HandlerRule]:
        """Handlers by name, for functions that the parser has no class for."""
        return {f.name: (f.handler, f.args) for f in self.functions if f.name is not None}

    def handler_of(self, node: exp.Expr) -> HandlerRule | None:
        if type(node) is exp.Anonymous:
            return self.named_handlers.get(node.name.upper())
        return self.handlers.get(type(node))

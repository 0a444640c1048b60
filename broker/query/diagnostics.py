"""Diagnostics of the query room: the position of each refusal, and its message and advice."""

from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager

from sqlglot import exp

from broker.domain.errors import Refusal

RefusalWords = tuple[str, str, str]
CLOCK = ("clock", "{} reads the clock: a job must mean the same whenever it runs.", "Write the date: '2018-09-01'.")
CHANCE = ("random", "{} gives another value at each run, so nobody could check the result.", "Leave it out.")
SESSION = (
    "session",
    "{} tells about the server, its session or its files, which a job must not depend on.",
    "Leave it out: a job reads the tables of the catalogue only.",
)
HASH = ("hash", "{} turns a value into another that can be guessed back.", "Group by the variable itself.")
FORMAT = (
    "formatting",
    "{} writes or reads text in ways that depend on the server's language.",
    "Release the number itself; for dates write CONVERT(varchar(10), d, 120), DATENAME or DATEPART.",
)
CODES = ("function", "{} is not on the list of functions.", "Compare codes with IN (…) or LIKE.")

_UNWANTED_CLASSES: dict[RefusalWords, tuple[str, ...]] = {
    CLOCK: ("CurrentTimestamp", "CurrentTimestampLTZ", "CurrentDate", "CurrentDatetime", "CurrentTime", "Localtime",
            "Localtimestamp", "CurrentTimezone", "UtcDate", "UtcTime", "UtcTimestamp", "Systimestamp"),
    CHANCE: ("Rand", "Randn", "Randstr", "Uuid", "Uniform", "Zipf"),
    SESSION: ("CurrentUser", "SessionUser", "CurrentVersion", "CurrentSchema", "CurrentDatabase", "CurrentCatalog",
              "CurrentRole", "SessionParameter", "NextValueFor"),
    HASH: ("MD5", "MD5Digest", "SHA", "SHA1Digest", "SHA2", "SHA2Digest", "StandardHash", "FarmFingerprint"),
    FORMAT: ("NumberToStr", "TimeToStr", "Format", "StrToTime", "StrToDate", "ToChar", "ToNumber", "DateToDateStr"),
}  # fmt: skip
_UNWANTED_NAMES: dict[RefusalWords, str] = {
    CLOCK: "NOW GETUTCDATE SYSUTCDATETIME SYSDATETIMEOFFSET CURRENT_TIMEZONE TRANSACTION_TIMESTAMP AGE "
    "GET_CURRENT_TIME CURRENT_LOCALTIME CURRENT_LOCALTIMESTAMP CLOCK_TIMESTAMP TODAY",
    CHANCE: "NEWSEQUENTIALID CRYPT_GEN_RANDOM SETSEED UUIDV4 UUIDV7 GEN_RANDOM_UUID NEXTVAL CURRVAL",
    SESSION: "DB_NAME DB_ID HOST_NAME HOST_ID APP_NAME SUSER_SNAME SUSER_ID USER_NAME USER_ID ORIGINAL_LOGIN OBJECT_ID "
    "OBJECT_NAME OBJECT_DEFINITION SCHEMA_NAME COL_NAME COL_LENGTH SERVERPROPERTY CONNECTIONPROPERTY SESSIONPROPERTY "
    "SESSION_CONTEXT CONTEXT_INFO HAS_PERMS_BY_NAME IS_MEMBER IS_SRVROLEMEMBER ERROR_MESSAGE ERROR_NUMBER "
    "CURRENT_SETTING GETENV READ_TEXT READ_BLOB GLOB PRAGMA_VERSION TXID_CURRENT CURRENT_QUERY GETVARIABLE "
    "IN_SEARCH_PATH CURRENT_SCHEMAS CURRENT_CONNECTION_ID CURRENT_QUERY_ID CURRENT_TRANSACTION_ID TYPEOF",
    HASH: "CHECKSUM BINARY_CHECKSUM CHECKSUM_AGG HASH MD5_NUMBER MD5_NUMBER_LOWER MD5_NUMBER_UPPER SHA1 SHA256 SHA512 "
    "SOUNDEX DIFFERENCE",
    FORMAT: "STR ISNUMERIC ISDATE PARSE TRY_PARSE PRINTF FORMATMESSAGE STRPTIME TRY_STRPTIME QUOTENAME",
    CODES: "PATINDEX REPLICATE SPACE TRANSLATE UNICODE ASCII CHAR NCHAR",
}
_UNWANTED_BY_CLASS = {
    getattr(exp, name): words for words, names in _UNWANTED_CLASSES.items() for name in names if hasattr(exp, name)
}
_UNWANTED_BY_NAME = {name: words for words, names in _UNWANTED_NAMES.items() for name in names.split()}


def unwanted_function(node: exp.Expr) -> RefusalWords | None:
    """The refusal of a function that has one of its own."""
    if isinstance(node, exp.Anonymous):
        return _UNWANTED_BY_NAME.get(node.name.upper())
    return _UNWANTED_BY_CLASS.get(type(node))


Position = tuple[int | None, int | None]
NO_POSITION: Position = (None, None)


CONSEQUENTIAL = "follows"
"""The code of what only follows from another refusal: it is not told."""


class BindError(Exception):
    """One expression cannot be followed; carries the refusal."""

    def __init__(
        self, code: str, message: str, advice: str, node: exp.Expr | None = None, variable: str | None = None
    ) -> None:
        super().__init__(code)
        self.code, self.message, self.advice, self.node, self.variable = code, message, advice, node, variable


class Diagnostics:
    """Gathers refusals with their places, each once."""

    def __init__(self, text: str) -> None:
        self._starts = [0] + [i + 1 for i, c in enumerate(text) if c == "\n"]
        self._refusals: dict[tuple[object, ...], Refusal] = {}
        self._enclosing: tuple[Position, str] | None = None

    @contextmanager
    def attributed_to(self, node: exp.Expr, prefix: str) -> Iterator[None]:
        """While another text is looked at that this one names: every place is where it is named, and sentences begin
        with the words `prefix`."""
        enclosing = self._enclosing
        self._enclosing = (self.position_of(node), prefix)
        try:
            yield
        finally:
            self._enclosing = enclosing

    def position_of(self, node: exp.Expr | None) -> Position:
        """Line and column of the first token below a node, or else around it, that knows where it stood."""
        if self._enclosing is not None:
            return self._enclosing[0]
        while node is not None:
            offsets = [n.meta["start"] for n in node.walk() if n.meta and "start" in n.meta]
            if offsets:
                return self.position_at(min(offsets))
            node = node.parent
        return NO_POSITION

    def position_at(self, offset: int) -> Position:
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def add(
        self, code: str, message: str, advice: str, position: Position = NO_POSITION, variable: str | None = None
    ) -> None:
        key: tuple[object, ...] = (code, position, variable) if position != NO_POSITION else (code, message)
        if self._enclosing is not None:
            position, message = self._enclosing[0], self._enclosing[1] + message
            key = (code, position, message)
        self._refusals.setdefault(key, Refusal(code, message, advice, position[0], position[1], variable))

    def add_error(self, error: BindError) -> None:
        if error.code == CONSEQUENTIAL:
            return
        self.add(error.code, error.message, error.advice, self.position_of(error.node), error.variable)

    def snapshot(self) -> dict[tuple[object, ...], Refusal]:
        """What is found so far, to go back to by `reset`."""
        return dict(self._refusals)

    def restore(self, refusals: dict[tuple[object, ...], Refusal]) -> None:
        self._refusals = dict(refusals)

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        return tuple(sorted(self._refusals.values(), key=lambda r: (r.line or 0, r.column or 0, r.code)))


INDIVIDUAL = (
    "individual-value",
    "{} gives one person's value, or packs many people's values into one.",
    "Use COUNT, SUM or AVG, or count by bands; a person decides about PERCENTILE_CONT and STDEV.",
)
NESTED = (
    "nested-aggregation",
    "An aggregate stands where single rows are meant, as in WHERE, ON and GROUP BY.",
    "Filter groups with HAVING, or aggregate in a derived table: FROM (SELECT …, COUNT(*) AS n … GROUP BY …) AS t.",
)
SETS = (
    "grouping-sets",
    "GROUPING SETS, CUBE and ROLLUP bring together the rows of many people, and nothing else.",
    "Write one SELECT with a plain GROUP BY for each level, with UNION ALL between them.",
)
LATER = "Leave it out: the documentation shows the shapes of queries that are understood."
SUBQUERY = (
    "subquery",
    "A subquery cannot stand here.",
    "Put it into WHERE, into the SELECT list, or into FROM as a derived table: (SELECT …) AS t.",
)
AFTER = "Put it inside the brackets, or write SELECT … FROM (…) AS t ORDER BY …."

NAMED: dict[type[exp.Expr], tuple[str, str, str]] = {
    exp.Window: (
        "window",
        "A window function cannot stand here.",
        "Compute it in a derived table: (SELECT … OVER (…) AS x …) AS t.",
    ),
    exp.Filter: (
        "filter-clause",
        "FILTER belongs to COUNT, SUM, AVG, MIN and MAX of groups.",
        "Write the condition inside: SUM(CASE WHEN … THEN x END).",
    ),
    exp.Exists: ("subquery", "EXISTS cannot stand here.", "Put it into WHERE, or into CASE WHEN of a derived table."),
    exp.Subquery: SUBQUERY,
    exp.Select: SUBQUERY,
    exp.Any: ("subquery", "ANY is not understood.", "Write EXISTS, IN (SELECT …), or compare with (SELECT MAX(x) …)."),
    exp.All: ("subquery", "ALL is not understood.", "Write NOT EXISTS, or compare with (SELECT MAX(x) …)."),
    exp.Star: ("star", "A star does not say which variables are used.", "Name each variable."),
    exp.Columns: ("star", "COLUMNS(…) does not say which variables are used.", "Name each variable."),
    exp.Distinct: ("distinct", "DISTINCT stands behind SELECT and in COUNT(DISTINCT x) only.", "Leave it out."),
    exp.PositionalColumn: ("position", "A column by its position (#1) is not understood.", "Name the variable."),
    exp.Anonymous: ("function", "{} is not on the list of functions.", "The documentation lists those that are."),
    **dict.fromkeys(
        (exp.Parameter, exp.Placeholder),
        (
            "parameter",
            "A parameter cannot stand here.",
            "Write the value or the name; in T-SQL declare it: DECLARE @x int = 3.",
        ),
    ),
    **dict.fromkeys(
        (exp.Count, exp.CountIf, exp.Sum, exp.Avg, exp.Min, exp.Max, exp.Median, exp.Quantile, exp.PercentileCont,
         exp.PercentileDisc, exp.WithinGroup, exp.Stddev, exp.StddevPop, exp.StddevSamp, exp.Variance,
         exp.VariancePop),
        NESTED,
    ),
    **dict.fromkeys((exp.GroupingSets, exp.Cube, exp.Rollup), SETS),
    **dict.fromkeys(
        (exp.AnyValue, exp.First, exp.Last, exp.Mode, exp.GroupConcat, exp.ArrayAgg, exp.ArgMax, exp.ArgMin,
         exp.FirstValue, exp.LastValue, exp.JSONArrayAgg, exp.JSONObjectAgg, exp.IgnoreNulls, exp.RespectNulls),
        INDIVIDUAL,
    ),
}  # fmt: skip
"""What is refused by a name of its own; every other class that is not handled is `function`. An aggregate that is
understood comes here only from a place that has no groups."""

ARGUMENTS: dict[str, tuple[str, str, str]] = {
    "order": ("order-by", "ORDER BY stands behind brackets or VALUES.", AFTER),
    "limit": ("limit", "LIMIT stands behind brackets or VALUES.", AFTER),
    "offset": ("limit", "OFFSET stands behind brackets or VALUES.", AFTER),
    "into": ("into", "INTO stands inside a query.", "Put it into the first SELECT."),
    "windows": ("window", "The WINDOW clause is not understood.", "Write it out: OVER (PARTITION BY … ORDER BY …)."),
    "qualify": ("window", "QUALIFY stands beside GROUP BY below the top.", "Filter it in the SELECT around, by WHERE."),
    "hint": ("hint", "This hint is not understood.", "Leave the hint out."),
    "hints": ("hint", "This hint is not understood.", "Leave the hint out."),
    "options": ("option", "This OPTION (…) is not understood.", "Leave it out."),
    "for_": ("for-xml", "FOR XML and FOR JSON pack rows into one value.", "Leave it out."),
    "sample": ("sample", "A sample gives other rows at each run.", "Leave it out."),
    "recursive": ("recursive", "WITH RECURSIVE is refused.", "Write the query without recursion."),
    "grouping_sets": SETS,
    "cube": SETS,
    "rollup": SETS,
    "totals": ("grouping-sets", "WITH TOTALS is not understood.", "Write GROUP BY ROLLUP (…)."),
    "when": ("time-travel", "Time travel is refused.", "Filter on the table's year."),
    "version": ("time-travel", "Time travel is refused.", "Filter on the table's year."),
}  # fmt: skip
"""Clauses and options with words of their own; every other one is `clause`."""


SIGNS: dict[type[exp.Expr], str] = {
    exp.BitwiseAnd: "&",
    exp.BitwiseOr: "|",
    exp.BitwiseXor: "^",
    exp.BitwiseNot: "~",
    exp.BitwiseLeftShift: "<<",
    exp.BitwiseRightShift: ">>",
}


def unsupported_node(node: exp.Expr) -> BindError:
    """The refusal of a construct that has no meaning where it stands."""
    name = _sql_name(node)
    default = (
        "function",
        "{} is not understood here.",
        "See the documentation for what is; ask for it if you need it.",
    )
    code, message, advice = unwanted_function(node) or NAMED.get(type(node), default)
    shown = name if name.isascii() and len(name) <= 40 else "This"
    return BindError(code, message.format(shown), advice, node)


def _sql_name(node: exp.Expr) -> str:
    """What a construct is called in SQL, as near as the parser remembers it."""
    if isinstance(node, exp.IgnoreNulls | exp.RespectNulls):
        return _sql_name(node.this)
    if isinstance(node, exp.Anonymous):
        return node.name.upper()
    if isinstance(node, exp.Func):
        return node.sql_name()
    return SIGNS.get(type(node), type(node).__name__)


def individual_value_error(node: exp.Expr) -> BindError:
    """The refusal of an aggregate that gives one person's value."""
    code, message, advice = INDIVIDUAL
    return BindError(code, message.format(_sql_name(node)), advice, node)


def string_table_error(node: exp.Table) -> BindError:
    """The refusal of text between single quotes where a table's name belongs."""
    message, advice = "A string is no name of a table.", "Name a table as schema.table, without single quotes."
    return BindError("table-function", message, advice, node)


def unsupported_argument(node: exp.Expr, key: str) -> BindError:
    """The refusal of a clause or option of a construct that is itself understood."""
    default = ("clause", f"The clause {key.strip('_')!r} of {type(node).__name__} is not understood.", LATER)
    code, message, advice = ARGUMENTS.get(key, default)
    return BindError(code, message, advice, node)


def check_arguments(node: exp.Expr, allowed: frozenset[str]) -> None:
    """Closed world: a clause that is set and not on the list is refused, never dropped."""
    for key, value in node.args.items():
        if value and key not in allowed:
            raise unsupported_argument(node, key)

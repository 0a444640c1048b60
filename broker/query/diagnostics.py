"""Diagnostics of the query room: the position of each refusal, with its message and advice."""

from bisect import bisect_right
from collections.abc import Iterator, KeysView
from contextlib import contextmanager
from dataclasses import dataclass

from sqlglot import exp

from broker.domain.errors import Refusal, TextEdit

RefusalWords = tuple[str, str, str]
CLOCK = (
    "clock",
    "{} reads the clock. A job must give the same result whenever it runs.",
    "Write the date: '2018-09-01'.",
)
CHANCE = ("random", "{} gives a different value each time, so nobody could check the result.", "Remove it.")
SESSION = (
    "session",
    "{} reads the server, its session or its files. A job must not depend on these.",
    "Remove it: a job can read only tables of the catalogue.",
)
HASH = ("hash", "{} turns a value into a code that can be reversed by guessing.", "Group by the variable itself.")
FORMAT = (
    "formatting",
    "{} writes or reads text in a way that depends on the server's language.",
    "Release the number itself; for dates use YEAR(d), MONTH(d) and DAY(d).",
)
CODES = ("function", "{} is not on the list of functions.", "Compare codes with IN (…) or LIKE.")

# The parser may have another name than the text: GETDATE and SYSDATETIME are CurrentTimestamp, NEWID is Uuid,
# HASHBYTES is MD5, SHA or SHA2, SUSER_NAME and SUSER_SNAME are CurrentUser, T-SQL's FORMAT is NumberToStr or TimeToStr,
# STRFTIME is TimeToStr, STRPTIME is StrToTime.
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
    """Return the refusal of a function that has its own; None for other functions."""
    if isinstance(node, exp.Anonymous):
        return _UNWANTED_BY_NAME.get(node.name.upper())
    return _UNWANTED_BY_CLASS.get(type(node))


Position = tuple[int | None, int | None]
NO_POSITION: Position = (None, None)
Place = exp.Expr | int | Position
"""A node, an offset of the text, or a position."""


CONSEQUENTIAL = "follows"
"""Code of a refusal that only follows from another one. It is not reported."""


@dataclass(frozen=True, slots=True)
class Respelling:
    """Tokens of the text to write otherwise: from the first node to the last one, each of one token."""

    first: exp.Expr
    last: exp.Expr
    spelling: str

    @classmethod
    def of(cls, node: exp.Expr, spelling: str) -> "Respelling":
        return cls(node, node, spelling)


class BindError(Exception):
    """A text cannot be scanned, or one expression cannot be bound. The exception carries the refusal."""

    def __init__(
        self, code: str, message: str, advice: str, place: Place | None = None, variable: str | None = None,
        respelling: Respelling | None = None,
    ) -> None:  # fmt: skip
        super().__init__(code)
        self.code, self.message, self.advice, self.place, self.variable = code, message, advice, place, variable
        self.respelling = respelling


class Diagnostics:
    """Collects refusals with their positions, each once."""

    def __init__(self, text: str) -> None:
        self._text = text
        # offset of the first character of each line
        self._starts = [0] + [i + 1 for i, c in enumerate(text) if c == "\n"]
        self._refusals: dict[tuple[object, ...], Refusal] = {}
        self._enclosing: tuple[Position, str] | None = None

    @contextmanager
    def attributed_to(self, node: exp.Expr, prefix: str) -> Iterator[None]:
        """Inside this context, a text is read that `node` names. Every refusal gets the position of `node`, and its
        message starts with `prefix`."""
        enclosing = self._enclosing
        self._enclosing = (self.position_of(node), prefix)
        try:
            yield
        finally:
            self._enclosing = enclosing

    @property
    def is_attributed(self) -> bool:
        """Whether another text is read, which the text only names."""
        return self._enclosing is not None

    def position_of(self, place: Place | None) -> Position:
        """Line and column (from 1) of a place. A node is at the first token below it that has a position, or else at a
        token around it."""
        if self._enclosing is not None:
            return self._enclosing[0]
        while isinstance(place, exp.Expr):
            offsets = [n.meta["start"] for n in place.walk() if n.meta and "start" in n.meta]
            place = min(offsets) if offsets else place.parent
        return self.position_at(place) if isinstance(place, int) else place or NO_POSITION

    def position_at(self, offset: int) -> Position:
        return self._line_and_column(offset)

    def _line_and_column(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def _edit(self, change: Respelling | None) -> TextEdit | None:
        """A respelling as a change of the text; None if the text does not have the tokens in this place, because they
        are of another text."""
        if change is None or self._enclosing is not None:
            return None
        start, end = change.first.meta.get("start"), change.last.meta.get("end")
        if start is None or end is None or not all(map(self._is_written, (change.first, change.last))):
            return None
        line, column = self._line_and_column(start)
        return TextEdit(line, column, end + 1 - start, change.spelling)

    def _is_written(self, node: exp.Expr) -> bool:
        token = self._text[node.meta.get("start", 0) : node.meta.get("end", -1) + 1]
        return str(node.meta.get(WRITTEN_NAME, node.name)).casefold() in token.casefold()

    def add(
        self, code: str, message: str, advice: str, place: Place | None = None, variable: str | None = None,
        respelling: Respelling | None = None,
    ) -> None:  # fmt: skip
        position = self.position_of(place)
        # two refusals of one kind at one place are one for the researcher
        key: tuple[object, ...] = (code, position, variable) if position != NO_POSITION else (code, message)
        if self._enclosing is not None:
            message = self._enclosing[1] + message
            key = (code, position, message)
        edit = self._edit(respelling)
        self._refusals.setdefault(key, Refusal(code, message, advice, *position, variable, edit))

    def add_error(self, error: BindError) -> None:
        if error.code == CONSEQUENTIAL:
            return
        self.add(error.code, error.message, error.advice, error.place, error.variable, error.respelling)

    def snapshot(self) -> dict[tuple[object, ...], Refusal]:
        """Return the refusals so far, for `restore`."""
        return dict(self._refusals)

    def restore(self, refusals: dict[tuple[object, ...], Refusal]) -> None:
        self._refusals = dict(refusals)

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        return tuple(sorted(self._refusals.values(), key=lambda r: (r.line or 0, r.column or 0, r.code)))


INDIVIDUAL = (
    "individual-value",
    "{} gives one person's value, or packs the values of many people into one.",
    "Use COUNT, SUM, AVG, PERCENTILE_CONT or STDEV, or count by bands. Choose among one "
    "person's rows first: in a derived table with GROUP BY the link key.",
)
NESTED = (
    "nested-aggregation",
    "An aggregate cannot be used in WHERE, ON or GROUP BY, which work on single rows.",
    "Filter groups with HAVING, or aggregate in a derived table: FROM (SELECT …, COUNT(*) AS n … GROUP BY …) AS t.",
)
SETS = (
    "grouping-sets",
    "GROUPING SETS, CUBE and ROLLUP can aggregate only the rows of many people.",
    "Write one SELECT with a plain GROUP BY for each level, with UNION ALL between them.",
)
LATER = "Remove it: the documentation shows the forms of queries that are understood."
SUBQUERY = (
    "subquery",
    "A subquery cannot be used here.",
    "Put the subquery into WHERE, into the SELECT list, or into FROM as a derived table: (SELECT …) AS t.",
)
AFTER = "Move it inside the brackets, or write SELECT … FROM (…) AS t ORDER BY …."

NAMED: dict[type[exp.Expr], tuple[str, str, str]] = {
    exp.Window: (
        "window",
        "A window function cannot be used here.",
        "Compute the window function in a derived table: (SELECT … OVER (…) AS x …) AS t.",
    ),
    exp.Filter: (
        "filter-clause",
        "FILTER cannot be used here.",
        "Write the condition inside: SUM(CASE WHEN … THEN x END), or ARG_MIN(CASE WHEN … THEN x END, y).",
    ),
    exp.Exists: (
        "subquery",
        "EXISTS cannot be used here.",
        "Put EXISTS into WHERE, or into CASE WHEN of a derived table.",
    ),
    exp.Subquery: SUBQUERY,
    exp.Select: SUBQUERY,
    exp.Any: ("subquery", "ANY is not understood.", "Write EXISTS, IN (SELECT …), or compare with (SELECT MAX(x) …)."),
    exp.All: ("subquery", "ALL is not understood.", "Write NOT EXISTS, or compare with (SELECT MAX(x) …)."),
    exp.Star: (
        "star",
        "You cannot use SELECT *, because it does not name the variables.",
        "List the variables that you need.",
    ),
    exp.Columns: (
        "star",
        "COLUMNS(…) can be used only in a SELECT list.",
        "List the variables that you need.",
    ),
    **dict.fromkeys(
        (exp.Array, exp.Bracket, exp.Slice),
        (
            "list",
            "A list or subscript cannot be used here.",
            "Write IN (…), name the variable, or use a function of a person's list: list_avg(list(x)).",
        ),
    ),
    exp.Distinct: ("distinct", "DISTINCT can be used only after SELECT and in COUNT(DISTINCT x).", "Remove it."),
    exp.PositionalColumn: ("position", "A column by its position (#1) is not understood.", "Name the variable."),
    exp.Anonymous: (
        "function",
        "{} is not on the list of functions.",
        "The documentation lists the functions that you can use.",
    ),
    **dict.fromkeys(
        (exp.Parameter, exp.Placeholder),
        (
            "parameter",
            "A parameter cannot be used here.",
            "Write the value or the name. In T-SQL you can declare it: DECLARE @x int = 3.",
        ),
    ),
    **dict.fromkeys(
        (exp.Count, exp.CountIf, exp.Sum, exp.Avg, exp.Min, exp.Max, exp.Median, exp.Quantile, exp.PercentileCont,
         exp.PercentileDisc, exp.WithinGroup, exp.Stddev, exp.StddevPop, exp.StddevSamp, exp.Variance,
         exp.VariancePop, exp.AnyValue, exp.First, exp.Last, exp.Mode, exp.ArgMax, exp.ArgMin, exp.LogicalOr,
         exp.LogicalAnd),
        NESTED,
    ),
    **dict.fromkeys((exp.GroupingSets, exp.Cube, exp.Rollup), SETS),
    # STRING_AGG, LISTAGG and GROUP_CONCAT are GroupConcat; LIST is ArrayAgg.
    **dict.fromkeys(
        (exp.GroupConcat, exp.ArrayAgg, exp.FirstValue, exp.LastValue, exp.JSONArrayAgg, exp.JSONObjectAgg,
         exp.IgnoreNulls, exp.RespectNulls),
        INDIVIDUAL,
    ),
}  # fmt: skip
"""Nodes with their own refusal; every other unhandled class is refused as `function`. A supported aggregate is refused
here only in a place that has no groups."""

ARGUMENTS: dict[str, tuple[str, str, str]] = {
    "order": ("order-by", "ORDER BY cannot follow brackets or VALUES.", AFTER),
    "limit": ("limit", "LIMIT cannot follow brackets or VALUES.", AFTER),
    "offset": ("limit", "OFFSET cannot follow brackets or VALUES.", AFTER),
    "into": ("into", "INTO cannot be used inside a query.", "Put INTO into the first SELECT."),
    "hint": ("hint", "This hint is not understood.", "Remove the hint."),
    "hints": ("hint", "This hint is not understood.", "Remove the hint."),
    "options": ("option", "This OPTION (…) is not understood.", "Remove it."),
    "for_": ("for-xml", "FOR XML and FOR JSON pack rows into one value.", "Remove it."),
    "sample": ("sample", "A sample gives different rows each time.", "Remove it."),
    "recursive": ("recursive", "WITH RECURSIVE is refused.", "Write the query without recursion."),
    "grouping_sets": SETS,
    "cube": SETS,
    "rollup": SETS,
    "totals": ("grouping-sets", "WITH TOTALS is not understood.", "Write GROUP BY ROLLUP (…)."),
    "when": ("time-travel", "You cannot query an earlier state of the data.", "Filter on the table's year."),
    "version": ("time-travel", "You cannot query an earlier state of the data.", "Filter on the table's year."),
}  # fmt: skip
"""Clauses and options with their own refusal; every other one is refused as `clause`."""


WRITTEN_NAME = "written"
"""Where the `meta` of a node has the name that the text has for a call."""
SPELLINGS: dict[type[exp.Expr], str] = {
    exp.BitwiseAnd: "&", exp.BitwiseOr: "|", exp.BitwiseXor: "^", exp.BitwiseNot: "~", exp.BitwiseLeftShift: "<<",
    exp.BitwiseRightShift: ">>", exp.DPipe: "||", exp.IntDiv: "DIV", exp.Adjacent: "-|-", exp.Distance: "<->",
    exp.DistanceNd: "<<->>", exp.ExtendsLeft: "&<", exp.ExtendsRight: "&>", exp.ArrayContainedBy: "<@",
    exp.ArrayContainsAll: "@>", exp.ArrayOverlaps: "&&", exp.JSONExtract: "->", exp.JSONExtractScalar: "->>",
    exp.JSONBExtract: "#>", exp.JSONBExtractScalar: "#>>", exp.Lambda: "->", exp.Kwarg: "=>", exp.PropertyEQ: ":=",
    exp.ScopeResolution: "::", exp.Dot: "A dot", exp.Alias: "An alias", exp.Tuple: "A list in brackets",
    exp.Bracket: "[…]", exp.Array: "[…]", exp.RegexpLike: "A regular expression",
    exp.RegexpILike: "A regular expression", exp.SimilarTo: "SIMILAR TO", exp.ILike: "ILIKE", exp.Glob: "GLOB",
    exp.AtTimeZone: "AT TIME ZONE", exp.Overlaps: "OVERLAPS", exp.Escape: "ESCAPE", exp.Collate: "COLLATE",
    exp.Interval: "INTERVAL", exp.Limit: "LIMIT", exp.Order: "ORDER BY", exp.Describe: "DESCRIBE",
    exp.Summarize: "SUMMARIZE", exp.ParseJSON: "JSON", exp.Select: "SELECT", exp.In: "IN", exp.Between: "BETWEEN",
    exp.DataType: "a type",
}  # fmt: skip
"""How a text writes what is no call."""
LONGEST_NAME = 40


def unsupported_node(node: exp.Expr) -> BindError:
    """Refusal of a construct that is not supported in its place."""
    default = (
        "function",
        "{} is not understood here.",
        "The documentation shows what is understood. Contact the broker's operator if you need this.",
    )
    code, message, advice = unwanted_function(node) or NAMED.get(type(node), default)
    return BindError(code, message.format(written_name(node)), advice, node)


def written_name(node: exp.Expr) -> str:
    """Name of a construct as the text writes it, or "This"."""
    if isinstance(node, exp.IgnoreNulls | exp.RespectNulls):
        return written_name(node.this)
    name = str(node.meta.get(WRITTEN_NAME, "")) or SPELLINGS.get(type(node), "")
    return name if 0 < len(name) <= LONGEST_NAME and (name.isascii() or type(node) in SPELLINGS) else "This"


def individual_value_error(node: exp.Expr) -> BindError:
    """Refusal of an aggregate that gives one person's value."""
    code, message, advice = INDIVIDUAL
    return BindError(code, message.format(written_name(node)), advice, node)


def window_place_error(node: exp.Window) -> BindError:
    message = "A window function cannot be used where rows are selected."
    return BindError("window-place", message, "Put the window function into a derived table.", node)


def unsupported_argument(node: exp.Expr, key: str) -> BindError:
    """Refusal of a clause or option of a construct that is supported otherwise."""
    clause = f"The clause {key.strip('_')!r} of {SPELLINGS.get(type(node), 'this')}"
    what = f"This form of {written_name(node)}" if WRITTEN_NAME in node.meta else clause
    default = ("clause", f"{what} is not understood.", LATER)
    code, message, advice = ARGUMENTS.get(key, default)
    return BindError(code, message, advice, node)


def check_arguments(node: exp.Expr, *allowed: str) -> None:
    """Refuse every clause that is set but not allowed: unknown clauses are never dropped. Raises BindError."""
    for key in present_arguments(node):
        if key not in allowed:
            raise unsupported_argument(node, key)


def present_arguments(node: exp.Expr) -> KeysView[str]:
    """Names of the arguments that a node has, in the parser's order."""
    return {key: value for key, value in node.args.items() if value}.keys()

"""Refusals of the query room: where in the text, and the names, sentences and advice of what is not understood."""

from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager

from sqlglot import exp

from broker.domain.errors import Refusal
from broker.query.scalars import unwanted

Place = tuple[int | None, int | None]
NOWHERE: Place = (None, None)


FOLLOWS = "follows"
"""The code of what only follows from another refusal: it is not told."""


class Stop(Exception):
    """One expression cannot be followed; carries the refusal."""

    def __init__(
        self, code: str, message: str, advice: str, node: exp.Expr | None = None, variable: str | None = None
    ) -> None:
        super().__init__(code)
        self.code, self.message, self.advice, self.node, self.variable = code, message, advice, node, variable


class Report:
    """Gathers refusals with their places, each once."""

    def __init__(self, text: str) -> None:
        self._starts = [0] + [i + 1 for i, c in enumerate(text) if c == "\n"]
        self._found: dict[tuple[object, ...], Refusal] = {}
        self._inside: tuple[Place, str] | None = None

    @contextmanager
    def inside(self, node: exp.Expr, before: str) -> Iterator[None]:
        """While another text is looked at that this one names: every place is where it is named, and sentences begin
        with the words `before`."""
        around = self._inside
        self._inside = (self.place(node), before)
        try:
            yield
        finally:
            self._inside = around

    def place(self, node: exp.Expr | None) -> Place:
        """Line and column of the first token below a node, or else around it, that knows where it stood."""
        if self._inside is not None:
            return self._inside[0]
        while node is not None:
            offsets = [n.meta["start"] for n in node.walk() if n.meta and "start" in n.meta]
            if offsets:
                return self.at(min(offsets))
            node = node.parent
        return NOWHERE

    def at(self, offset: int) -> Place:
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def add(self, code: str, message: str, advice: str, place: Place = NOWHERE, variable: str | None = None) -> None:
        key: tuple[object, ...] = (code, place, variable) if place != NOWHERE else (code, message)
        if self._inside is not None:
            place, message = self._inside[0], self._inside[1] + message
            key = (code, place, message)
        self._found.setdefault(key, Refusal(code, message, advice, place[0], place[1], variable))

    def stopped(self, stop: Stop) -> None:
        if stop.code == FOLLOWS:
            return
        self.add(stop.code, stop.message, stop.advice, self.place(stop.node), stop.variable)

    def mark(self) -> dict[tuple[object, ...], Refusal]:
        """What is found so far, to go back to by `reset`."""
        return dict(self._found)

    def reset(self, found: dict[tuple[object, ...], Refusal]) -> None:
        self._found = dict(found)

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        return tuple(sorted(self._found.values(), key=lambda r: (r.line or 0, r.column or 0, r.code)))


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


def refuse_node(node: exp.Expr) -> Stop:
    """The refusal of a construct that has no meaning where it stands."""
    name = _called(node)
    default = (
        "function",
        "{} is not understood here.",
        "See the documentation for what is; ask for it if you need it.",
    )
    code, message, advice = unwanted.named(node) or NAMED.get(type(node), default)
    shown = name if name.isascii() and len(name) <= 40 else "This"
    return Stop(code, message.format(shown), advice, node)


def _called(node: exp.Expr) -> str:
    """What a construct is called in SQL, as near as the parser remembers it."""
    if isinstance(node, exp.IgnoreNulls | exp.RespectNulls):
        return _called(node.this)
    if isinstance(node, exp.Anonymous):
        return node.name.upper()
    if isinstance(node, exp.Func):
        return node.sql_name()
    return SIGNS.get(type(node), type(node).__name__)


def individual_value(node: exp.Expr) -> Stop:
    """The refusal of an aggregate that gives one person's value."""
    code, message, advice = INDIVIDUAL
    return Stop(code, message.format(_called(node)), advice, node)


def string_as_table(node: exp.Table) -> Stop:
    """The refusal of text between single quotes where a table's name belongs."""
    message, advice = "A string is no name of a table.", "Name a table as schema.table, without single quotes."
    return Stop("table-function", message, advice, node)


def refuse_argument(node: exp.Expr, key: str) -> Stop:
    """The refusal of a clause or option of a construct that is itself understood."""
    default = ("clause", f"The clause {key.strip('_')!r} of {type(node).__name__} is not understood.", LATER)
    code, message, advice = ARGUMENTS.get(key, default)
    return Stop(code, message, advice, node)


def check_arguments(node: exp.Expr, allowed: frozenset[str]) -> None:
    """Closed world: a clause that is set and not on the list is refused, never dropped."""
    for key, value in node.args.items():
        if value and key not in allowed:
            raise refuse_argument(node, key)

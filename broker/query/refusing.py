"""Refusals of the query room: where in the text, and the names, sentences and advice of what is not understood yet."""

from bisect import bisect_right

from sqlglot import exp

from broker.domain.errors import Refusal

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

    def place(self, node: exp.Expr | None) -> Place:
        """Line and column of the first token below a node, or else around it, that knows where it stood."""
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
        key = (code, place, variable) if place != NOWHERE else (code, message)
        self._found.setdefault(key, Refusal(code, message, advice, place[0], place[1], variable))

    def stopped(self, stop: Stop) -> None:
        if stop.code == FOLLOWS:
            return
        self.add(stop.code, stop.message, stop.advice, self.place(stop.node), stop.variable)

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        return tuple(sorted(self._found.values(), key=lambda r: (r.line or 0, r.column or 0, r.code)))


INDIVIDUAL = (
    "individual-value",
    "{} gives one person's value, or packs many people's values into one.",
    "Use COUNT, SUM or AVG; a distribution can be a count by bands.",
)
NESTED = (
    "nested-aggregation",
    "Aggregation inside WHERE, ON or a derived table is not understood yet.",
    "Aggregate once, in the outer SELECT.",
)
SETS = ("grouping-sets", "GROUPING SETS, CUBE and ROLLUP are not understood yet.", "Send one query for each level.")
LATER = "Write it as one SELECT with WHERE and GROUP BY; derived tables and WITH are understood."

NAMED: dict[type[exp.Expr], tuple[str, str, str]] = {
    exp.Window: ("window", "Window functions (OVER) give a value for each row.", "Use GROUP BY."),
    exp.Filter: ("filter-clause", "FILTER is not understood yet.", "Write SUM(CASE WHEN … THEN 1 ELSE 0 END)."),
    exp.Exists: ("subquery", "EXISTS is not understood yet.", "Join the table on its link key instead."),
    exp.Subquery: ("subquery", "A subquery inside an expression is not understood yet.", "Put it into FROM, or join."),
    exp.Select: ("subquery", "A subquery inside an expression is not understood yet.", "Put it into FROM, or join."),
    exp.Star: ("star", "A star does not say which variables are used.", "Name each variable."),
    exp.Columns: ("star", "COLUMNS(…) does not say which variables are used.", "Name each variable."),
    exp.Mod: ("modulo", "Remainders cut people into arbitrary groups.", "Use catalogue values and ranges."),
    exp.Distinct: ("distinct", "DISTINCT is understood only in COUNT(DISTINCT x).", "Use GROUP BY."),
    exp.PositionalColumn: ("position", "A column by its position (#1) is not understood.", "Name the variable."),
    exp.Anonymous: ("function", "{} is not on the list of functions.", "The documentation lists those that are."),
    exp.Parameter: ("parameter", "Parameters are not understood.", "Write the value."),
    exp.Placeholder: ("parameter", "Parameters are not understood.", "Write the value."),
    exp.Stddev: ("deviation", "Standard deviations and variances are not understood yet.", "Use AVG."),
    exp.StddevPop: ("deviation", "Standard deviations and variances are not understood yet.", "Use AVG."),
    exp.StddevSamp: ("deviation", "Standard deviations and variances are not understood yet.", "Use AVG."),
    exp.Variance: ("deviation", "Standard deviations and variances are not understood yet.", "Use AVG."),
    exp.VariancePop: ("deviation", "Standard deviations and variances are not understood yet.", "Use AVG."),
    exp.CountIf: ("filter-clause", "COUNT_IF is not understood yet.", "Write SUM(CASE WHEN … THEN 1 ELSE 0 END)."),
    **dict.fromkeys((exp.Count, exp.Sum, exp.Avg), NESTED),
    **dict.fromkeys((exp.GroupingSets, exp.Cube, exp.Rollup), SETS),
    **dict.fromkeys(
        (exp.Min, exp.Max, exp.AnyValue, exp.First, exp.Last, exp.Median, exp.Mode, exp.GroupConcat, exp.ArrayAgg,
         exp.ArgMax, exp.ArgMin, exp.PercentileCont, exp.PercentileDisc, exp.Quantile, exp.WithinGroup, exp.FirstValue,
         exp.LastValue, exp.JSONArrayAgg, exp.JSONObjectAgg, exp.IgnoreNulls, exp.RespectNulls),
        INDIVIDUAL,
    ),
}  # fmt: skip
"""What is refused by a name of its own; every other class that is not handled is `function`."""

ARGUMENTS: dict[str, tuple[str, str, str]] = {
    "having": ("having", "HAVING is not understood yet.", "Leave it out: small cells are suppressed anyway."),
    "query": NAMED[exp.Subquery],
    "group": NESTED,
    "order": ("order-by", "ORDER BY inside a derived table orders nothing.", "Leave it out."),
    "limit": (
        "limit",
        "TOP and LIMIT are not understood yet.",
        "Leave it out: the whole table is protected and released.",
    ),
    "offset": ("limit", "OFFSET and FETCH are not understood yet.", "Leave it out."),
    "distinct": ("distinct", "SELECT DISTINCT shows values of rows.", "Use GROUP BY and COUNT(*)."),
    "into": ("into", "SELECT INTO writes a table.", "Leave INTO out: the result is the output."),
    "windows": NAMED[exp.Window],
    "qualify": ("window", "QUALIFY filters windows.", "Use GROUP BY."),
    "hint": ("hint", "Hints are not understood.", "Leave the hint out."),
    "hints": ("hint", "Hints are not understood.", "Leave the hint out."),
    "options": ("option", "OPTION (…) is not understood.", "Leave it out."),
    "for_": ("for-xml", "FOR XML and FOR JSON pack rows into one value.", "Leave it out."),
    "sample": ("sample", "Sampling is not understood.", "Leave it out."),
    "pivots": ("pivot", "PIVOT is not understood.", "Use SUM(CASE WHEN … THEN 1 ELSE 0 END)."),
    "laterals": ("lateral", "APPLY and LATERAL are not understood yet.", "Use a join."),
    "recursive": ("recursive", "WITH RECURSIVE is refused.", "Write the query without recursion."),
    "grouping_sets": SETS,
    "cube": SETS,
    "rollup": SETS,
    "totals": SETS,
    "using": ("using", "USING is not understood yet.", "Write ON a.key = b.key."),
    "catalog": (
        "physical-name",
        "A name of three parts is not a catalogue name.",
        "Write schema.table as in the catalogue.",
    ),
    "when": ("time-travel", "Time travel is refused.", "Filter on the table's year."),
    "version": ("time-travel", "Time travel is refused.", "Filter on the table's year."),
}


def refuse_node(node: exp.Expr) -> Stop:
    """The refusal of a construct that has no meaning here yet."""
    name = node.name.upper() if isinstance(node, exp.Anonymous) else type(node).__name__
    default = (
        "function",
        "{} is not understood here.",
        "See the documentation for what is; ask for it if you need it.",
    )
    code, message, advice = NAMED.get(type(node), default)
    shown = name if name.isascii() and len(name) <= 40 else "This"
    return Stop(code, message.format(shown), advice, node)


def refuse_argument(node: exp.Expr, key: str) -> Stop:
    """The refusal of a clause or option of a construct that is itself understood."""
    default = ("clause", f"The clause {key.strip('_')!r} of {type(node).__name__} is not understood.", LATER)
    code, message, advice = ARGUMENTS.get(key, default)
    return Stop(code, message, advice, node)

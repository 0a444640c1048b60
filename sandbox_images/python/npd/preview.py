"""What the broker would make of handed rows, printed where the data are synthetic: a preview without any protection."""

import pyarrow as pa
import pyarrow.compute as pc

from npd.handing import Handed

MOST = 30
FUNCTIONS = {"std": "stddev", "median": "approximate_median", "share": "mean", "ones": "sum"}
OPTIONS = {"std": pc.VarianceOptions(ddof=1)}


def table(handed: Handed, rows: pa.Table) -> None:
    """Groups in order, with their figures."""
    made = tabulated(handed, rows)
    print(f"output {handed.name}: a table of {made.num_rows:,} rows from {rows.num_rows:,} rows of synthetic data")
    _print(made.slice(0, MOST))
    if made.num_rows > MOST:
        print(f"... and {made.num_rows - MOST:,} more rows")
    print("(no rule was applied to this: the broker tabulates the rows again and protects small groups)")
    for column in _unbounded(handed.request):
        print(f"(say bounds={{{column!r}: (least, largest)}}: figures of {column} lose their digits without)")


def _unbounded(request: dict) -> list[str]:
    """Measured numbers that are no catalogue variables, and of which the broker knows no bounds."""
    asked = [(word, c) for measure in request["measures"].values() for word, c in measure.items()]
    own = {c: None for word, c in asked if word in ("sum", "mean", "median", "std") and c not in request["variables"]}
    return [c for c in own if c not in request.get("bounds", {})]


def tabulated(handed: Handed, rows: pa.Table) -> pa.Table:
    keys, person = handed.request["by"], handed.request["person"]
    asked = [_aggregate(measure, person) for measure in handed.request["measures"].values()]
    grouped = pa.TableGroupBy(rows, keys, use_threads=False).aggregate(asked)
    made = pa.table(
        {key: grouped[key] for key in keys}
        | {name: grouped[_made(each)] for name, each in zip(handed.request["measures"], asked, strict=True)}
    )
    return made.sort_by([(key, "ascending") for key in keys]) if keys else made


def regression(handed: Handed, rows: pa.Table) -> None:
    """The model as statsmodels fits it, where that is installed; the formula is the author's own."""
    formula, family = handed.request["formula"], handed.request["family"]
    print(f"output {handed.name}: a regression of {rows.num_rows:,} rows of synthetic data: {formula}")
    formula = formula.partition("|")[0]
    try:
        import statsmodels.formula.api as models
    except ImportError:
        print("(install statsmodels to see a preview of the fit)")
        return
    options = {} if family == "ols" else {"disp": 0}
    try:
        fitted = getattr(models, family)(formula, rows.to_pandas()).fit(**options)
    except Exception as fault:  # whatever a model dies of on synthetic data, the script goes on as it would in a job
        print(f"(on the synthetic data it cannot be fitted: {fault})")
        return
    for name, value, error in zip(fitted.params.index, fitted.params, fitted.bse, strict=True):
        print(f"  {name:<30} {value:12.4g}  (standard error {error:.3g})")


def _aggregate(measure: dict, person: str) -> tuple:
    ((word, column),) = measure.items()
    if word == "count":
        return ([], "count_all")
    if word == "persons":
        return (person, "count_distinct")
    function = FUNCTIONS.get(word, word)
    return (column, function, OPTIONS[word]) if word in OPTIONS else (column, function)


def _made(aggregate: tuple) -> str:
    """What pyarrow calls the column of an aggregate."""
    column, function = aggregate[:2]
    return f"{column}_{function}" if column else function


def _print(made: pa.Table) -> None:
    columns = [[_text(value) for value in made[name].to_pylist()] for name in made.column_names]
    widths = [max(map(len, [name, *cells])) for name, cells in zip(made.column_names, columns, strict=True)]
    for line in zip(*([name, *cells] for name, cells in zip(made.column_names, columns, strict=True)), strict=True):
        print("  " + "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))


def _text(value: object) -> str:
    if value is None:
        return "(missing)"
    return f"{value:.4g}" if isinstance(value, float) else str(value)

"""SQL for how far a quantile must be rounded so that enough persons have a value that is rounded to the same."""

# ruff: noqa: S608 - writing SQL is what this module is for; names are its own

from collections.abc import Iterator, Sequence

from broker.domain.plans import Measure, Needs, Statistic
from broker.domain.scalars import Type

LARGEST = 12
"""The greatest power of ten that is tried: no value of a catalogue is larger."""
EXACT = "DECIMAL(38,10)"


def bins_text(keys: Sequence[str], statistics: Sequence[Statistic], needs: Needs) -> str | None:
    """A common table `bins`: of each cell, the rows that each rounding of each quantile shows as the same; None where
    no quantile is. `contributions` and `values` stand before it."""
    asked = [s for s in statistics if s.measure is Measure.QUANTILE]
    if not asked:
        return None
    columns = [f"contributions.{k}" for k in keys]
    for s in asked:
        value, quantile = _exact(f"a{s.ident}", s), _exact(f'"values".d{s.ident}', None)
        columns += [f"{value} AS x{s.ident}", f"{quantile} AS v{s.ident}"]
    on = " AND ".join(f'contributions.{k} IS NOT DISTINCT FROM "values".{k}' for k in keys) or "TRUE"
    counts = [f"COUNT(*) FILTER (WHERE {test}) AS {name}" for s in asked for test, name in _tests(s, needs)]
    inner = f'SELECT {", ".join(columns)} FROM contributions JOIN "values" ON {on}'
    grouped = f" GROUP BY {', '.join(keys)}" if keys else ""
    return f"bins AS (\nSELECT {', '.join([*keys, *counts])} FROM ({inner}){grouped}\n)"


def bin_text(statistic: Statistic, needs: Needs) -> str:
    """The least power of ten at which `least` persons are surely shown the same value; NULL if none is. Nobody has more
    rows than `largest`, and persons who are not among the other rows are among these."""
    i = statistic.ident
    rows, persons, most = (f"cells.s{i}_{n}" for n in ("rows", "persons", "largest"))
    whens = []
    for exponent in _exponents(needs):
        inside = f"bins.{_name(i, exponent)}"
        there = f"greatest(({inside} + {most} - 1) // nullif({most}, 0), {persons} - ({rows} - {inside}))"
        whens.append(f"WHEN {there} >= {needs.least} THEN {exponent}")
    return f"CAST(CASE {' '.join(whens)} END AS BIGINT)"


def _tests(statistic: Statistic, needs: Needs) -> Iterator[tuple[str, str]]:
    i = statistic.ident
    for exponent in _exponents(needs):
        yield f"round(x{i}, {-exponent}) = round(v{i}, {-exponent})", _name(i, exponent)


def _exponents(needs: Needs) -> range:
    return range(-needs.digits, LARGEST + 1)


def _name(ident: int, exponent: int) -> str:
    return f"b{ident}_{exponent + 100}"


def _exact(column: str, statistic: Statistic | None) -> str:
    """As it is written: a floating number is what its shortest text says, as it is when it is shown."""
    if statistic is not None and statistic.argument is not None and statistic.argument.type is not Type.DOUBLE:
        return f"TRY_CAST({column} AS {EXACT})"
    return f"TRY_CAST(CAST({column} AS VARCHAR) AS {EXACT})"

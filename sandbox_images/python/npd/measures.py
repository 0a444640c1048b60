"""What a table measures, as scripts write it, to what a request holds. Reads no row."""

from collections.abc import Mapping
from typing import Any

from npd.errors import NpdError, listed

ALONE = ("count", "persons")
OF_A_COLUMN = ("sum", "mean", "share", "ones", "median", "std")
STATISTICS = (*ALONE, *OF_A_COLUMN)
FORM = 'Write measures={"n": "count", "people": "persons", "mean_score": ("score", "mean")}.'
_PANDAS = {"size": "count", "nunique": "persons", "average": "mean", "avg": "mean", "stddev": "std", "sd": "std"}

Measure = dict[str, Any]


def measures_of(given: Any) -> dict[str, Measure]:
    """Name to `{"count": True}`, `{"persons": True}` or `{"mean": "score"}`. Nothing given: a count."""
    if given is None:
        return {"n": {"count": True}}
    if not isinstance(given, Mapping) or not given:
        raise NpdError(f"measures= names each figure. {FORM}")
    return {name: _measure(name, wanted) for name, wanted in given.items()}


def of_a_flag(name: str, measure: Measure) -> Measure:
    """The measure of a column of 0 and 1: its mean is a share, its sum a count, and both sides are protected."""
    ((word, column),) = measure.items()
    if word in ("median", "std"):
        raise NpdError(f'The measure {name!r}: {column!r} has only 0 and 1; ask for ("{column}", "share").')
    return {{"mean": "share", "sum": "ones"}.get(word, word): column}


def column_of(measure: Measure) -> str | None:
    """The column that a measure reads."""
    (wanted,) = measure.values()
    return None if wanted is True else wanted


def _measure(name: str, wanted: Any) -> Measure:
    if isinstance(wanted, str):
        return _alone(name, wanted)
    if isinstance(wanted, Mapping) and len(wanted) == 1:
        ((statistic, column),) = wanted.items()
        return _alone(name, statistic) if column is True else _of_a_column(name, column, statistic)
    if isinstance(wanted, (tuple, list)) and len(wanted) == 2:
        return _of_a_column(name, *wanted)
    raise NpdError(f"The measure {name!r} cannot be read. {FORM}")


def _alone(name: str, statistic: str) -> Measure:
    word = _word(name, statistic)
    if word not in ALONE:
        raise NpdError(f'The measure {name!r} says {word} of nothing: write ("column", "{word}").')
    return {word: True}


def _of_a_column(name: str, column: Any, statistic: Any) -> Measure:
    if column in STATISTICS and statistic not in STATISTICS:
        raise NpdError(f'The measure {name!r} is the wrong way round: write ("{statistic}", "{column}").')
    word = _word(name, statistic)
    if word in ALONE:
        raise NpdError(f'The measure {name!r}: {word} is of rows and takes no column. Write "{name}": "{word}".')
    if not isinstance(column, str):
        raise NpdError(f"The measure {name!r} reads a column by its name, not {column!r}.")
    return {word: column}


def _word(name: str, statistic: Any) -> str:
    if not isinstance(statistic, str):
        raise NpdError(f"The measure {name!r} names its statistic by text. {FORM}")
    if statistic in _PANDAS:
        raise NpdError(f'The measure {name!r}: the word for {statistic!r} is "{_PANDAS[statistic]}".')
    if statistic not in STATISTICS:
        raise NpdError(f"The measure {name!r}: there is no {statistic!r}. There are {listed(STATISTICS)}.")
    return statistic

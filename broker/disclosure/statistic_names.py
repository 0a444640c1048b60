"""What the names of columns, rows and keys say about their figures: extremes, counts of persons, other statistics.

A name is a hint for a checker and no proof: nothing is released because of it.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

# fmt: off
CODE_WORDS = frozenset({
    "age", "band", "bin", "category", "class", "cluster", "code", "component", "cutoff", "day", "decile", "event",
    "flag", "fold", "grade", "group", "id", "index", "iteration", "knot", "lag", "lead", "level", "month", "order",
    "percentile", "period", "phase", "quantile", "quarter", "quartile", "quintile", "rank", "stage", "step", "stratum",
    "tercile", "term", "time", "wave", "week", "year",
})
"""Words in the names of columns that identify groups or times."""
STATISTICS = frozenset({
    "average", "avg", "const", "intercept", "mean", "median", "r2", "r-squared", "sd", "std", "stdev", "sum", "var",
    "variance", "25%", "50%", "75%",
})
"""Labels of rows in a summary that are no counts."""
OTHER_FIGURES = STATISTICS | CODE_WORDS | frozenset({
    "aic", "auc", "beta", "bic", "chapter", "chi2", "coef", "coefficient", "degree", "depth", "df", "digit", "dof",
    "estimate", "figure", "freedom", "k", "model", "note", "p", "page", "param", "parameter", "part", "percent", "pct",
    "question", "r", "r2", "rate", "ratio", "score", "se", "section", "seed", "share", "statistic", "t", "table",
    "variable", "version", "z",
})
"""Last words of names in a text or JSON file whose whole numbers count no persons."""
PERSONS = frozenset({"boys", "children", "girls", "learners", "people", "persons", "pupils", "students"})
COUNTS = frozenset({"count", "counts", "freq", "frequency", "n", "nobs", "obs", "observations"})
COUNT_LABEL = COUNTS | PERSONS - {"boys", "girls"}
"""Labels of a row of counts. A row of girls may have any figure."""
AROUND_A_COUNT = frozenset({"", "all", "no", "number", "of", "total", "unweighted", "valid", "weighted"})
BOUNDS = frozenset({
    "amax", "amin", "idxmax", "idxmin", "max", "maxima", "maximum", "min", "minima", "minimum", "nanmax", "nanmin",
})
EXTREME_WORDS = BOUNDS | frozenset({
    "first", "highest", "largest", "last", "lowest", "nlargest", "nsmallest", "oldest", "smallest", "youngest",
})
SIDES = frozenset({"bottom", "top"})
"""Extremes if they are the whole name: a top set is a group."""
JOINED = re.compile(r"(?:min|max|lowest|highest|smallest|largest)[a-z]{3,}|[a-z]{3,}(?:min|max)(?:imum)?")
NOT_JOINED = re.compile(
    r"min(?:or|ut|us|ed?$|ers?$|eral|ing|im(?!um)|ist|ster|ts?$|d(?:ed|ful|set)|gl|ce)|maxim(?!um)"
    r"|.*(?:admin|vitamin|climax|jamin|[jy]asmin)$"
)
"""Ordinary words that begin or end like an extreme."""
# fmt: on
BETWEEN_WORDS = re.compile(r"[\W_]+")
BETWEEN_BOUNDS = re.compile(r"[_.]")
NEXT_PART = re.compile("(?<=[a-z])(?=[A-Z])")
NAME_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+(?:\.[0-9]+)?%?")
POSITION = r"([0-9]{1,3}(?:\.[0-9]+)?)"
PERCENTILE = rf"(?:p|pct|perc|percentile|centile|pc(?=[0-9]{{2}})|q(?=[0-9]{{2}}))_?{POSITION}(?![0-9.])"
ORDINAL = rf"{POSITION}(?:st|nd|rd|th)[_ ]?(?:p|pct|percentile|centile)|([0-9]{{2,3}})th"
PERCENTS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{PERCENTILE}|{ORDINAL}|{POSITION} ?%",
        rf".*[^a-z0-9.](?:{PERCENTILE}|{ORDINAL})",
        r"(?:.*[^a-z0-9.])?(?:p|pc|q|percentile)([0-9]{2,3})[_a-z].*|([0-9]{2,3})th[_ ].*",
        rf"(?!.*(?:ci|conf|upper|lower|bound)).*_{POSITION}%",
    )
)
"""Percentiles as a whole name, then within a longer one. p975 is 97.5; q1 is a quartile, and pc1 a component."""
WITH_QUANTILE = re.compile(r"(?:q|quantile)_?(0?\.[0-9]+|[01]\.0?|0)")
FRACTION = re.compile(r"0?\.[0-9]*[1-9][0-9]*")
INDEX_NAMES = frozenset({"", "index", "level_0", "level_1", "level_2", "unnamed: 0", "q", "quantile", "quantiles"})
"""Names of columns that can hold the labels of quantiles."""
PERCENTILES = frozenset({"centile", "percentile", "percentiles"})
DECIMAL = re.compile(r"[0-9]*\.?[0-9]+", re.ASCII)


def is_extreme(name: str, percent: float, *, alone: bool = False) -> bool:
    """Whether a name means an extreme or a quantile within `percent` of one. `alone`: a label that has to be such a
    name as a whole."""
    folded = name.casefold().strip()
    parts = {folded} if alone else {part.casefold() for part in NAME_PARTS.findall(name)}
    if folded in SIDES or parts & EXTREME_WORDS or (alone and BOUNDS & set(BETWEEN_BOUNDS.split(folded))):
        return True
    if not alone and any(JOINED.fullmatch(part) and not NOT_JOINED.match(part) for part in parts):
        return True
    separated = folded if alone else NEXT_PART.sub("_", name.strip()).casefold()
    return any(is_end(position, percent) for position in _percents(separated, alone))


def is_end(position: float, percent: float) -> bool:
    return position <= percent or position >= 100 - percent


def _percents(name: str, alone: bool) -> Iterator[float]:
    for pattern in PERCENTS[:1] if alone else PERCENTS:
        if found := pattern.fullmatch(name):
            digits = next(text for text in found.groups() if text)
            # p025 is 2.5 per cent
            yield float(digits) / (10 if len(digits) == 3 and digits != "100" and digits.isdigit() else 1)
    if found := WITH_QUANTILE.fullmatch(name):
        yield 100 * float(found[1])
    elif not alone and FRACTION.fullmatch(name):
        yield 100 * float(name)


def end_quantiles(name: str, cells: Sequence[str], percent: float) -> list[str]:
    """The cells of a column of quantile labels that are within `percent` of an end; none if the column has other
    figures. Labels are fractions of 1, or chosen percentiles: all from 1 to 100 are groups."""
    folded = name.casefold().strip()
    if folded not in INDEX_NAMES | PERCENTILES or not cells or not all(map(DECIMAL.fullmatch, cells)):
        return []
    numbers = [float(cell) for cell in cells]
    if max(numbers) <= 1 and any(0 < n < 1 for n in numbers):
        positions = [100 * n for n in numbers]
    elif folded in PERCENTILES and max(numbers) <= 100 and len(set(numbers)) <= max(numbers) - min(numbers):
        positions = numbers
    else:
        return []
    return sorted({cell for cell, position in zip(cells, positions, strict=True) if is_end(position, percent)})


def is_count(name: str) -> bool:
    """Whether a column's name has a word for a count of persons, and none for another statistic."""
    words = _words(name)
    return bool(words & COUNT_LABEL) and not words & OTHER_FIGURES


def is_count_label(label: str, *, n: bool = True) -> bool:
    """Whether a row's label means counts. `n`: whether N alone does."""
    words = _words(label) - AROUND_A_COUNT
    return bool(words) and words <= COUNT_LABEL and (n or words != {"n"})


def are_statistics(labels: Iterable[str]) -> bool:
    """Whether one of these labels is a statistic. An N is a code if none is."""
    return any(label.casefold() in STATISTICS | BOUNDS for label in labels)


def is_other_figure(name: str, *, codes: bool = True) -> bool:
    """Whether a name says that its whole numbers count no persons. `codes`: whether a code as the last word does, as
    for year; below a key year, the numbers can be counts by year."""
    words = [word for word in BETWEEN_WORDS.split(name.casefold()) if word]
    if not words or COUNT_LABEL & set(words):
        return False
    last = {words[-1], words[-1].removesuffix("s")} & OTHER_FIGURES
    return bool(STATISTICS & set(words) or (last if codes else last - CODE_WORDS))


def _words(name: str) -> set[str]:
    return set(BETWEEN_WORDS.split(name.casefold()))

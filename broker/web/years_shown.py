"""Years as people read them: those that follow one another as one run, by label on pages, by number in the register."""

from collections.abc import Iterable


def years_text(years: Iterable[int] | None) -> str:
    """By their labels: 2015/16 to 2018/19, 2020/21."""
    return "no years" if years is None else ", ".join(_run(_label(a), _label(b)) for a, b in _runs(years))


def years_told(years: Iterable[int] | None) -> str:
    """By their first calendar years, as programs read them too: 2015 to 2018, 2020."""
    return "no year" if years is None else ", ".join(_run(str(a), str(b)) for a, b in _runs(years))


def _runs(years: Iterable[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for year in sorted(years):
        if runs and runs[-1][1] == year - 1:
            runs[-1] = (runs[-1][0], year)
        else:
            runs.append((year, year))
    return runs


def _run(first: str, last: str) -> str:
    return first if first == last else f"{first} to {last}"


def _label(year: int) -> str:
    return f"{year}/{(year + 1) % 100:02}"

"""Small drawn tables of a made-up town for the release history: cells by name, with the persons in each."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

from broker.domain.release_history import HistoryEntry, HistorySource, KnownFigure
from broker.evidence.member_tables import MemberTable, members_of

WHEN = datetime(2026, 1, 1, tzinfo=UTC)
Cells = Mapping[str, Sequence[int]]


def table(
    number: int,
    cells: Cells,
    *,
    t: int = 10,
    holes: Collection[str] = (),
    total: Mapping[int, float] | None = None,
    ones: Collection[int] | None = None,
    project: str = "A",
    snapshot: str = "s1",
    recipe: str = "",
    noise: int = 0,
    within: Mapping[str, int] | None = None,
    values: bool = True,
    often: Mapping[int, int] | None = None,
) -> MemberTable:
    """A table of counts; with `total` of each person also of sums, with `ones` of the ones of a share. Persons
    `often` have so many rows, which the count counts."""
    names = list(cells)
    rows = [(p, c) for c, name in enumerate(names) for p in cells[name]]
    amounts = {}
    shown = {c: len(cells[n]) if values else None for c, n in enumerate(names) if n not in holes}
    figures = [KnownFigure(0, "rows", often is None, "count", frozenset(), shown)]
    if often is not None:
        amounts["rows"] = [often[p] for p, _ in rows]
    if total is not None:
        amounts["total"] = [total.get(p, 0) for p, _ in rows]
        figures.append(KnownFigure(1, "total", False, "sum of x", frozenset({"t.x"}), shown))
    if ones is not None:
        amounts["ones"] = [int(p in ones) for p, _ in rows]
        figures.append(KnownFigure(2, "ones", False, "ones of y", frozenset(), shown))
    members = members_of(len(names), [p for p, _ in rows], [c for _, c in rows], amounts)
    entry = HistoryEntry(
        number, f"R{number}", "o", 0, project, snapshot, "npd-default", t, recipe or f"recipe {number}", "pupil",
        HistorySource.RELEASE, WHEN, len(names), noise, within or {},
    )  # fmt: skip
    return MemberTable(entry, tuple(figures), members)


def people(*spans: tuple[int, int]) -> list[int]:
    """Persons by first and last number."""
    return [p for first, last in spans for p in range(first, last + 1)]

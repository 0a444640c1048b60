"""A project's grants by table, as people read them: years as runs, variables with equal years together. No rules."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from broker.domain.projects import Grant, Project
from broker.domain.variables import Years


@dataclass(frozen=True, slots=True)
class GrantLine:
    """Variables of one table that were granted alike."""

    variables: tuple[str, ...]
    keys: tuple[str, ...]
    years: Years | None
    justification: str


@dataclass(frozen=True, slots=True)
class TableGranted:
    name: str
    count: int
    lines: tuple[GrantLine, ...]


def tables_granted(project: Project) -> tuple[TableGranted, ...]:
    by_table = groupby(sorted(project.grants, key=lambda g: g.table), key=lambda g: g.table)
    return tuple(_table(name, list(grants)) for name, grants in by_table)


def _table(name: str, grants: list[Grant]) -> TableGranted:
    alike: dict[tuple[Years | None, str], list[Grant]] = {}
    for grant in grants:
        alike.setdefault((grant.years, grant.justification), []).append(grant)
    lines = tuple(
        GrantLine(_names(found, keys=False), _names(found, keys=True), years, why)
        for (years, why), found in alike.items()
    )
    return TableGranted(name, len({g.variable for g in grants}), lines)


def _names(grants: Iterable[Grant], *, keys: bool) -> tuple[str, ...]:
    return tuple(dict.fromkeys(g.variable for g in grants if g.link_key is keys))

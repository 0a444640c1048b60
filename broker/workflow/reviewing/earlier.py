"""How an output differs from the project's last release of the same output: figures by their keys. Judges nothing."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from broker.domain.ports import Ports
from broker.workflow.review import Look

TOLD = 200
"""So many differing figures are listed; all are counted."""

Keyed = dict[tuple[str, ...], dict[str, str]]


@dataclass(frozen=True, slots=True)
class Change:
    """One figure that is not what was released then; None where one of the two has no such row or column."""

    cell: tuple[str, ...]
    column: str
    then: str | None
    now: str | None


@dataclass(frozen=True, slots=True)
class Earlier:
    """The earlier output, and how many figures are equal. `changes` are the first of `changed`; None where the two
    cannot be compared figure by figure."""

    output: str
    job: str
    released: datetime
    equal: int
    changed: int
    changes: tuple[Change, ...] | None


def earlier(ports: Ports, look: Look, key_count: int | None) -> Earlier | None:
    """None where the project has released no other output of this name."""
    before = ports.store.last_released(look.job.submission.project, look.output.name, look.output.ident)
    if before is None or before.release_hash is None:
        return None
    release = ports.store.release_of(before.job)
    at = before.created if release is None else release.released_at
    if key_count is None or look.candidate is None or before.media_type != "text/csv":
        return Earlier(before.ident, before.job, at, 0, 0, None)
    then = _keyed(ports.shelf.get("released", before.release_hash), key_count)
    now = _keyed(look.candidate, key_count)
    if then is None or now is None:
        return Earlier(before.ident, before.job, at, 0, 0, None)
    changes = list(_changes(then, now))
    figures = sum(len(row.keys() | then.get(cell, {}).keys()) for cell, row in now.items())
    gone = sum(len(row) for cell, row in then.items() if cell not in now)
    return Earlier(before.ident, before.job, at, figures + gone - len(changes), len(changes), tuple(changes[:TOLD]))


def _keyed(content: bytes, key_count: int) -> Keyed | None:
    """Rows by their keys; None where keys do not tell rows apart."""
    header, *rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig")))) or [[]]
    names = header[key_count:]
    keyed = {tuple(r[:key_count]): dict(zip(names, r[key_count:], strict=False)) for r in rows}
    return keyed if len(keyed) == len(rows) and len(set(names)) == len(names) else None


def _changes(then: Keyed, now: Keyed) -> Iterator[Change]:
    for cell in dict.fromkeys([*now, *then]):
        before, after = then.get(cell, {}), now.get(cell, {})
        for column in dict.fromkeys([*after, *before]):
            if before.get(column) != after.get(column):
                yield Change(cell, column, before.get(column), after.get(column))

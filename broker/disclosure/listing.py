"""The rows of a released table: from code lists and registers, never from the data. Judges nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import product
from math import prod

from broker.domain.evidence import CellEvidence
from broker.domain.plans import Key
from broker.domain.scalars import Value
from broker.policy.profiles import Profile

Registers = Mapping[str, Sequence[Value]]


@dataclass(frozen=True, slots=True)
class Row:
    """A row that may be shown: its keys and what was observed there. Unlisted rows are shown only if they pass."""

    keys: tuple[Value, ...]
    cell: CellEvidence | None
    listed: bool


def list_of(key: Key, registers: Registers) -> tuple[Value, ...] | None:
    """Every value that rows may have for this key, in order; None where no list exists."""
    if key.domain is not None:
        return tuple(dict.fromkeys(key.domain))
    found = registers.get(key.variable) if key.variable is not None else None
    return None if found is None else tuple(dict.fromkeys(found))


def listed_rows(
    keys: Sequence[Key], cells: Sequence[CellEvidence], profile: Profile, registers: Registers
) -> tuple[list[Row], bool]:
    """The rows in list order, and whether the lists cover the table.

    Where each key has a list and the product is not too large, every combination is a row, whether or not it
    occurs. Observed values outside the lists (a code that the catalogue does not know, a missing value that
    the list does not name) follow as unlisted rows: absent then means nobody, or too few.
    """
    lists = [list_of(k, registers) for k in keys]
    known = [v for v in lists if v is not None]
    observed = {c.keys: c for c in cells}
    covered = len(known) == len(lists) and prod(map(len, known)) <= profile.max_listed_rows
    combinations = list(product(*known)) if covered else []
    rows = [Row(keys=c, cell=observed.pop(c, None), listed=True) for c in combinations]
    places = [{v: i for i, v in enumerate(v_list or ())} for v_list in lists]
    extra = sorted(observed.values(), key=lambda c: tuple(map(_place, c.keys, places)))
    return rows + [Row(c.keys, c, listed=False) for c in extra], covered


def _place(value: Value, places: Mapping[Value, int]) -> tuple[int, int, str, Decimal, str]:
    """List order first, then a total order over everything else; missing last."""
    if value in places:
        return (0, places[value], "", Decimal(0), "")
    match value:
        case None:
            return (2, 0, "", Decimal(0), "")
        case bool() | int() | Decimal():
            return (1, 0, "number", Decimal(value), "")
        case float():
            return (1, 0, "number", Decimal(repr(value)), "")
        case date():
            return (1, 0, "date", Decimal(0), value.isoformat())
        case _:
            return (1, 0, "text", Decimal(0), value)

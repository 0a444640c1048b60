"""What a vault's build proved of its rows: facts of the data that evidence may rely on. Nothing that a catalogue
promises, and nothing that was not looked at row by row."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

Numbers = Mapping[str, int | Decimal]


@dataclass(frozen=True, slots=True)
class Proof:
    """Of one table and one year.

    max_rows   the most rows of one person; rows without a key are persons of their own
    totals     of exact numbers: the largest sum of |x| over one person's rows
    smallest   of exact numbers: the least x
    codes      of variables of which the vault holds the number of each row's code too: the codes, by number from 0,
               in the order of texts
    """

    max_rows: int
    totals: Numbers = field(default_factory=dict)
    smallest: Numbers = field(default_factory=dict)
    codes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


Proofs = Mapping[str, Mapping[int | None, Proof]]
"""By table, each year that the vault holds of it (None: a table without a year axis). A table that is not here has
nothing proved; one that is has rows of these years and no others."""

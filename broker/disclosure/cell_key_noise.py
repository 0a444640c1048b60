"""Noise on counts by cell keys: equal sets of persons always get equal noise. Takes no decisions."""

from broker.disclosure.cell_key_table import cell_key_table
from broker.domain.errors import Breach
from broker.domain.evidence import StatisticEvidence
from broker.policy.disclosure_rules import DisclosureRules


class CellKeyNoise:
    """Cell-key rounding of counts under one profile. Raises Breach if the evidence lacks record keys."""

    def __init__(self, profile: DisclosureRules) -> None:
        self.profile = profile
        self._table = cell_key_table(profile.noise_deviation, profile.noise_variance, profile.noise_least)

    def of_persons(self, count: int, evidence: StatisticEvidence) -> int:
        return max(0, count + self._change(evidence.persons, evidence.cell_key))

    def of_rows(self, rows: int, persons: int, key: int | None) -> int:
        """Rows of so many persons. If no persons are reported (a sum of zeros), each row counts as a person."""
        # A sum of zeros has rows but no persons.
        persons = persons or rows
        times = max(1, _nearest_multiple(rows, persons)) if persons else 1
        # Rows beyond `times` for each person are rounded to a multiple of the average rows of 2t persons.
        base = 2 * self.profile.t * times
        beyond = _nearest_multiple(rows - times * persons, base) * base
        return max(0, times * (persons + self._change(persons, key)) + beyond)

    def _change(self, persons: int, key: int | None) -> int:
        if not persons:  # nobody is never changed to somebody
            return 0
        if key is None:
            raise Breach("The profile's rounding needs record keys, which the evidence does not have.")
        return self._table.change(persons, key)


def _nearest_multiple(amount: int, base: int) -> int:
    """The amount divided by the base, rounded half up to a whole number."""
    return (2 * amount + base) // (2 * base)

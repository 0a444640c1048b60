"""Texts that identify planned tables across jobs and projects: recipes and figures. Contains no data.

Two tables with equal recipes count the same persons by the same keys with the same statistics, however each is written.
"""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256

from broker.domain.findings import TableRecord
from broker.domain.plans.measure import RATIOS, Contribution, Measure
from broker.domain.plans.member_amounts import condition_statistics
from broker.domain.plans.operators import Scan, walk
from broker.domain.plans.plan import PlannedStatistic, PlannedTable
from broker.domain.plans.scalars import Value, column_ids, scalar_text
from broker.domain.release_history import KnownFigure
from broker.evidence.member_tables import Movable, Total
from broker.evidence.table_populations import ColumnNumbers, Population, population_of

CellNumbers = Mapping[tuple[Value, ...], int]
"""The number of each cell of a table, by its keys."""

HASH_DIGITS = 15


class StableColumnNumbers(ColumnNumbers):
    """Numbers that depend only on the names, so that texts of two jobs can be compared."""

    def number(self, name: str) -> int:
        found = int(sha256(name.encode()).hexdigest()[:HASH_DIGITS], 16)  # fits 64 bits
        return self.numbers.setdefault(name, found)


def recipe_of(table: PlannedTable, rows: str = "") -> str:
    """A hash of population, keys and shown statistics. Code lists of keys and ids of statistics do not matter. `rows`
    is a hash of the rows that a script handed over, because its plan does not say whose rows they are."""
    population = population_of(table, StableColumnNumbers())
    # Sorted: spelling and order do not matter.
    conditions = " and ".join(sorted(scalar_text(c) for c in population.conditions))
    keys = ", ".join(scalar_text(population.of(k.expression)) for k in table.keys)
    statistics = ", ".join(sorted(_statistic_text(s, population) for s in shown_statistics(table)))
    source = f"\nfrom {rows}" if rows else ""
    return sha256(f"{population.base}\nwhere {conditions}\nby {keys}\nof {statistics}{source}".encode()).hexdigest()


def shown_statistics(table: PlannedTable) -> Iterator[PlannedStatistic]:
    """Statistics that are figures of their own: implied ones are left out."""
    return (s for s in table.statistics if s.implied_by is None)


def person_scans(table: PlannedTable) -> list[Scan]:
    """The scans of person tables in a planned table."""
    return [r for r in walk(table.contributions) if isinstance(r, Scan) and r.person is not None]


def disclosed_figures(
    table: PlannedTable, record: TableRecord, cells: CellNumbers, read: frozenset[int]
) -> tuple[KnownFigure, ...]:
    """The figures that a judged table discloses for each of its cells if it is released; `read` are the statistics that
    the output reads."""
    idents = (s.ident for s in shown_statistics(table) if s.ident in read)
    return known_figures(table, {ident: _shown_values(record, cells, ident) for ident in idents})


def known_figures(table: PlannedTable, values: Mapping[int, Mapping[int, Value]]) -> tuple[KnownFigure, ...]:
    """The figures of a planned table that shows these values, by statistic and cell number."""
    population, variables = population_of(table, StableColumnNumbers()), _column_variables(table)
    found: list[KnownFigure] = []
    for statistic in shown_statistics(table):
        if statistic.ident not in values:
            continue
        text, reads = _statistic_text(statistic, population), _variables_read(statistic, variables)
        shown = values[statistic.ident]
        found += [
            KnownFigure(statistic.ident, amount, once, text, reads if of_values else frozenset(), shown)
            for amount, once, of_values in (*statistic_totals(statistic), *_condition_totals(statistic, table))
        ]
    return tuple(found)


def statistic_totals(statistic: PlannedStatistic) -> Sequence[tuple[str, bool, bool]]:
    """The totals over persons that a statistic discloses: (amount, once, whether it sums values).

    A quantile or deviation is no total, so its persons themselves count: who is in it or not. A sum or mean has them as
    well: if two of them are equal, the persons who are in only one have the value 0.
    """
    given, ones, total = (f"s{statistic.ident}_{name}" for name in ("given", "ones", "total"))
    traits = statistic.measure.traits
    divided = [(given, False, False)] if traits.is_ratio else []
    match traits.contribution:
        case Contribution.ROW:
            return [("rows", False, False)]
        case Contribution.PRESENCE if traits.counts_persons and statistic.argument is None:
            return [("", False, False)]
        case Contribution.PRESENCE:
            return [(given, traits.counts_persons, False)]
        case Contribution.INDICATOR:
            return [(ones, False, False), *divided]
        case Contribution.AMOUNT:
            return [(total, False, True), *divided, (given, True, True)]
        case Contribution.VALUE:
            return [(given, True, True), (given, False, False)]


def movable_totals(table: PlannedTable) -> Movable:
    """The totals of a table of which the released figure can be moved (`shifted_evidence`). Who meets a
    condition inside a sum follows the sum, as who has a value does."""
    counts, holders, sums = set[Total](), set[Total](), set[Total]()
    for statistic in shown_statistics(table):
        # Whoever has a value in a quantile or deviation counts, and no value follows from how many there are.
        all_count = statistic.measure.traits.contribution is Contribution.VALUE
        for amount, once, values in statistic_totals(statistic):
            if statistic.measure is Measure.SUM and statistic.counts and not once:
                kind = counts
            else:
                kind = counts if all_count or not values else holders if once else sums
            kind.add((statistic.ident, amount, once))
        if not statistic.counts:
            holders |= {(statistic.ident, amount, once) for amount, once, _ in _condition_totals(statistic, table)}
    return Movable(frozenset(counts), frozenset(holders), frozenset(sums))


def _condition_totals(statistic: PlannedStatistic, table: PlannedTable) -> Sequence[tuple[str, bool, bool]]:
    """Totals that can be read out of a sum through constants in its argument, which its author can choose freely: whom
    each condition is true of, and the number of rows."""
    ones = [(f"s{c.ident}_ones", False, False) for c in condition_statistics(statistic, table)]
    return ones if not ones or statistic.measure in RATIOS else [*ones, (f"s{statistic.ident}_given", False, False)]


def _statistic_text(statistic: PlannedStatistic, population: Population) -> str:
    argument = "" if statistic.argument is None else scalar_text(population.of(statistic.argument))
    form = "" if statistic.form is None else f" {statistic.form!r}"
    return f"{statistic.measure.value}({argument}){form}{' truncated' if statistic.truncated else ''}"


def _column_variables(table: PlannedTable) -> dict[int, str]:
    """The variable of each column that is an unchanged variable."""
    return {c.ident: f"{s.table}.{c.variable}" for s in person_scans(table) for c in s.columns}


def _variables_read(statistic: PlannedStatistic, variables: Mapping[int, str]) -> frozenset[str]:
    """The variables that an argument reads. A computed column could read anything from the table."""
    idents = frozenset() if statistic.argument is None else column_ids(statistic.argument)
    # Too many variables only means more comparisons, too few would miss one.
    return frozenset(variables[i] for i in idents) if idents <= variables.keys() else frozenset(variables.values())


def _shown_values(record: TableRecord, cells: CellNumbers, ident: int) -> dict[int, Value]:
    found: dict[int, Value] = {}
    for keys, _, __, judged in record.cells:
        for one in judged:
            if one.statistic == ident and not one.hidden:
                found[cells[keys]] = one.released
    return found

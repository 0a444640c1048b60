"""Evidence of sums and means of a table of person rows, in as few groups as may be. Judges nothing."""

# ruff: noqa: S608 - SQL is put together from names of its own and literals

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from broker.disclosure.files.tabulation import Wanted
from broker.disclosure.repair.tables import Place
from broker.domain.evidence import StatisticEvidence
from broker.domain.plans import Measure
from broker.engine.person_table import Row, Table
from broker.postprocessing.evaluate import WIDE


def sums_of(table: Table, name: str) -> dict[Wanted, dict[Place, StatisticEvidence]]:
    """Of sum and mean of a column. Persons with the same total are put together first: they are fewer, and the most
    common total is wanted."""
    value = table.columns[name]
    if table.least is not None:
        return _of_both(name, table.by_place(_single_sums(table.keys, value, table.least)))
    if table.once:
        inner = f"SELECT {table.keys}, {value} AS t, count(*) AS c FROM rows WHERE {value} IS NOT NULL GROUP BY ALL"
        total = f"SELECT {table.keys}, t, sum(c)::BIGINT AS c FROM ({inner}) GROUP BY {table.groups}, t"
        amounts = f"SELECT *, c AS n FROM ({total if table.asked.totals else inner})"
    else:
        people = (
            f"SELECT {table.keys}, p, sum({value}) AS t, count({value}) AS n FROM rows WHERE {value} IS NOT NULL "
            f"GROUP BY {table.groups}, p"
        )
        amounts = f"SELECT {table.keys}, t, count(*) AS c, sum(n) AS n FROM ({people}) GROUP BY {table.keys}, t"
    query = (
        f"SELECT {table.keys}, sum(n), sum(c) FILTER (t <> 0), sum(c), sum(t * c), max(abs(t)), "
        "greatest(list_extract(max(abs(t), 2), 2), max(abs(t)) FILTER (c > 1)), min(t), max(t), max(c) "
        f"FROM ({amounts}) GROUP BY {table.keys}"
    )
    return _of_both(name, table.by_place(query))


def add_up(table: Table) -> None:
    """Where each person has one row: the table `cells` with the rows of each, and with all that its sums need, of every
    column in one pass. Values that fall on many of 63 places are as many different ones."""
    parts = "".join(
        f", count({v}) AS n_{v}, count(*) FILTER ({v} <> 0) AS some_{v}, sum({v}) AS total_{v}, "
        f"max(abs({v}), 2) AS most_{v}, min({v}) AS low_{v}, max({v}) AS high_{v}, "
        f"bit_count(bit_or(1::BIGINT << (hash({v}) % 63)::INT) FILTER ({v} IS NOT NULL)) AS places_{v}"
        for v in (table.columns[name] for name in table.asked.measures)
    )
    table.con.execute(f"CREATE TEMP TABLE cells AS SELECT {table.keys}, count(*) AS n{parts} FROM rows GROUP BY ALL")


def _single_sums(keys: str, v: str, least: int) -> str:
    """Of one column from `cells`. Only where values fall on no more than `least` places, the persons with the most
    common one are counted."""
    alike = f"SELECT {keys}, {v} AS t, count(*) AS c FROM rows SEMI JOIN doubtful USING ({keys}) GROUP BY ALL"
    return (
        f"WITH doubtful AS (SELECT {keys} FROM cells WHERE places_{v} <= {least}), "
        f"common AS (SELECT {keys}, max(c) AS c FROM ({alike}) WHERE t IS NOT NULL GROUP BY {keys}) "
        f"SELECT {keys}, n_{v}, some_{v}, n_{v}, total_{v}, most_{v}[1], most_{v}[2], low_{v}, high_{v}, "
        f"coalesce(c, n_{v} - places_{v} + 1) FROM cells LEFT JOIN common USING ({keys})"
    )


def _of_both(name: str, found: Mapping[Place, Row]) -> dict[Wanted, dict[Place, StatisticEvidence]]:
    both = {place: _evidence(*row) for place, row in found.items() if row[0]}
    return {
        Wanted(Measure.SUM, name): {place: total for place, (total, _) in both.items()},
        Wanted(Measure.MEAN, name): {place: mean for place, (_, mean) in both.items()},
    }


def _evidence(
    rows: Any, some: Any, persons: Any, total: Any, largest: Any, second: Any, low: Any, high: Any, common: Any
) -> tuple[StatisticEvidence, StatisticEvidence]:
    """Of the sum and of the mean."""
    found, mean = plain(total), Decimal(total) / Decimal(int(rows))
    shared = (plain(largest), plain(second or 0), plain(low), plain(high), found)
    others = int(persons) - int(common)
    return (
        StatisticEvidence(found, int(rows), int(some or 0), 0, 0, *shared, others=others),
        StatisticEvidence(mean, int(rows), int(persons), 0, 0, *shared, others=others),
    )


def plain(value: Any) -> Any:
    """Whole numbers as such; text is left as it is."""
    if not isinstance(value, Decimal):
        return value
    whole = int(value)
    return whole if whole == value else value.normalize(WIDE)

"""Evidence of sums and means of a table of person rows, in as few groups as may be. Judges nothing."""

# ruff: noqa: S608 - SQL is put together from names of its own and literals

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from broker.disclosure.evaluate import WIDE
from broker.disclosure.files.tabulation import Wanted
from broker.disclosure.repair.tables import Place
from broker.domain.outputs import StatisticEvidence
from broker.domain.plans import Measure
from broker.engine.person_table import Row, Table


def sums_of(table: Table, name: str) -> dict[Wanted, dict[Place, StatisticEvidence]]:
    """Of sum and mean of a column. Persons with the same total are put together first: they are fewer, and the most
    common total is wanted."""
    value, needs = table.columns[name], table.asked.needs
    if table.once and needs is not None and not table.asked.totals:
        found = table.by_place(_single_sums(table.keys, value, needs.least))
        return _of_both(name, found)
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


def _single_sums(keys: str, value: str, least: int) -> str:
    """The same where each person has one row. Values that fall on more than `least` of 63 places are as many different
    ones; only in cells where they do not, the persons with the most common one are counted."""
    where = f"FROM rows WHERE {value} IS NOT NULL"
    places = f"bit_count(bit_or(1::BIGINT << (hash({value}) % 63)::INT))"
    alike = f"SELECT {keys}, {value} AS t, count(*) AS c FROM rows SEMI JOIN doubtful USING ({keys}) GROUP BY ALL"
    return (
        f"WITH cells AS MATERIALIZED (SELECT {keys}, count(*) AS n, count(*) FILTER ({value} <> 0) AS not_zero, "
        f"sum({value}) AS total, max(abs({value}), 2) AS most, min({value}) AS low, max({value}) AS high, "
        f"{places} AS places {where} GROUP BY {keys}), "
        f"doubtful AS (SELECT {keys} FROM cells WHERE places <= {least}), "
        f"common AS (SELECT {keys}, max(c) AS c FROM ({alike}) WHERE t IS NOT NULL GROUP BY {keys}) "
        f"SELECT {keys}, n, not_zero, n, total, most[1], most[2], "
        f"low, high, coalesce(c, n - places + 1) FROM cells LEFT JOIN common USING ({keys})"
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

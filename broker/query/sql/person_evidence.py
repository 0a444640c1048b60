"""Person evidence as SQL: one row for each cell and person, and every evidence figure as an aggregate over these
rows."""

# ruff: noqa: S608 - writing SQL is what this module is for; names are checked, literals quoted

from collections.abc import Iterator
from typing import assert_never

from broker.domain.plans.measure import Contribution, Measure
from broker.domain.plans.plan import PlannedStatistic, PlannedTable
from broker.query.analysis.aggregate_arguments import is_never_null
from broker.query.sql.generator import contribution_rows
from broker.query.sql.key_columns import key_names
from broker.query.sql.replacement_rows import replacement_rows


def second_largest_sql(size: str) -> str:
    """SQL of the second largest size, in the type of the sizes; 0 if there is only one person."""
    return f"coalesce(list_extract(MAX({size}, 2), 2), MAX({size}) - MAX({size}))"


def others_sql(total: str, least: int) -> str:
    """SQL of the persons whose total is not the most common one: exact below `least`, otherwise a lower bound. Up to 2
    * `least` totals are inspected one by one. With more, a total that all but fewer than `least` persons share is at
    position `least` from both ends, and the others lie beyond these positions."""
    count, wide = f"COUNT({total})", 2 * least
    low, high = f"MIN({total}, {wide})", f"MAX({total}, {wide})"
    few = _unlike_sql(low, f"list_aggregate({low}, 'mode')")
    ends = " + ".join(_unlike_sql(f"{side}[1:{least}]", f"list_extract({side}, {least})") for side in (low, high))
    return (
        f"(CASE WHEN {count} = 0 THEN NULL "
        f"WHEN {count} <= {wide} THEN {few} "
        f"WHEN list_extract({low}, {least}) = list_extract({high}, {least}) THEN {ends} ELSE {least} END)"
    )


def _unlike_sql(values: str, value: str) -> str:
    return f"len(list_filter({values}, lambda x: x <> {value}))"


def whole_sum(value: str) -> str:
    """SQL of a sum of whole numbers or truth values, which is 0 without rows. Over truth values it is faster than a
    count with a filter."""
    return f"CAST(coalesce(SUM({value}), 0) AS BIGINT)"


def mean_sql(total: str, count: str, truncated: bool) -> str:
    return f"(CAST(trunc({total}) AS HUGEINT) // {count})" if truncated else f"(CAST({total} AS DOUBLE) / {count})"


EVIDENCE_FIELDS = {m: ("value", "rows", "persons", *m.traits.evidence) for m in Measure if m.traits.in_queries}
HAS_ROWS = '"rows" > 0 OR "own_rows" <> 0'
REPLACES, IS_PRESENT = -1, 1
"""Sign of a row that would replace a person, and of a row that is present."""


class PersonEvidence:
    """SQL of the evidence of one table. `institutions`: the institution columns of `contributions`."""

    def __init__(self, table: PlannedTable, least: int, institutions: tuple[str, ...] = ()) -> None:
        self._table, self._least, self._institutions = table, least, institutions
        self._keys = key_names(table)
        self._replacement = replacement_rows(table.contributions)
        self._own = "own_" if self._replacement is not None else ""
        """Prefix of the name of a figure: the figure without the rows that would replace it."""

    def common_tables(self) -> Iterator[str]:
        """Common tables `contributions` and `people`, and between them the rows that would replace people."""
        table = self._table
        institutions = [f"{institution} AS i{number}" for number, institution in enumerate(self._institutions)]
        rows = contribution_rows(table, table.contributions, table.person, self._least, institutions)
        yield f"contributions AS MATERIALIZED (\n{rows}\n)"
        source = "contributions"
        if self._replacement is not None:
            instead = contribution_rows(table, self._replacement.rows, self._replacement.person, self._least)
            yield f"instead AS (\n{instead}\n)"
            names = ", ".join([*self._keys, "p", *(f"a{s.ident}" for s in table.statistics if s.argument is not None)])
            there = f"SELECT {names}, {IS_PRESENT} AS sign FROM contributions"
            source = f"({there} UNION ALL SELECT {names}, {REPLACES} FROM instead)"
        yield f"people AS (\nSELECT {self._columns()} FROM {source} GROUP BY {', '.join([*self._keys, 'p'])}\n)"

    @property
    def rows(self) -> str:
        return whole_sum('"rows"')

    @property
    def persons(self) -> str:
        """SQL of persons who have a row in the cell, or whose replacement would have one."""
        return "COUNT(p)" if self._replacement is None else f"COUNT(p) FILTER ({HAS_ROWS})"

    @property
    def population(self) -> str:
        """SQL of all persons, each once."""
        rows = "contributions" if self._replacement is None else f"people WHERE {HAS_ROWS}"
        return f"(SELECT COUNT(DISTINCT p) FROM {rows})"

    @property
    def having(self) -> str:
        """HAVING clause: a cell exists where it has rows, not where only replacement rows would be."""
        return "" if self._replacement is None or not self._keys else ' HAVING SUM("rows") > 0'

    def _columns(self) -> str:
        columns = [*self._keys, "p", *self._counts('"rows"', "TRUE", '"own_rows"')]
        for s in self._table.statistics:
            value = f"a{s.ident}"
            match s.measure.traits.contribution:
                case Contribution.ROW:
                    continue
                case Contribution.INDICATOR:
                    columns += self._counts(f"o{s.ident}", f"{value} = 1")
                    columns += self._counts(f"z{s.ident}", f"{value} = 0")
                case Contribution.AMOUNT:
                    columns += [*self._counts(f"n{s.ident}", f"{value} IS NOT NULL"), *self._sums(f"t{s.ident}", value)]
                case Contribution.PRESENCE | Contribution.VALUE:
                    columns += self._counts(f"n{s.ident}", f"{value} IS NOT NULL")
                case other:
                    assert_never(other)
        return ", ".join(columns)

    def _counts(self, name: str, condition: str, own: str = "") -> Iterator[str]:
        """SQL of a person's rows for which a condition is true."""
        if self._replacement is None:
            yield f"COUNT(*) FILTER ({condition}) AS {name}".replace(" FILTER (TRUE)", "")
            return
        yield f"COUNT(*) FILTER (sign > 0 AND {condition}) AS {name}"
        yield f"CAST(coalesce(SUM(sign) FILTER ({condition}), 0) AS BIGINT) AS {own or f'own_{name}'}"

    def _sums(self, name: str, value: str) -> Iterator[str]:
        # replacement rows are not part of the figure itself
        there = "" if self._replacement is None else " FILTER (sign > 0)"
        yield f"SUM({value}){there} AS {name}"
        yield f"SUM(abs({value})){there} AS size_{name}"
        if self._replacement is not None:
            yield f"SUM(sign * {value}) AS own_{name}"

    def fields(self, statistic: PlannedStatistic) -> Iterator[tuple[str, str]]:
        """Each evidence field of a statistic, as SQL over `people`."""
        texts = self._texts(statistic)
        return ((name, texts[name]) for name in EVIDENCE_FIELDS[statistic.measure])

    def _texts(self, statistic: PlannedStatistic) -> dict[str, str]:
        match statistic.measure.traits.contribution:
            case Contribution.ROW:
                return self._of_rows()
            case Contribution.INDICATOR:
                return self._of_ones(statistic)
            case Contribution.AMOUNT:
                return self._of_numbers(statistic)
            case Contribution.PRESENCE | Contribution.VALUE:
                return self._of_values(statistic)

    def _of_rows(self) -> dict[str, str]:
        if self._replacement is None:
            # rows without a person belong to nobody
            persons, each = "COUNT(p)", '(CASE WHEN p IS NOT NULL THEN "rows" END)'
        else:
            persons, each = 'COUNT(p) FILTER ("own_rows" <> 0)', '(CASE WHEN p IS NOT NULL THEN abs("own_rows") END)'
        return {
            "value": self.rows, "rows": self.rows, "persons": persons,
            "largest": f"MAX({each})", "second": second_largest_sql(each),
        }  # fmt: skip

    def _of_values(self, statistic: PlannedStatistic) -> dict[str, str]:
        """Evidence of rows with a value. A figure of the rows themselves can change even if their number does not."""
        i, traits = statistic.ident, statistic.measure.traits
        rows, persons = whole_sum(f"n{i}"), f"COUNT(p) FILTER (n{i} > 0)"
        value = persons if traits.counts_persons else rows
        if self._replacement is not None:
            persons = f"COUNT(p) FILTER (own_n{i} <> 0{f' OR n{i} > 0' if traits.from_rows else ''})"
        most = f"CAST(coalesce(MAX(n{i}), 0) AS BIGINT)"
        return {
            "value": value, "rows": rows, "persons": persons, "contributors": rows, "largest": most,
            "step_number": "CAST(NULL AS BIGINT)",
        }  # fmt: skip

    def _of_ones(self, statistic: PlannedStatistic) -> dict[str, str]:
        i, own = statistic.ident, self._own
        ones, rest = whole_sum(f"o{i}"), whole_sum(f"z{i}")
        if statistic.measure.traits.is_ratio:
            value = f"(SUM(o{i}) / nullif(SUM(o{i}) + SUM(z{i}), 0))"
        else:
            never = is_never_null(statistic.argument)
            value = ones if never else f"(CASE WHEN SUM(o{i} + z{i}) > 0 THEN {ones} END)"
        return {
            "value": value, "rows": ones, "persons": f"COUNT(p) FILTER ({own}o{i} <> 0)",
            "rest": f"COUNT(p) FILTER ({own}z{i} <> 0)", "rest_rows": rest, "total": ones,
        }  # fmt: skip

    def _of_numbers(self, statistic: PlannedStatistic) -> dict[str, str]:
        i, own = statistic.ident, f"{self._own}t{statistic.ident}"
        total, count = f"SUM(t{i})", f"nullif(SUM(n{i}), 0)"
        mean = mean_sql(total, count, statistic.truncated)
        is_mean = statistic.measure.traits.is_ratio
        moved = f" OR {own} <> 0" if self._own else ""
        contributes = f"{self._own}n{i} <> 0{moved}" if is_mean else f"{own} <> 0"
        return {
            "value": mean if is_mean else total, "rows": whole_sum(f"n{i}"),
            "persons": f"COUNT(p) FILTER ({contributes})", "largest": f"MAX(abs({own}))",
            "second": second_largest_sql(f"abs({own})"), "low": f"MIN({own})", "high": f"MAX({own})",
            "others": others_sql(own, self._least), "total": total, "sizes": f"SUM(size_t{i})",
        }  # fmt: skip

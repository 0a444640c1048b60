"""Who stands behind each cell of a planned table, and with how much: DuckDB text of `people`, one row for each cell and
person, and of every figure of evidence as an aggregate over it.

A person's amount in a cell is how far the cell would move without the person. Where a public row would take the
person's place (`standing`), what that row adds is taken off.
"""

# ruff: noqa: S608 - writing SQL is what this module is for; names are checked, literals quoted

from collections.abc import Iterator

from broker.domain.plans import Measure, PlannedTable, Statistic
from broker.domain.relations import Relation
from broker.query.groups.arguments import is_never_null
from broker.query.rendering.standing import instead
from broker.query.rendering.totals import others_text, second_text
from broker.query.rendering.writing import relation_text, scalar_text

_BASE = ("value", "rows", "persons")
FIELDS: dict[Measure, tuple[str, ...]] = {
    Measure.COUNT_ROWS: (*_BASE, "largest", "second"),
    Measure.COUNT_VALUES: _BASE,
    Measure.COUNT_PERSONS: _BASE,
    Measure.COUNT_DISTINCT: (*_BASE, "contributors"),
    Measure.GAP: _BASE,
    Measure.ONES: (*_BASE, "rest", "rest_rows", "total"),
    Measure.SHARE: (*_BASE, "rest", "rest_rows", "total"),
    Measure.SUM: (*_BASE, "largest", "second", "low", "high", "others", "total", "sizes"),
    Measure.MEAN: (*_BASE, "largest", "second", "low", "high", "others", "total", "sizes"),
    Measure.QUANTILE: (*_BASE, "largest", "bin"),
    Measure.DEVIATION: _BASE,
}
BEHIND = '"rows" > 0 OR "own_rows" <> 0'
STANDS, IS_THERE = -1, 1
"""The sign of a row that would come in a person's place, and of a row that is there."""


class People:
    """`schools` are the columns of institutions, for whoever reads `contributions`."""

    def __init__(self, table: PlannedTable, least: int, schools: tuple[str, ...] = ()) -> None:
        self._table, self._least, self._schools = table, least, schools
        self._keys = [f"k{i}" for i in range(len(table.keys))]
        self._instead = instead(table.contributions)
        self._own = "own_" if self._instead is not None else ""
        """Before the name of a figure: what it is less what would take its place."""

    def parts(self) -> Iterator[str]:
        """The common tables `contributions` and `people`, and between them what would take people's places."""
        table = self._table
        yield f"contributions AS MATERIALIZED (\n{self._rows(table.contributions, table.person, self._schools)}\n)"
        source = "contributions"
        if self._instead is not None:
            yield f"instead AS (\n{self._rows(self._instead.rows, self._instead.person)}\n)"
            names = ", ".join([*self._keys, "p", *(f"a{s.ident}" for s in table.statistics if s.argument is not None)])
            there = f"SELECT {names}, {IS_THERE} AS sign FROM contributions"
            source = f"({there} UNION ALL SELECT {names}, {STANDS} FROM instead)"
        yield f"people AS (\nSELECT {self._columns()} FROM {source} GROUP BY {', '.join([*self._keys, 'p'])}\n)"

    @property
    def rows(self) -> str:
        return 'CAST(coalesce(SUM("rows"), 0) AS BIGINT)'

    @property
    def persons(self) -> str:
        """Persons with a row in the cell, or in whose place a row would come into it."""
        return "COUNT(p)" if self._instead is None else f"COUNT(p) FILTER ({BEHIND})"

    @property
    def population(self) -> str:
        """All of them, each once."""
        rows = "contributions" if self._instead is None else f"people WHERE {BEHIND}"
        return f"(SELECT COUNT(DISTINCT p) FROM {rows})"

    @property
    def having(self) -> str:
        """A cell is where rows are: not where some would only come."""
        return "" if self._instead is None or not self._keys else ' HAVING SUM("rows") > 0'

    def _rows(self, relation: Relation, person: int, schools: tuple[str, ...] = ()) -> str:
        table = self._table
        columns = [f"{scalar_text(k.expression)} AS k{i}" for i, k in enumerate(table.keys)]
        columns.append(f"c{person} AS p")
        columns += [f"{school} AS i{number}" for number, school in enumerate(schools)]
        columns += [f"{scalar_text(s.argument)} AS a{s.ident}" for s in table.statistics if s.argument is not None]
        return f"SELECT {', '.join(columns)} FROM {relation_text(relation, self._least)}"

    def _columns(self) -> str:
        columns = [*self._keys, "p", *self._counts('"rows"', "TRUE", '"own_rows"')]
        for s in self._table.statistics:
            value = f"a{s.ident}"
            match s.measure:
                case Measure.COUNT_ROWS:
                    continue
                case Measure.ONES | Measure.SHARE:
                    columns += self._counts(f"o{s.ident}", f"{value} = 1")
                    columns += self._counts(f"z{s.ident}", f"{value} = 0")
                case Measure.SUM | Measure.MEAN:
                    columns += [*self._counts(f"n{s.ident}", f"{value} IS NOT NULL"), *self._sums(f"t{s.ident}", value)]
                case _:
                    columns += self._counts(f"n{s.ident}", f"{value} IS NOT NULL")
        return ", ".join(columns)

    def _counts(self, name: str, condition: str, own: str = "") -> Iterator[str]:
        """How many rows of a person a condition is true of."""
        if self._instead is None:
            yield f"COUNT(*) FILTER ({condition}) AS {name}".replace(" FILTER (TRUE)", "")
            return
        yield f"COUNT(*) FILTER (sign > 0 AND {condition}) AS {name}"
        yield f"CAST(coalesce(SUM(sign) FILTER ({condition}), 0) AS BIGINT) AS {own or f'own_{name}'}"

    def _sums(self, name: str, value: str) -> Iterator[str]:
        there = "" if self._instead is None else " FILTER (sign > 0)"
        yield f"SUM({value}){there} AS {name}"
        yield f"SUM(abs({value})){there} AS size_{name}"
        if self._instead is not None:
            yield f"SUM(sign * {value}) AS own_{name}"

    def fields(self, statistic: Statistic) -> Iterator[tuple[str, str]]:
        """Each evidence field of a statistic as an aggregate over people."""
        made = {
            Measure.COUNT_ROWS: self._of_rows,
            Measure.ONES: self._of_ones,
            Measure.SHARE: self._of_ones,
            Measure.SUM: self._of_numbers,
            Measure.MEAN: self._of_numbers,
        }.get(statistic.measure, self._of_values)
        texts = made(statistic)
        return ((name, texts[name]) for name in FIELDS[statistic.measure])

    def _of_rows(self, _: Statistic) -> dict[str, str]:
        if self._instead is None:
            persons, each = "COUNT(p)", '(CASE WHEN p IS NOT NULL THEN "rows" END)'
        else:
            persons, each = 'COUNT(p) FILTER ("own_rows" <> 0)', '(CASE WHEN p IS NOT NULL THEN abs("own_rows") END)'
        return {
            "value": self.rows, "rows": self.rows, "persons": persons,
            "largest": f"MAX({each})", "second": second_text(each),
        }  # fmt: skip

    def _of_values(self, statistic: Statistic) -> dict[str, str]:
        """Other values of as many rows can move what is no count."""
        i, measure = statistic.ident, statistic.measure
        rows, persons = f"CAST(coalesce(SUM(n{i}), 0) AS BIGINT)", f"COUNT(p) FILTER (n{i} > 0)"
        value = persons if measure is Measure.COUNT_PERSONS else rows
        if self._instead is not None:
            counts = measure in {Measure.COUNT_VALUES, Measure.COUNT_PERSONS, Measure.GAP}
            persons = f"COUNT(p) FILTER (own_n{i} <> 0{'' if counts else f' OR n{i} > 0'})"
        most = f"CAST(coalesce(MAX(n{i}), 0) AS BIGINT)"
        return {
            "value": value, "rows": rows, "persons": persons, "contributors": rows, "largest": most,
            "bin": "CAST(NULL AS BIGINT)",
        }  # fmt: skip

    def _of_ones(self, statistic: Statistic) -> dict[str, str]:
        i, own = statistic.ident, self._own
        ones, rest = f"CAST(coalesce(SUM(o{i}), 0) AS BIGINT)", f"CAST(coalesce(SUM(z{i}), 0) AS BIGINT)"
        if statistic.measure is Measure.ONES:
            never = is_never_null(statistic.argument)
            value = ones if never else f"(CASE WHEN SUM(o{i} + z{i}) > 0 THEN {ones} END)"
        else:
            value = f"(SUM(o{i}) / nullif(SUM(o{i}) + SUM(z{i}), 0))"
        return {
            "value": value, "rows": ones, "persons": f"COUNT(p) FILTER ({own}o{i} <> 0)",
            "rest": f"COUNT(p) FILTER ({own}z{i} <> 0)", "rest_rows": rest, "total": ones,
        }  # fmt: skip

    def _of_numbers(self, statistic: Statistic) -> dict[str, str]:
        i, own = statistic.ident, f"{self._own}t{statistic.ident}"
        total, count = f"SUM(t{i})", f"nullif(SUM(n{i}), 0)"
        mean = (
            f"CAST(trunc({total}) AS HUGEINT) // {count}"
            if statistic.truncated
            else f"CAST({total} AS DOUBLE) / {count}"
        )
        is_sum = statistic.measure is Measure.SUM
        moved = f" OR {own} <> 0" if self._own else ""
        contributes = f"{own} <> 0" if is_sum else f"{self._own}n{i} <> 0{moved}"
        return {
            "value": total if is_sum else f"({mean})", "rows": f"CAST(coalesce(SUM(n{i}), 0) AS BIGINT)",
            "persons": f"COUNT(p) FILTER ({contributes})", "largest": f"MAX(abs({own}))",
            "second": second_text(f"abs({own})"), "low": f"MIN({own})", "high": f"MAX({own})",
            "others": others_text(own, self._least), "total": total, "sizes": f"SUM(size_t{i})",
        }  # fmt: skip

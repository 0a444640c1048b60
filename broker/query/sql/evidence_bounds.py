"""Evidence bounds of one statistic: what a first pass gives for every cell, and what doubtful cells need.

Columns of the rows: a{i} the argument, p the person, r the row's rank within its person and year. Columns of the cells:
n the number of rows, w whether all rows of the cell are inspected. Columns of a statistic end in its number."""

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from broker.domain.plans.measure import Contribution
from broker.domain.plans.plan import EvidenceNeeds, PlannedStatistic
from broker.domain.plans.scalars import Case, Literal, Scalar
from broker.query.analysis.aggregate_arguments import is_never_null
from broker.query.sql.person_evidence import mean_sql, others_sql, second_largest_sql, whole_sum
from broker.query.sql.proven_scan import ProvenScan

SLACK = 1e-9
"""Most that binary fractions may be off, on the safe side."""


class FieldBounds(NamedTuple):
    """SQL of an evidence field over the bounds (b). If `known` holds, a second pass gives the `exact` SQL over the
    persons (x)."""

    bound: str
    exact: str | None = None
    known: str = ""

    @property
    def text(self) -> str:
        return self.bound if self.exact is None else f"CASE WHEN {self.known} THEN {self.exact} ELSE {self.bound} END"


CELL_PERSONS = FieldBounds("persons")
"""Stands for the number of persons in the cell."""


@dataclass(frozen=True, slots=True)
class StatisticBounds:
    """SQL texts of one statistic.

    - `firsts`: aggregates over the rows of a cell.
    - `sampled`: aggregates over the totals of sampled persons.
    - `bounds`: columns computed from both.
    - `doubts`: (name, condition of doubt, rows that are then needed).
    - `people`: aggregates over a doubtful cell's rows of one person. `exact`: aggregates over these persons (as x).
    - `fields`: the evidence. `persons` is CELL_PERSONS if it is the cell's."""

    fields: dict[str, FieldBounds]
    firsts: tuple[str, ...] = ()
    sampled: tuple[str, ...] = ()
    bounds: tuple[str, ...] = ()
    doubts: tuple[tuple[str, str, str], ...] = ()
    people: tuple[str, ...] = ()
    exact: tuple[str, ...] = ()


def statistic_bounds(statistic: PlannedStatistic, needs: EvidenceNeeds, proven: ProvenScan) -> StatisticBounds:
    match statistic.measure.traits.contribution:
        case Contribution.ROW:
            return _rows(statistic, proven)
        case Contribution.PRESENCE:
            return _count(statistic, needs, proven)
        case Contribution.INDICATOR:
            return _ones(statistic, needs, proven)
        case Contribution.AMOUNT:
            return _number(statistic, needs, proven)
        case Contribution.VALUE:
            raise ValueError("No proof bounds the evidence of a value.")  # `proven_scan_of` leaves it out


def over(count: str, parts: int) -> str:
    """SQL of a lower bound on persons, if none has more than `parts` of the `count` rows."""
    return count if parts == 1 else f"(({count} + {parts - 1}) // {parts})"


def counted_condition(statistic: PlannedStatistic) -> Scalar | None:
    """Condition of COUNT(CASE WHEN condition THEN constant END); None for other statistics. It is the argument column
    of the rows."""
    match statistic.argument:
        case Case(whens=((condition, Literal(value=value)),), otherwise=Literal(value=None)) if value is not None:
            return condition if statistic.measure.traits.contribution is Contribution.PRESENCE else None
    return None


def _rows(statistic: PlannedStatistic, proven: ProvenScan) -> StatisticBounds:
    i = statistic.ident
    fields = {"value": FieldBounds("b.n"), "rows": FieldBounds("b.n"), "persons": CELL_PERSONS}
    most = f"CASE WHEN b.n > 0 THEN {proven.most}::BIGINT END"
    if proven.is_single:  # one row a person: the largest contribution is 1, and so is the second if there are two rows
        return StatisticBounds(
            fields
            | {"largest": FieldBounds(most), "second": FieldBounds("CASE WHEN b.n > 0 THEN least(b.n - 1, 1) END")}
        )
    exact = {"largest": FieldBounds(most, f"x.y{i}", "b.w"), "second": FieldBounds("NULL::BIGINT", f"x.z{i}", "b.w")}
    rows = '"rows"'
    return StatisticBounds(fields | exact, exact=(f"MAX({rows}) AS y{i}", f"{second_largest_sql(rows)} AS z{i}"))


def _count(statistic: PlannedStatistic, needs: EvidenceNeeds, proven: ProvenScan) -> StatisticBounds:
    i = statistic.ident
    stated, count = counted_condition(statistic) is not None, FieldBounds(f"b.n{i}")
    firsts = (f"{whole_sum(f'a{i}') if stated else f'COUNT(a{i})'} AS n{i}",)
    if proven.is_single:
        return StatisticBounds(dict.fromkeys(("value", "rows", "persons"), count), firsts)
    return StatisticBounds(
        {"value": count, "rows": count, "persons": FieldBounds(f"b.l{i}", f"x.c{i}", f"b.d{i}")},
        firsts,
        bounds=(f"{_all_but(f'n{i}', proven)} AS l{i}",),
        doubts=((f"d{i}", _few(f"n{i}", f"l{i}", needs), f"c.a{i}" if stated else f"c.a{i} IS NOT NULL"),),
        people=(f"COUNT({f'nullif(a{i}, FALSE)' if stated else f'a{i}'}) AS n{i}",),
        exact=(f"COUNT(p) FILTER (n{i} > 0) AS c{i}",),
    )


def _all_but(count: str, proven: ProvenScan) -> str:
    """SQL of a lower bound on the persons behind `count` of a cell's rows. Each other row takes away at most one
    person."""
    return f"greatest({over(count, proven.most)}, lb - (n - {count}))"


def _few(rows: str, persons: str, needs: EvidenceNeeds) -> str:
    """SQL of whether `rows` could belong to fewer persons than allowed, or mostly to one person. In the worst case, one
    person has all rows but one for each other person."""
    mostly = ""
    if needs.margin is not None:
        mostly = f" OR {persons} - 2 < {needs.margin - 2!r} * ({rows} - {persons} + 1)"
    return f"({rows} > 0 AND ({persons} < {needs.min_persons}{mostly}))"


def _ones(statistic: PlannedStatistic, needs: EvidenceNeeds, proven: ProvenScan) -> StatisticBounds:
    i = statistic.ident
    sides = (("o", 1), ("z", 0))
    firsts = tuple(f"{whole_sum(f'a{i} = {bit}')} AS {side}{i}" for side, bit in sides)
    ones = f"b.o{i}"
    if statistic.measure.traits.is_ratio:
        value = f"(b.o{i} / nullif(b.o{i} + b.z{i}, 0))"
    else:
        # a sum of no values is NULL, not 0
        value = ones if is_never_null(statistic.argument) else f"(CASE WHEN b.o{i} + b.z{i} > 0 THEN {ones} END)"
    fields = {
        "value": FieldBounds(value),
        "rows": FieldBounds(ones),
        "rest_rows": FieldBounds(f"b.z{i}"),
        "total": FieldBounds(ones),
    }
    if proven.is_single:
        return StatisticBounds(fields | {"persons": FieldBounds(ones), "rest": FieldBounds(f"b.z{i}")}, firsts)
    found = (FieldBounds(f"b.l{side}{i}", f"x.c{side}{i}", f"b.d{side}{i}") for side, _ in sides)
    return StatisticBounds(
        fields | dict(zip(("persons", "rest"), found, strict=True)),
        # first rows: each person has at most one a year
        (*firsts, *(f"{whole_sum(f'a{i} = {bit} AND r = 0')} AS f{side}{i}" for side, bit in sides)),
        bounds=tuple(
            f"greatest({over(f'{side}{i}', proven.most)}, {over(f'f{side}{i}', proven.years)}) AS l{side}{i}"
            for side, _ in sides
        ),
        doubts=tuple(
            (f"d{side}{i}", _few(f"{side}{i}", f"l{side}{i}", needs), f"c.a{i} = {bit}") for side, bit in sides
        ),
        people=tuple(f"COUNT(*) FILTER (a{i} = {bit}) AS {side}{i}" for side, bit in sides),
        exact=tuple(f"COUNT(p) FILTER ({side}{i} > 0) AS c{side}{i}" for side, _ in sides),
    )


def _number(statistic: PlannedStatistic, needs: EvidenceNeeds, proven: ProvenScan) -> StatisticBounds:
    """Bounds of a sum or mean. `v`: smallest row, if it can be negative. `u`: upper bound of one person's |total|. `q`:
    lower bound of persons. `e`: lower bound of persons whose total is not the most common one."""
    i = statistic.ident
    is_sum, single, least = not statistic.measure.traits.is_ratio, proven.is_single, needs.min_persons
    signed = statistic.argument is None or not proven.nonnegative(statistic.argument)
    behind = f"z{i}" if is_sum else f"n{i}"
    doubt = " OR ".join(_doubts(statistic, needs, proven, signed))
    contributes = f"t{i} <> 0" if is_sum else f"t{i} IS NOT NULL"
    doubtful, total, lowest = f"b.d{i}", FieldBounds(f"b.t{i}"), f"b.v{i}" if signed and single else "NULL"
    worth = f"{behind} >= {least} AND m{i} > 0" if single else f"n{i} > 0"
    return StatisticBounds(
        {
            "value": FieldBounds(_value(statistic)), "rows": FieldBounds(f"b.n{i}"), "total": total,
            "sizes": FieldBounds(f"b.w{i}") if signed else total,
            "persons": FieldBounds(f"b.{behind}") if single else FieldBounds(f"b.q{i}", f"x.c{i}", doubtful),
            "largest": FieldBounds(f"b.u{i}", f"x.g{i}", doubtful),
            # NULL in the type of the largest row
            "second": FieldBounds(f"nullif(b.m{i}, b.m{i})", f"x.s{i}", doubtful),
            "low": FieldBounds(f"CASE WHEN b.m{i} = 0 THEN b.t{i} ELSE {lowest} END", f"x.v{i}", doubtful),
            "high": FieldBounds(f"CASE WHEN b.m{i} = 0 THEN b.t{i} END", f"x.h{i}", doubtful),
            "others": FieldBounds(f"CASE WHEN b.m{i} = 0 THEN 0 WHEN b.{behind} >= {least} THEN b.e{i} END", f"x.e{i}",
                            doubtful),
        },
        (
            f"COUNT(a{i}) AS n{i}", f"SUM(a{i}) AS t{i}", f"MAX({f'abs(a{i})' if signed else f'a{i}'}) AS m{i}",
            *((f"MIN(a{i}) AS v{i}", f"SUM(abs(a{i})) AS w{i}") if signed else ()),
            *((f"{whole_sum(f'a{i} <> 0')} AS z{i}",) if is_sum else ()),
            *((f"bit_or({_bit(statistic.argument, f'a{i}')}) AS h{i}",) if single else ()),
        ),
        () if single else (
            f"bit_count(bit_or({_bit(None, f't{i}')})) AS h{i}",
            f"least(COUNT(*) FILTER (t{i} = 0), COUNT(*) FILTER (t{i} <> 0)) AS o{i}",
        ),
        (
            f"{_bound(statistic, proven)} AS u{i}",
            *(() if single else (f"{_all_but(behind, proven) if not is_sum else over(behind, proven.most)} AS q{i}",)),
            f"{_others(statistic, needs, proven, signed)} AS e{i}",
        ),
        ((f"d{i}", f"({worth} AND ({doubt}))", f"c.a{i} IS NOT NULL"),),
        (f"SUM(a{i}) AS t{i}",),
        (
            f"COUNT(p) FILTER ({contributes}) AS c{i}", f"MAX(abs(t{i})) AS g{i}",
            f"{second_largest_sql(f'abs(t{i})')} AS s{i}", f"MIN(t{i}) AS v{i}", f"MAX(t{i}) AS h{i}",
            f"{others_sql(f't{i}', least)} AS e{i}",
        ),
    )  # fmt: skip


def _value(statistic: PlannedStatistic) -> str:
    total, count = f"b.t{statistic.ident}", f"nullif(b.n{statistic.ident}, 0)"
    if not statistic.measure.traits.is_ratio:
        return total
    return mean_sql(total, count, statistic.truncated)


def _bit(argument: Scalar | None, value: str) -> str:
    """SQL of one of 64 bits for a value. There are at least as many different values as bits. NULL sets no bit."""
    if argument is not None and argument.type.is_whole:
        return f"1::UBIGINT << ({value} & 63)::UBIGINT"
    return f"CASE WHEN {value} IS NOT NULL THEN 1::UBIGINT << (hash({value}) & 63) END"


def _bound(statistic: PlannedStatistic, proven: ProvenScan) -> str:
    """SQL of an upper bound of one person's |total|. Adding and subtracting the total gives the product its wide
    type."""
    i = statistic.ident
    if proven.is_single:
        return f"m{i}"
    by_rows = f"(t{i} - t{i} + m{i}) * {proven.most}"
    proved = proven.largest_total(statistic.argument) if statistic.argument is not None else None
    return by_rows if proved is None else f"least({by_rows}, {Decimal(proved):f})"


def _doubts(statistic: PlannedStatistic, needs: EvidenceNeeds, proven: ProvenScan, signed: bool) -> list[str]:
    """Conditions under which the persons of a cell must be inspected one by one."""
    i, least, single = statistic.ident, needs.min_persons, proven.is_single
    is_sum = not statistic.measure.traits.is_ratio
    found = []
    if needs.margin is not None:
        # slightly smaller, so that rounding of binary fractions never hides a doubt
        far = f"CAST(t{i} AS DOUBLE) * {1 - SLACK} < {needs.margin} * CAST(u{i} AS DOUBLE)"
        found.append(f"(v{i} >= 0 AND {far})" if signed else far)
    if single:
        return [*found, f"e{i} < least({least}, (n{i} + 1) // 2)"]
    if signed:
        found.append(f"v{i} < 0")
    behind = f"z{i}" if is_sum else f"n{i}"
    return [*found, f"({behind} > 0 AND q{i} < {least})", f"(m{i} > 0 AND e{i} < {least})"]


def _others(statistic: PlannedStatistic, needs: EvidenceNeeds, proven: ProvenScan, signed: bool) -> str:
    """SQL of a lower bound on the persons whose total is not the most common one. It is one less than the number of
    different totals (of the sampled persons), or the persons with total 0, or those without."""
    i = statistic.ident
    if not proven.is_single:
        return f"coalesce(greatest(h{i} - 1, o{i}), 0)"
    known = [f"bit_count(h{i}) - 1"]
    if not statistic.measure.traits.is_ratio:
        known.append(f"least(z{i}, n{i} - z{i})")
    if statistic.argument is not None and statistic.argument.type.is_whole:
        known.append(_between_wholes(i, needs.min_persons, signed))
    return f"greatest({', '.join([*known, '0'])})::BIGINT"


def _between_wholes(i: int, least: int, signed: bool) -> str:
    """SQL of a bound from whole numbers. If all but fewer than `least` rows had the same whole number, n times that
    number would be near the total. If no whole number is that near, at least `least` rows differ."""
    away = f"{least - 1} * CAST({f'm{i} - v{i}' if signed else f'm{i}'} AS DOUBLE)"
    ends = [f"(CAST(t{i} AS DOUBLE) {sign} {away}) / n{i} {sign} {SLACK} * (1 + m{i})" for sign in "-+"]
    return f"CASE WHEN n{i} > 0 AND floor({ends[1]}) < ceil({ends[0]}) THEN {least} ELSE 0 END"

"""Random rows in which the texts of analysts find something: values that a text names are frequent in them."""

import re
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from functools import partial
from random import Random
from typing import Any

from worlds import Rows, domain, row_of

from broker.domain.plans.scalars import ScalarType
from broker.domain.plans.variable_uses import VariableUse
from broker.policy.data_catalogue import Catalogue, TableKind, Variable

QUOTED = re.compile(r"'([^']*)'")
NUMBER = re.compile(r"(?<![\w.'])[0-9]+(?:\.[0-9]+)?(?![\w'])")
DATED = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})")


def named_values(variable: Variable, text: str) -> list[Any]:
    """Values of a variable that a text names, and some others."""
    quoted = QUOTED.findall(text)
    if variable.codes is not None:
        found = [
            c for c in variable.codes if c in quoted or any(re.fullmatch(_pattern(q), c) for q in quoted if "%" in q)
        ]
        return found * 2 + list(variable.codes[:2])
    if variable.type is ScalarType.DATE:
        named = [date(*map(int, m.groups())) for q in quoted if (m := DATED.fullmatch(q))]
        return [*named, date(2016, 1, 31), date(2018, 9, 1), date(2019, 3, 5), date(2020, 11, 20)]
    if variable.type in {ScalarType.INT, ScalarType.DECIMAL, ScalarType.DOUBLE}:
        low, high = Decimal(str(variable.low or 0)), Decimal(str(variable.high or 10**9))
        numbers = [Decimal(n) for n in NUMBER.findall(text)]
        near = [n for n in numbers if low <= n <= high and (variable.type is not ScalarType.INT or not n % 1)]
        if variable.name.upper().endswith("URN") or variable.listed:
            return [*(int(n) for n in near if n != 0), *domain(variable)]
        spread = [low + (min(high, low + 60) - low) * Decimal(i) / 7 for i in range(8)]
        values = [*near, *spread]
        return (
            [int(v) for v in values]
            if variable.type is ScalarType.INT
            else [round(v, variable.decimals or 0) for v in values]
        )
    return domain(variable)


def _pattern(like: str) -> str:
    return "".join({"%": ".*", "_": "."}.get(c, re.escape(c)) for c in like)


def rows_for(catalogue: Catalogue, text: str, uses: Sequence[VariableUse], seed: int, people: int = 40) -> Rows:
    """Rows of the tables that a text reads, in the years that it reads. Everybody has a key."""
    rng = Random(seed)
    names = sorted({u.table for u in uses})
    found: Rows = {}
    for name in names:
        table = catalogue.table(name)
        values = {v.name: named_values(v, text) for v in table.variables}
        if table.kind is TableKind.PUBLIC:
            first, *_ = table.variables
            key = table.unique_key or first.name
            unique = list(dict.fromkeys(values[key]))
            found[name] = [{v.name: rng.choice(values[v.name]) for v in table.variables} | {key: one} for one in unique]
            continue
        read = frozenset().union(*(u.years or frozenset() for u in uses if u.table == name))
        years = sorted(read or table.years or ())
        first_person = 500 if table.unit == "staff" else 1
        most = max(1, min(2, table.max_rows_per_unit_year))
        found[name] = [
            row_of(table, person, year, partial(_value, values=values, rng=rng))
            for person in range(first_person, first_person + people)
            for year in (years or [None])
            for _ in range(rng.choice((0, 1, 1, 1, most)))
        ]
    return found


def _value(variable: Variable, values: dict[str, list[Any]], rng: Random) -> Any:
    return None if variable.missing and rng.random() < 0.08 else rng.choice(values[variable.name])

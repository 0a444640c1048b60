"""Numbers in fixed-point steps above their low end, and slots of such, as DuckDB text. Cut before anything is cast, so
that no value is an error."""

from itertools import pairwise

from broker.domain.bounded import Number, Slots
from broker.domain.scalars import Type
from broker.query.bounding.total import total
from broker.query.rendering.writing import scalar_text


def steps_text(number: Number) -> str:
    """A number in steps above its low end: NULL where it is none."""
    value = scalar_text(total(number.argument))
    if number.argument.type.is_whole and number.scale == 1:
        return (
            f"(CASE WHEN {value} < {number.low} THEN 0 WHEN {value} > {number.high} THEN {number.width} "
            f"ELSE {value} - ({number.low}) END)"
        )
    if number.argument.type is Type.DOUBLE:
        low, scale = f"{number.low / number.scale!r}::DOUBLE", f"{number.scale}::DOUBLE"
        steps = f"floor(({value} - {low}) * {scale} + 0.5)"
        cut = f"CASE WHEN {steps} < 0 THEN 0 WHEN {steps} > {number.width} THEN {number.width} ELSE {steps} END"
        return f"(CASE WHEN isfinite({value}) THEN CAST({cut} AS BIGINT) END)"
    return _exact_steps(value, number)


def _exact_steps(value: str, number: Number) -> str:
    """Of a decimal: cut first, so that what is cast always fits; a decimal that is rounded fits a binary fraction."""
    digits = len(str(number.scale)) - 1
    low = _decimal(number.low, digits)
    high = _decimal(number.high, digits)
    above = f"CAST({value} - {low} AS DECIMAL(18, {digits}))"
    steps = f"CAST(round(CAST({above} AS DOUBLE) * {number.scale}) AS BIGINT)"
    return f"(CASE WHEN {value} <= {low} THEN 0 WHEN {value} >= {high} THEN {number.width} ELSE TRY({steps}) END)"


def _decimal(steps: int, digits: int) -> str:
    sign, whole = ("-" if steps < 0 else ""), str(abs(steps)).rjust(digits + 1, "0")
    written = f"{whole[:-digits]}.{whole[-digits:]}" if digits else whole
    return f"({sign}{written})"


def slot_text(y: str, number: Number, vector: Slots) -> str:
    """Where steps above the low end lie among the points; by arithmetic where these are evenly spaced."""
    points = [p - number.low for p in vector.points]
    gaps = {b - a for a, b in pairwise(points)}
    if len(gaps) == 1 and (step := gaps.pop()):
        place = f"least(({y} - ({points[0]})) // {step}, {len(points) - 1})"
        if vector.between:
            over = f"CASE WHEN {y} > ({points[0]}) + {place} * {step} THEN 1 ELSE 0 END"
            return f"(CASE WHEN {y} < {points[0]} THEN 0 ELSE 1 + 2 * {place} + {over} END)"
        return f"(CASE WHEN {y} < {points[0]} THEN 0 ELSE 1 + {place} END)"
    arms = []
    for i, point in enumerate(points):
        arms += [f"WHEN {y} < {point} THEN {2 * i if vector.between else i}"]
        arms += [f"WHEN {y} = {point} THEN {2 * i + 1}"] if vector.between else []
    return f"(CASE {' '.join(arms)} ELSE {vector.width - 1} END)"

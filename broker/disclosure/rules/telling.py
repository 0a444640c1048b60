"""What a released mean or percentage tells about the count behind it. Arithmetic only; the rules judge it."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from broker.policy.profiles import Profile


def least_shown_as(rows: int, profile: Profile) -> int:
    """The least count, of those that may be shown, that is rounded to the same as `rows`."""
    base = profile.round_base
    shown = (2 * rows + base) // (2 * base) * base
    return max(profile.t, shown - base // 2)


def counts_shown_as(rows: int, profile: Profile) -> range:
    """All of them, as far as they are at least t."""
    base = profile.round_base
    shown = (2 * rows + base) // (2 * base) * base
    return range(least_shown_as(rows, profile), shown + (base + 1) // 2)


def leaves_all(mean: Decimal, least: int) -> bool:
    """Whether the means of any `least` or more rows lie so close that one is written so, however many rows they are."""
    return _unit(mean) * least >= 1


def has_whole_total(mean: Decimal, count: int) -> bool:
    """Whether a whole total over `count` rows has a mean that is written so: values can be no coarser than ones."""
    half = _unit(mean) / 2
    return _ceiling(count * (mean - half)) < count * (mean + half) or _ceiling(count * mean) == count * mean


def parts_shown_as(share: Decimal, count: int, digits: int) -> tuple[int, int]:
    """The least and the most of `count` whose share is written so, with `digits` after the point."""
    half = Decimal(1).scaleb(-digits) / 2
    most = _ceiling(count * (share + half)) - 1
    return max(0, _ceiling(count * (share - half))), min(count, int(most))


def _unit(value: Decimal) -> Decimal:
    """What the last digit of a released figure stands for; a whole number may be rounded further, which tells less."""
    exponent = value.as_tuple().exponent
    return Decimal(1).scaleb(exponent) if isinstance(exponent, int) and exponent < 0 else Decimal(1)


def _ceiling(value: Decimal) -> int:
    return int(value.to_integral_value(rounding=ROUND_CEILING))


def share_of(part: Decimal, count: int) -> int:
    """Whole rows in a part of `count` rows."""
    return int((part * count).to_integral_value(rounding=ROUND_FLOOR))

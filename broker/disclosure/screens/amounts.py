"""Screens of the rules on sums and means. See `screens.asking` for what a screen is."""

from decimal import Decimal

import numpy as np

from broker.disclosure.columns import Mask, Numbers
from broker.disclosure.rules.asking import MAGNITUDES, decimal, p_percent_of
from broker.disclosure.screens.asking import NOWHERE, Questions, few, surely_less, too_close
from broker.domain.plans import Measure
from broker.policy.profiles import Profile

Found = Mask | np.bool_


def contributors(ask: Questions, profile: Profile) -> Found:
    return few(ask["persons"], profile.t)


def dominance(ask: Questions, profile: Profile) -> Found:
    k = decimal(profile.dominance_k)
    if k is None or ask.statistic.measure not in MAGNITUDES:
        return NOWHERE
    if profile.dominance_n > 2:
        return _has_amounts(ask)
    largest, second, total = _amounts(ask)
    held = largest if profile.dominance_n == 1 else largest + second
    scale = (abs(total) + abs(largest) + abs(second)) * (100 + float(k))
    return _has_amounts(ask) & ~surely_less(held * 100, float(k) * total, scale)


def p_percent(ask: Questions, profile: Profile) -> Found:
    return _close(ask, decimal(profile.p_percent))


def prior_posterior(ask: Questions, profile: Profile) -> Found:
    p, q = decimal(profile.p_percent), decimal(profile.prior_q)
    return NOWHERE if p is None or q is None else _close(ask, 100 * p / q)


def equivalent_p_percent(ask: Questions, profile: Profile) -> Found:
    return NOWHERE if profile.p_percent is not None else _close(ask, p_percent_of(profile))


def negatives(ask: Questions, _: Profile) -> Found:
    if ask.statistic.measure not in MAGNITUDES:
        return NOWHERE
    return ask.known("low") & ~(ask["low"] >= 0)


def mean_tells_count(ask: Questions, profile: Profile) -> Found:
    """A mean has no more digits than the profile's, so where these leave all counts the rule is silent; whether it has
    fewer where there are fewer rows, it is asked."""
    if ask.statistic.measure is not Measure.MEAN or profile.round_base == 1:
        return NOWHERE
    base = profile.round_base
    shown = np.floor((2 * ask["rows"] + base) / (2 * base)) * base
    least = np.maximum(profile.t, shown * (1 - 1e-9) - base // 2 - 1)
    return ~(least >= 10.0 ** max(0, profile.mean_digits) * (1 + 1e-9))


def all_equal(ask: Questions, profile: Profile) -> Found:
    bounds = ask.statistic.bounds
    if ask.statistic.measure not in MAGNITUDES or (bounds and bounds[0] is not None and bounds[0] == bounds[1]):
        return NOWHERE
    low, high, others = ask["low"], ask["high"], ask["others"]
    equal = ask.known("low") & ask.known("high") & ~((low < high) | (low > high))
    return equal | (ask.known("others") & ~(others >= profile.t) & ~(2 * others >= _most_counted(ask)))


def _most_counted(ask: Questions) -> Numbers:
    """Whom the others of all equal totals are compared with: of some sums, their rows."""
    if ask.statistic.measure is Measure.SUM:
        return np.maximum(ask["rows"], ask["persons"])
    return ask["persons"]


def _close(ask: Questions, p: Decimal | None) -> Found:
    if p is None or ask.statistic.measure not in MAGNITUDES:
        return NOWHERE
    return _has_amounts(ask) & too_close(*_amounts(ask), float(p))


def _has_amounts(ask: Questions) -> Mask:
    return ask.known("largest") & ask.known("total")


def _amounts(ask: Questions) -> tuple[Numbers, Numbers, Numbers]:
    largest = ask["largest"]
    return largest, np.where(ask.known("second"), ask["second"], largest), ask["total"]

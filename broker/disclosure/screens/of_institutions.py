"""Screens of the rules on institutions. See `screens.asking` for what a screen is."""

import numpy as np

from broker.disclosure.columns import Mask, Numbers
from broker.disclosure.rules.asking import MAGNITUDES, OF_POLICY, decimal, p_percent_of
from broker.disclosure.rules.institutions import AMOUNTS
from broker.disclosure.screens.asking import NOWHERE, ROOM, Questions, few, too_close
from broker.domain.plans import Measure
from broker.policy.profiles import Profile

Found = Mask | np.bool_


def few_institutions(ask: Questions, profile: Profile) -> Found:
    if not _protected(ask, profile):
        return NOWHERE
    found = ask.cells("institutions")
    return found.known & few(found.floats, profile.min_institutions)


def full_institution(ask: Questions, profile: Profile) -> Found:
    share, largest = decimal(profile.full_share), ask.cells("largest_institution")
    if not _protected(ask, profile) or OF_POLICY[profile.full] is None or share is None:
        return NOWHERE
    least = float(share) * ask.cells("persons").floats
    return largest.known & ~(largest.floats < least * (1 - ROOM))


def large_institution(ask: Questions, profile: Profile) -> Found:
    p, measure = p_percent_of(profile), ask.statistic.measure
    if not _protected(ask, profile) or p is None or measure not in AMOUNTS:
        return NOWHERE
    largest = ask["institution_largest"]
    second = np.where(ask.known("institution_second"), ask["institution_second"], largest)
    close = too_close(largest, second, _whole(ask), float(p))
    return ask.known("institution_largest") & close


def _whole(ask: Questions) -> Numbers:
    if ask.statistic.measure in MAGNITUDES:
        return np.where(ask.known("total"), abs(ask["total"]), 0)
    return ask["persons"] if ask.statistic.measure is Measure.COUNT_PERSONS else ask["rows"]


def uncounted(ask: Questions, profile: Profile) -> Found:
    """Of `institution_rules.uncounted`."""
    if not _protected(ask, profile):
        return NOWHERE
    return ~ask.cells("institutions").known & ~(ask.cells("persons").floats <= 0)


def _protected(ask: Questions, profile: Profile) -> bool:
    return profile.protects_institutions and not ask.by_institution

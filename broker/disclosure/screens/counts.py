"""Screens of the rules on people, shares and places. See `screens.asking` for what a screen is."""

import numpy as np

from broker.disclosure.columns import Mask
from broker.disclosure.rules.asking import (
    BINARY,
    COUNTS,
    EXTREMES,
    MAGNITUDES,
    OF_POLICY,
    PLACES,
    ROWS,
    p_percent_of,
)
from broker.disclosure.screens.asking import ANYWHERE, NOWHERE, WHOLE, Questions, few, none, too_close
from broker.domain.plans import Measure
from broker.policy.profiles import Profile

Found = Mask | np.bool_


def small_cell(ask: Questions, profile: Profile) -> Found:
    found = few(ask.cells("persons").floats, profile.t)
    if ask.statistic.measure in COUNTS | BINARY | PLACES:
        found = found | few(ask["persons"], profile.t)
    return found | few(ask["rest"], profile.t) if ask.statistic.measure in BINARY else found


def zero_cell(ask: Questions, profile: Profile) -> Found:
    if OF_POLICY[profile.zeros] is None:
        return NOWHERE
    found = none(ask.cells("persons").floats)
    return found | none(ask["persons"]) if ask.statistic.measure in COUNTS | MAGNITUDES | PLACES else found


def full_cell(ask: Questions, profile: Profile) -> Found:
    if OF_POLICY[profile.full] is None or ask.statistic.measure not in BINARY:
        return NOWHERE
    return none(ask["persons"]) | none(ask["rest"])


def small_margin(ask: Questions, profile: Profile) -> Found:
    return small_cell(ask, profile) if ask.margin else NOWHERE


def rows_of_one_person(ask: Questions, profile: Profile) -> Found:
    p, measure = p_percent_of(profile), ask.statistic.measure
    if p is None or measure not in ROWS:
        return NOWHERE
    found = _close_rows(ask, "rows", "persons", known=measure not in BINARY, profile=profile, p=float(p))
    if measure in BINARY:
        found = found | _close_rows(ask, "rest_rows", "rest", known=False, profile=profile, p=float(p))
    return found


def _close_rows(ask: Questions, rows: str, persons: str, known: bool, profile: Profile, p: float) -> Mask:
    """The most rows of one may be known as a whole number; whatever else stands there is no number of rows."""
    many, people = ask[rows], ask[persons]
    most, second = many - people + 1, np.minimum(1, people - 1)
    close = too_close(most, second, many, p)
    if known:
        seen = ask["largest"]
        next_seen = np.where(ask.known("second"), np.maximum(ask["second"], seen), seen)
        if ask.is_whole("second"):
            next_seen = np.where(ask.known("second"), ask["second"], seen)
        told = too_close(seen, next_seen, many, p)
        if not ask.is_whole("largest"):
            told = told | close
        close = np.where(ask.known("largest"), told, close)
    return close & ~((many <= people) & (many < WHOLE)) & ~(people < profile.t)


def both_sides(ask: Questions, profile: Profile) -> Found:
    if ask.statistic.measure is not Measure.SHARE:
        return NOWHERE
    sides = (ask["persons"], ask["rest"], ask.cells("persons").floats)
    return few(sides[0], profile.t) | few(sides[1], profile.t) | few(sides[2], profile.t)


def percentage_tells_count(ask: Questions, profile: Profile) -> Found:
    """What would be shown is not known here, and counts that are not rounded are told by it anyhow."""
    return NOWHERE if ask.statistic.measure is not Measure.SHARE or profile.round_base > 1 else ANYWHERE


def quantile_places(ask: Questions, profile: Profile) -> Found:
    if ask.statistic.measure is not Measure.QUANTILE:
        return NOWHERE
    return ~(ask.known("bin") & _are_between(ask, profile.t))


def _are_between(ask: Questions, t: int) -> Mask:
    """Where `persons_between` is surely at least t."""
    rows, people = ask["rows"], ask["persons"]
    if ask.span is None:
        return people < people
    inside = float(ask.span) * rows * (1 - 1e-12) - 1
    most = rows - people + 1
    if ask.is_whole("largest"):
        most = np.where(ask.known("largest"), ask["largest"], most)
    else:
        most = np.where(ask.known("largest"), np.maximum(ask["largest"], most), most)
    found: Mask = (inside > (t - 1) * np.maximum(1, most) * (1 + 1e-12)) | (people - rows + inside > t)
    return found


def extreme_value(ask: Questions, profile: Profile) -> Found:
    if ask.statistic.measure not in EXTREMES:
        return NOWHERE
    return ~(ask.known("ties") & (ask["ties"] >= profile.t))


def of_a_mode(ask: Questions, _: Profile) -> Found:
    return ANYWHERE if ask.statistic.measure is Measure.MODE else NOWHERE


def few_degrees(ask: Questions, profile: Profile) -> Found:
    if ask.statistic.measure is not Measure.DEVIATION:
        return NOWHERE
    return ~(ask["persons"] - 1 >= profile.dof)


def no_deviation(ask: Questions, _: Profile) -> Found:
    """What would be shown is not known here."""
    return ask.known("value") if ask.statistic.measure is Measure.DEVIATION else NOWHERE


def of_files(_: Questions, __: Profile) -> Found:
    """Rules on what only a file's question has (`box`, `some`, `beside`)."""
    return NOWHERE

"""What a privacy profile refuses before anything is read: domains, influence, clamps, spends. Each refusal says what
would be accepted."""

from math import prod

from broker.domain.errors import Refusal, Refused
from broker.domain.ledger.privacy_loss import Accounting, PrivacyAmount, amount_as_written
from broker.policy.privacy_policy import PrivacyProfile
from broker.privacy.block_layout import BlockKind, lay_out_blocks
from broker.privacy.private_tables import Argument, PrivateMeasure, PrivateStatistic, PrivateTable

MAX_FRACTION_DENOMINATOR = 10**6
"""The largest denominator of a quantile's fraction: ranks are multiplied by it in 64 bits, whatever the number of
rows."""


def check_tables(tables: tuple[PrivateTable, ...], profile: PrivacyProfile) -> None:
    """Raise Refused, with every reason at once, if a table cannot be measured under the profile."""
    found = [r for t in tables for r in (*_domain(t, profile), *_influence(t, profile), *_numbers(t, profile))]
    found += _memory_words(tables, profile) if not found else []  # needs tables that passed the other checks
    parts = sum(len(lay_out_blocks(t).blocks) * len(t.sets) for t in tables) if not found else 0
    # Each part is drawn separately, and the spend is divided among all.
    if parts > profile.max_parts:
        limit = f"the limit is {profile.max_parts}"
        message = f"This job needs noise for {parts} statistics and grouping sets, but {limit}."
        found.append(Refusal("private-parts", message, "Use fewer statistics or grouping sets, or a second job."))
    if found:
        raise Refused(tuple(dict.fromkeys(found)))  # a problem of a shared text appears once


def check_spend(
    spend: PrivacyAmount, promise_accounting: Accounting, profile: PrivacyProfile, raised: bool = False
) -> None:
    """Raise Refused if one release may not cost so much. `raised`: two administrators have allowed more."""
    # Losses of different kinds cannot be added up.
    if spend.accounting is not promise_accounting:
        message = f"This project counts privacy loss as {promise_accounting}."
        raise Refused((Refusal("private-accounting", message, "State the spend in this measure."),))
    most = max_spend(spend.accounting, profile, raised)
    if not spend.within(most):
        advice = f"Spend at most {most.micro / 10**6:g}. More needs the agreement of two administrators."
        raise Refused((Refusal("private-spend", "The spend is more than one release may cost.", advice),))


def max_spend(accounting: Accounting, profile: PrivacyProfile, raised: bool) -> PrivacyAmount:
    """The most that one release may cost, with the delta that noise or thresholds may need."""
    delta = 0.0 if accounting is Accounting.PURE else profile.max_delta
    return amount_as_written(accounting, profile.max_raised if raised else profile.max_automatic, delta)


def _domain(table: PrivateTable, profile: PrivacyProfile) -> list[Refusal]:
    """Limit the number of cells. Every cell of a public domain gets noise. Keys from the data are limited too, because
    an answer that is too large would reveal their number."""
    listed = sum(_cells(table, s) for s in range(len(table.sets)) if table.is_listed(s))
    others = sum(_cells(table, s) for s in range(len(table.sets)) if not table.is_listed(s))  # limited separately
    for cells, most in ((listed, profile.max_cells), (others, profile.max_keys)):
        if cells > most:
            return [_too_large(table, f"{cells:,} cells, counting all possible values of its keys", f"{most:,} are")]
    return []


def _cells(table: PrivateTable, index: int) -> int:
    """The largest number of cells, from policy and lists alone."""
    return prod(table.dimensions[i].size or 1 for i in table.sets[index])


def _too_large(table: PrivateTable, excess: str, limit: str) -> Refusal:
    largest = max(table.dimensions, key=lambda d: d.size or 0)
    return Refusal(
        "private-domain",
        f"{table.name} has {excess}, but at most {limit} allowed.",
        f"Remove the key {largest.name} ({largest.size or 0:,} values), or list the values that you need.",
    )


def _memory_words(tables: tuple[PrivateTable, ...], profile: PrivacyProfile) -> list[Refusal]:
    """Limit the memory of the exact answers: a row for each cell with its keys and sums, and one for each slot of a
    quantile."""
    each = {t.name: sum(_cells(t, s) * _cell_words(t, s) for s in range(len(t.sets))) for t in tables}
    if sum(each.values()) <= profile.max_words:
        return []
    table = max(tables, key=lambda t: each[t.name])
    if not any((d.size or 0) > 1 for d in table.dimensions):
        message = f"{table.name} has too many candidates for quantiles."
        return [Refusal("private-points", message, "Use fewer quantiles, or a second job.")]
    what = f"{sum(each.values()):,} numbers to measure, counting every cell and every candidate of quantiles"
    return [_too_large(table, what, f"{profile.max_words:,} are")]


def _cell_words(table: PrivateTable, index: int) -> int:
    keys = 1 + sum(table.dimensions[i].text_words for i in table.sets[index])
    blocks = lay_out_blocks(table).blocks
    slots = sum((2 * len(b.points) + 1) * (keys + 2) for b in blocks if b.kind is not BlockKind.POWERS)
    return keys + sum(b.width for b in blocks if b.kind is BlockKind.POWERS) + 1 + slots


def _influence(table: PrivateTable, profile: PrivacyProfile) -> list[Refusal]:
    most = table.influence.max_rows
    if most <= profile.max_influence:
        return []
    message = f"One person may have {most} rows in {table.name}, but the limit is {profile.max_influence}."
    advice = "Aggregate each person's rows first, join fewer rows, or use fewer years."
    return [Refusal("private-influence", message, advice)]


def _numbers(table: PrivateTable, profile: PrivacyProfile) -> list[Refusal]:
    found = [_clamp(a, profile) for a in table.arguments if a.clamp.width > profile.max_width]
    return found + [r for s in table.statistics for r in _points(s, profile)]


def _clamp(argument: Argument, profile: PrivacyProfile) -> Refusal:
    clamp = argument.clamp
    return Refusal(
        "private-clamp",
        f"{argument.label} can be from {clamp.low / clamp.scale:g} to {clamp.high / clamp.scale:g} in steps of "
        f"{1 / clamp.scale:g}, which is too wide for exact sums.",
        "Set narrower bounds with a line  -- clamp: variable low high, or use larger units (x / 1000): at most "
        f"{profile.max_width:,} steps.",
    )


def _points(s: PrivateStatistic, profile: PrivacyProfile) -> list[Refusal]:
    if s.measure is not PrivateMeasure.QUANTILE:
        return []
    if s.fraction is not None and s.fraction.denominator > MAX_FRACTION_DENOMINATOR:
        message = f"The fraction of {s.name} has too many decimals."
        return [Refusal("private-points", message, "Write the fraction with at most six decimals.")]
    # Counts between candidates are read in their order.
    if list(s.points) != sorted(set(s.points)) or not s.points:
        message = f"{s.name} needs at least one candidate or edge, and they must be in ascending order."
        return [Refusal("private-points", message, "Write each of them once, the smallest first.")]
    if len(s.points) > profile.quantile_points:
        limit = f"the limit is {profile.quantile_points:,}"
        message = f"{s.name} has {len(s.points):,} candidates or edges, but {limit}."
        return [Refusal("private-points", message, "Use fewer, or a larger step.")]
    return []

"""What a privacy profile refuses before anything is read: domains, influence, clamps, spends. Each refusal says what
would be accepted."""

from math import prod

from broker.domain.errors import Refusal, Refused
from broker.domain.ledger.privacy_loss import Accounting, PrivacyAmount, amount_as_written
from broker.policy.privacy_policy import PrivacyProfile
from broker.privacy.block_layout import BlockKind, lay_out_blocks
from broker.privacy.private_tables import Argument, PrivateMeasure, PrivateStatistic, PrivateTable

MAX_FRACTION_DENOMINATOR = 10**6
"""Of a quantile's fraction: a rank is compared in parts of it, in 64 bits, whatever the number of rows."""


def check_tables(tables: tuple[PrivateTable, ...], profile: PrivacyProfile) -> None:
    """Refused, with every reason at once, if a table is not measurable under the profile."""
    found = [r for t in tables for r in (*_domain(t, profile), *_influence(t, profile), *_numbers(t, profile))]
    found += _memory_words(tables, profile) if not found else []
    parts = sum(len(lay_out_blocks(t).blocks) * len(t.sets) for t in tables) if not found else 0
    if parts > profile.max_parts:
        found.append(
            Refusal(
                "private-parts",
                f"This job would buy noise for {parts} statistics and grouping sets; at most {profile.max_parts} are.",
                "Ask for fewer statistics or grouping sets, or in a second job.",
            )
        )
    if found:
        raise Refused(tuple(found))


def check_spend(
    spend: PrivacyAmount, promise_accounting: Accounting, profile: PrivacyProfile, raised: bool = False
) -> None:
    """Refused if one release may not cost so much. `raised`: two administrators have allowed it."""
    if spend.accounting is not promise_accounting:
        message = f"Losses are counted as {promise_accounting} here."
        raise Refused((Refusal("private-accounting", message, "Say the spend in that."),))
    delta = 0.0 if spend.accounting is Accounting.PURE else profile.max_delta
    max_spend = amount_as_written(spend.accounting, profile.max_raised if raised else profile.max_automatic, delta)
    if not spend.within(max_spend):
        raise Refused(
            (
                Refusal(
                    "private-spend",
                    "This is more than one release may cost.",
                    f"Spend at most {max_spend.micro / 10**6:g}; more needs the agreement of two administrators.",
                ),
            )
        )


def _domain(table: PrivateTable, profile: PrivacyProfile) -> list[Refusal]:
    """Every cell of a public domain gets noise, so a domain has a largest size; and so have keys of the data, whose
    number must not be told by an answer that is too large."""
    listed = sum(_cells(table, s) for s in range(len(table.sets)) if _is_listed(table, s))
    others = sum(_cells(table, s) for s in range(len(table.sets)) if not _is_listed(table, s))
    for cells, most in ((listed, profile.max_cells), (others, profile.max_keys)):
        if cells > most:
            return [_too_large(table, f"{cells:,} cells, counting all values that its keys can have", f"{most:,} are")]
    return []


def _cells(table: PrivateTable, index: int) -> int:
    """As far as policy and lists say, before anything is read."""
    return prod(table.dimensions[i].size or 1 for i in table.sets[index])


def _too_large(table: PrivateTable, excess: str, limit: str) -> Refusal:
    largest = max(table.dimensions, key=lambda d: d.size or 0)
    return Refusal(
        "private-domain",
        f"{table.name} has {excess}; at most {limit} measured.",
        f"Drop the key {largest.name} ({largest.size or 0:,} values), or name the values that are needed.",
    )


def _is_listed(table: PrivateTable, index: int) -> bool:
    return all(table.dimensions[i].values is not None for i in table.sets[index])


def _memory_words(tables: tuple[PrivateTable, ...], profile: PrivacyProfile) -> list[Refusal]:
    """What the exact answers take: a row for each cell with its keys and sums, and one for each slot of a quantile."""
    each = {t.name: sum(_cells(t, s) * _cell_words(t, s) for s in range(len(t.sets))) for t in tables}
    if sum(each.values()) <= profile.max_words:
        return []
    table = max(tables, key=lambda t: each[t.name])
    if not any((d.size or 0) > 1 for d in table.dimensions):
        return [_too_fine(table)]
    what = f"{sum(each.values()):,} numbers to measure, counting every cell and every candidate of quantiles"
    return [_too_large(table, what, f"{profile.max_words:,} are")]


def _cell_words(table: PrivateTable, index: int) -> int:
    keys = 1 + sum(table.dimensions[i].text_words for i in table.sets[index])
    blocks = lay_out_blocks(table).blocks
    slots = sum((2 * len(b.points) + 1) * (keys + 2) for b in blocks if b.kind is not BlockKind.POWERS)
    return keys + sum(b.width for b in blocks if b.kind is BlockKind.POWERS) + 1 + slots


def _too_fine(table: PrivateTable) -> Refusal:
    return Refusal(
        "private-points",
        f"{table.name} would look at too many candidates of quantiles.",
        "Ask for fewer quantiles, or in a second job.",
    )


def _influence(table: PrivateTable, profile: PrivacyProfile) -> list[Refusal]:
    most = table.influence.max_rows
    if most <= profile.max_influence:
        return []
    return [
        Refusal(
            "private-influence",
            f"One person may have {most} rows in {table.name}; at most {profile.max_influence} are.",
            "Sum up per person first, join on fewer rows, or take fewer years.",
        )
    ]


def _numbers(table: PrivateTable, profile: PrivacyProfile) -> list[Refusal]:
    found = [_clamp(a, profile) for a in table.arguments if a.clamp.width > profile.max_width]
    return found + [r for s in table.statistics for r in _points(s, profile)]


def _clamp(argument: Argument, profile: PrivacyProfile) -> Refusal:
    clamp = argument.clamp
    return Refusal(
        "private-clamp",
        f"Nothing narrower is known of {argument.label} than {clamp.low / clamp.scale:g} to "
        f"{clamp.high / clamp.scale:g} in steps of {1 / clamp.scale:g}: that is too wide for exact sums.",
        f"Name narrower bounds by a line  -- clamp: variable low high, or ask in larger units (x / 1000): at most "
        f"{profile.max_width:,} steps.",
    )


def _points(s: PrivateStatistic, profile: PrivacyProfile) -> list[Refusal]:
    if s.measure not in (PrivateMeasure.QUANTILE, PrivateMeasure.HISTOGRAM):
        return []
    if s.fraction is not None and s.fraction.denominator > MAX_FRACTION_DENOMINATOR:
        message = f"The fraction of {s.name} has more decimals than ranks of rows can be compared with."
        return [Refusal("private-points", message, "Write it with at most six decimals.")]
    if list(s.points) != sorted(set(s.points)) or not s.points:
        message = f"The candidates or edges of {s.name} have to ascend, and there has to be one."
        return [Refusal("private-points", message, "Write each of them once, the smallest first.")]
    if len(s.points) > profile.quantile_points:
        return [
            Refusal(
                "private-points",
                f"{s.name} has {len(s.points):,} candidates or edges; at most {profile.quantile_points:,} are.",
                "Name fewer, or a coarser step.",
            )
        ]
    return []

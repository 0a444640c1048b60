"""From a planned output to private tables and the bounded contributions behind them, or to every reason why not. Reads
policy, catalogue and public registers only."""

from collections.abc import Sequence

from broker.domain.bounded import BoundedTable
from broker.domain.errors import Refusal, Refused
from broker.domain.lineage import read_by
from broker.domain.plans import PlannedOutput, PlannedTable
from broker.domain.scalars import Column
from broker.policy.privacy import PrivacyProfile
from broker.privacy.asking.dimensions import dimension, unlisted, unsized
from broker.privacy.asking.families import Family, families_of, sets_of
from broker.privacy.asking.given import Given
from broker.privacy.asking.numbers import Numbers
from broker.privacy.asking.places import Made, Measurable, put_together
from broker.privacy.asking.ratios import Pair, asked_of, pairs_of
from broker.privacy.asking.statistics import Asking
from broker.privacy.asking.vectors import vectors_of
from broker.privacy.asking.written import unknown_in
from broker.privacy.layout import layout
from broker.privacy.limits import check_tables
from broker.privacy.tables import Ask, Influence, PrivateTable
from broker.privacy.tables import Statistic as Private
from broker.query.bounding.choose import bounded
from broker.query.bounding.origins import Origins
from broker.query.bounding.ranges import Ranges
from broker.query.bounding.sizes import Sizes
from broker.query.bounding.work import most_work
from broker.query.kinds import has_context

ROWS = Private("rows", Ask.ROWS)
"""What a table is measured by whose statistics nothing reads."""


def measurable(output: PlannedOutput, given: Given) -> Measurable:
    """Refused with every reason at once."""
    read = read_by(output)
    asked = [[s for s in t.statistics if s.ident in read] for t in output.tables]
    refusals = [*given.written.refusals, *unknown_in(given.written, given.catalogue), *_of_shape(output)]
    if refusals:
        raise Refused(tuple(refusals))
    made: list[Made] = []
    families, pairs = families_of(output, asked), tuple(dict.fromkeys(pairs_of(output)))
    for number, family in enumerate(families):
        name = f"{output.name}#{number}" if len(families) > 1 else output.name
        found = _measured(name, output, family, given, pairs)
        if isinstance(found, Made):
            made.append(found)
        else:
            refusals += found
    if not refusals:
        refusals += _limits(tuple(m.private for m in made), given.profile)
    if refusals:
        raise Refused(tuple(dict.fromkeys(refusals)))
    return put_together(output, families, made, pairs)


def _limits(tables: tuple[PrivateTable, ...], profile: PrivacyProfile) -> tuple[Refusal, ...]:
    try:
        check_tables(tables, profile)
    except Refused as refused:
        return refused.refusals
    return ()


def _of_shape(output: PlannedOutput) -> list[Refusal]:
    if not output.tables:
        return [Refusal("private-nobody", f"{output.name} reads no rows of persons.", "Ask for it without privacy.")]
    if any(has_context(t.contributions) or not t.shown for t in output.tables):
        return [
            Refusal(
                "private-context",
                "A value in a row depends on other people, so nothing bounds how far one person moves the answer.",
                "Leave it out, or ask for the inner figure as an output of its own and write its answer here.",
            )
        ]
    return []


def _measured(
    name: str, output: PlannedOutput, family: Family, given: Given, pairs: Sequence[Pair]
) -> Made | list[Refusal]:
    first, sets = family.tables[0], sets_of(family)
    found = bounded(first, given.catalogue, given.limits)
    ranges = Ranges(Origins(first.contributions, given.catalogue), given.written.clamps)
    asking = Asking(Numbers(ranges, given.profile, found.rows), family.asked[0])
    asking.ask()
    sizes = Sizes(ranges.origins)
    shown = {c.expression.ident: c.name for c in output.columns if isinstance(c.expression, Column)}
    dimensions = [dimension(shown.get(k.ident, f"key {i}"), k, given, sizes) for i, k in enumerate(first.keys, 1)]
    refusals = [
        *_work(name, first, given),
        *asking.refusals,
        *(unlisted(d) for d in dimensions if d.values is None and given.lists_only),
        *(unsized(d) for d in dimensions if d.size is None and not given.lists_only),
    ]
    if refusals:
        return refusals
    influence = Influence(found.cells, found.in_cell, found.rows)
    ratios = [asked_of(pairs, [s.ident for s in asked], asking.private).values() for asked in family.asked]
    statistics = dict.fromkeys([*(asking.private or [ROWS]), *(r for some in ratios for r in some)])
    table = PrivateTable(name, output.unit, tuple(dimensions), sets, influence, asking.arguments, tuple(statistics))
    vectors, order = vectors_of(layout(table), tuple(asking.found), not table.listed)
    numbers = tuple(asking.found[n] for n in order)
    lists = tuple(d.values if k.domain is None else None for d, k in zip(dimensions, first.keys, strict=True))
    bound = BoundedTable(found.contributions, first.person, first.keys, sets, numbers, vectors, found.each, lists)
    return Made(table, bound, found)


def _work(name: str, table: PlannedTable, given: Given) -> list[Refusal]:
    """What one person's rows alone could make slow, or end, would tell that they are there."""
    work, most = most_work(table.contributions, given.catalogue, given.profile.public_rows), given.profile.max_work
    if work <= most:
        return []
    return [
        Refusal(
            "private-influence",
            f"One person's rows may become {work:,} inside of {name}; at most {most:,} are.",
            "Join public tables on their unique keys, sum up per person first, or take fewer years.",
        )
    ]

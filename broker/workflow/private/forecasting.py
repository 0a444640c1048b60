"""What a private job would be worth, told before anything runs: from policy, plan and noise scales. It has no way to
data, to a vault or to what a vault proved."""

from collections.abc import Mapping, Sequence
from typing import Any

from broker.domain.amounts import Amount
from broker.domain.ledger.amounts import Account
from broker.domain.lineage import lineage_of
from broker.domain.plans import OutputColumn, PlannedOutput
from broker.privacy.asking.measurable import Measurable
from broker.privacy.asking.ratios import Named, shown_times
from broker.privacy.expectations import Expected
from broker.privacy.forecast import Forecast, forecast
from broker.privacy.results.record import told
from broker.privacy.results.sides import Sides, ends_of, with_sides
from broker.workflow.private.asking import PrivateJob
from broker.workflow.private.costs import cost_of

DIGITS = 4


def smallest(amounts: Mapping[Account, Amount], project: str, private: PrivateJob) -> Amount | None:
    """Of the project's own accounts that the job would count in, the one of which it takes most."""
    own = [a for account, a in amounts.items() if account in cost_of(private).charges(project) and account.project]
    shares = [(share, a) for a in own if (share := private.charge.share_of(a)) is not None]
    return max(shares, key=lambda s: s[0])[1] if shares else None


def forecast_of(private: PrivateJob, left: Amount | None = None, of: str = "") -> dict[str, Any]:
    """One JSON object. `left`: what the spend is a share of, and `of` what that is: an allotment, or what is left."""
    made = forecast(private.made.tables, private.spend, private.profile, left)
    share = made.share_of_left
    return {
        "spend": told(private.charge, private.promise),
        "share": None if share is None else _plain(float(share)),
        "share_of": of if share is not None else None,
        "is_automatic": private.is_automatic,
        "interval_level": private.profile.level,
        "display_floor": private.profile.display_floor,
        "data_sets": list(private.datasets),
        "left_out_as_a_rule": list(dict.fromkeys(line for m in private.measured for line in m.kept)),
        "expected": _expected(private, made),
        "other_spends": [
            {"spend": told(o.charge, private.promise), "expected": _expected(private, o)} for o in made.others
        ],
    }


def _expected(private: PrivateJob, found: Forecast) -> list[dict[str, Any]]:
    """By output, grouping set and figure: mean error and half of the interval of each cell. A figure that is divided by
    an unknown number of persons has a line for each of several numbers."""
    names = _names(private)
    return [
        {
            "output": names[e.table][0],
            "by": _keys(private, e),
            "figure": name,
            "persons_in_the_cell": e.persons,
            "error": None if e.error is None else _plain(e.error * factor),
            "half_interval": None if e.half_width is None else _plain(e.half_width * factor),
            "ranks_off": None if e.ranks is None else _plain(e.ranks),
        }
        for e in found.expected
        for name, factor in names[e.table][1].get(e.statistic, ((e.statistic, 1.0),))
    ]


def _keys(private: PrivateJob, of: Expected) -> list[str]:
    table = next(t for t in private.made.tables if t.name == of.table)
    return [table.dimensions[i].name for i in table.sets[of.set]]


Shown = Sequence[tuple[str, float]]
"""Columns that show a statistic, each with the number that it is shown times."""


def _names(private: PrivateJob) -> dict[str, tuple[str, dict[str, Shown]]]:
    """By private table its output, and by private statistic what it is called there."""
    found: dict[str, tuple[str, dict[str, Shown]]] = {}
    for planned, measured in zip(private.plan.outputs, private.measured, strict=True):
        columns = _columns(planned, measured)
        for n, table in enumerate(measured.tables):
            found[table.name] = (planned.name, {name: c for (t, name), c in columns.items() if t == n})
    return found


def _columns(planned: PlannedOutput, measured: Measurable) -> dict[tuple[int, str], Shown]:
    """Columns that a statistic stands behind, or that are a ratio of two. What none shows chooses or orders rows."""
    behind = lineage_of(planned).behind
    found: dict[tuple[int, str], Shown] = {}
    for place in measured.places.values():
        same = frozenset(i for i, p in measured.places.items() if (p.table, p.name) == (place.table, place.name))
        own = [c.name for c in _with_ends(planned, same, {})]
        parts = [c.name for c, idents in zip(planned.columns, behind, strict=True) if same & idents]
        found[place.table, place.name] = [(", ".join(own) or _part(place.statistic.measure.value, parts), 1.0)]
    for ratio in measured.ratios.values():
        alike = {r.pair: i for i, r in measured.ratios.items() if (r.table, r.name) == (ratio.table, ratio.name)}
        shown = _with_ends(planned, frozenset(), alike)
        named = [(c.name, abs(float(shown_times(c.expression, planned)))) for c in shown]
        found[ratio.table, ratio.name] = named or [(_part("ratio", ()), 1.0)]
    return found


def _with_ends(planned: PlannedOutput, known: Sides, ratios: Named) -> list[OutputColumn]:
    _, sides = with_sides(planned.program, known, ratios)
    return [c for c in planned.columns if ends_of(c.expression, sides) is not None]


def _part(what: str, names: Sequence[str]) -> str:
    return f"({what} behind {', '.join(names)})" if names else f"({what} that chooses or orders rows)"


def _plain(number: float) -> float:
    return float(f"{number:.{DIGITS}g}")

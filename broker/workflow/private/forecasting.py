"""What a private job would be worth, told before anything runs: from policy, plan and noise scales. It has no way to
data, to a vault or to what a vault proved."""

from collections.abc import Mapping
from typing import Any

from broker.domain.amounts import Amount
from broker.domain.ledger.amounts import Account
from broker.privacy.expectations import Expected
from broker.privacy.forecast import Forecast, forecast
from broker.privacy.results.record import told
from broker.workflow.private.asking import PrivateJob
from broker.workflow.private.costs import cost_of
from broker.workflow.private.naming import names_of
from broker.workflow.private.texts import PrivateText

DIGITS = 4


def smallest(amounts: Mapping[Account, Amount], project: str, private: PrivateText) -> Amount | None:
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
    names = names_of(private.plan, private.measured)
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


def _plain(number: float) -> float:
    return float(f"{number:.{DIGITS}g}")

"""Sentences that go with an assessment: public notes, symbols, findings on whole outputs. No figures here."""

from broker.domain.groups import Across, Keep, Meet, Regroup
from broker.domain.outputs import Finding, Verdict
from broker.policy.models import Profile

MISSING = "(missing)"

SMALL_POPULATION = Finding("W1", Verdict.SUPPRESS, "The whole filtered population is under the threshold.")
EMPTY_ROWS = Finding("F2", Verdict.SUPPRESS, "Listed rows in which nobody was found are hidden like small ones.")
FULL_LINE = Finding("F3", Verdict.SUPPRESS, "One category holds (nearly) everybody of its line of the table.")


CONTEXT = Finding("A3", Verdict.REVIEW, "Rows depend on figures of other people, which are not shown.")
LINKED = Finding(
    "L1",
    Verdict.REVIEW,
    "Totals or linked tables stand beside each other, so that hidden cells could be worked out from what is shown.",
)


def symbols_of(profile: Profile) -> tuple[tuple[str, str], ...]:
    return ((profile.suppressed_symbol, "Not shown, to protect the people behind the figure."),)


def notes_of(profile: Profile, covered: bool, steps: frozenset[type] = frozenset()) -> tuple[str, ...]:
    """What is printed with a released table: method and public parameters, the same whatever the data are. `steps` are
    the kinds of step above the groups."""
    symbol = profile.suppressed_symbol
    notes = [
        f"Figures on fewer than {profile.t} persons, and figures that would tell about single persons, are shown as "
        f"{symbol}; {symbol} can also stand for nobody.",
    ]
    if profile.round_base > 1:
        notes.append(
            f"Counts are rounded to the nearest {profile.round_base}, by the number of persons where each can count "
            "several times; they need not add up."
        )
    notes.append(f"Counts of one row that fewer than {profile.t} persons tell apart are shown as one count.")
    notes.append("Means, percentages and sums are computed from rounded figures and shown with limited digits.")
    notes.append(
        "Rows come from code lists and registers; a combination that is not listed has nobody, or too few to be shown."
        if covered
        else "Only combinations with enough persons are listed; one that is absent has nobody, or too few to be shown."
    )
    if not steps.isdisjoint({Regroup, Across}):
        notes.append(
            "Figures over groups (totals, means, shares and ranks of groups) are computed from protected figures; "
            "hidden ones are left out."
        )
    if not steps.isdisjoint({Keep, Meet}):
        notes.append("Rows are chosen and joined by protected figures; a hidden figure meets no condition.")
    return tuple(notes)

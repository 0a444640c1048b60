"""Sentences that go with an assessment: public notes, symbols, findings on whole outputs. No figures here."""

from broker.domain.findings import Finding, Verdict
from broker.domain.plans.operators import Aggregate, Filter, Join, Window
from broker.policy.disclosure_rules import DisclosureRules, Rounding

SMALL_POPULATION = Finding("W1", Verdict.SUPPRESS, "The whole filtered population is under the threshold.")
EMPTY_ROWS = Finding("F2", Verdict.SUPPRESS, "Listed rows in which nobody was found are hidden like small ones.")
SECONDARY = Finding("X1", Verdict.SUPPRESS, "Hidden so that what is hidden beside it cannot be worked out.")
RELEASED_BEFORE = Finding("X5", Verdict.SUPPRESS, "With what was released before, it would tell about a few persons.")
FULL_LINE = Finding("F3", Verdict.SUPPRESS, "One category holds (nearly) everybody of its line of the table.")


EMPTY_FIELDS = (
    "An empty field is a figure that does not exist, such as a share of nothing that is shown or a place before the "
    "first row: it follows from the figures shown."
)
HIDDEN_CONTEXT = Finding("A3", Verdict.REVIEW, "Rows depend on figures of other people, which are not shown.")
SMALL_PART = Finding("A4", Verdict.REVIEW, "")
NOT_COMPARABLE = Finding(
    "L1",
    Verdict.REVIEW,
    "Tables of this job read the same people in ways that cannot be compared: what is hidden in one could be worked "
    "out from another.",
)
TOO_MANY_JOINT_CELLS = Finding(
    "L1", Verdict.REVIEW, "Linked tables have more joint cells than may be looked at one by one."
)
NARROW_INTERVALS = Finding(
    "X1", Verdict.REVIEW, "Whatever else is hidden, some hidden figures can be worked out too closely."
)


def symbols_of(profile: DisclosureRules) -> tuple[tuple[str, str], ...]:
    """Of the symbols of government statistics one only: `c`. `z` (not applicable) and `x` (not available) would stand
    in some cells and not in others by what the data hold, and `low` would tell one or two from nobody."""
    return ((profile.suppressed_symbol, "Confidential: not shown, to protect the people behind the figure."),)


def rounding_notes(profile: DisclosureRules) -> list[str]:
    """The method, and of its parameters what may be known: not the noise's table, its largest size or its key. Whether
    figures add up is stated either way."""
    if profile.rounding is Rounding.CELL_KEY:
        return [
            "Every count of somebody is changed by a small random number that belongs to the people counted: the same "
            "people have the same number wherever they are counted, and it is zero on average. Counts of nobody are "
            "not changed. What is left out here (how large the numbers can be, and how they are drawn) is kept secret.",
            "Figures are changed each by itself: totals need not be the sum of their parts.",
        ]
    if profile.round_base <= 1:
        return ["Counts are not rounded, and add up where all of them are shown."]
    return [
        f"Counts are rounded to the nearest {profile.round_base}; where each person can count several times, by the "
        "number of persons.",
        "Figures are rounded each by itself: totals need not be the sum of their parts.",
    ]


def public_rounding(profile: DisclosureRules) -> dict[str, str | int]:
    """The same for programs."""
    if profile.rounding is Rounding.CELL_KEY:
        return {"rounding": Rounding.CELL_KEY.value}
    return {"rounding": Rounding.CONVENTIONAL.value, "round_base": profile.round_base}


def notes_of(profile: DisclosureRules, covered: bool, steps: frozenset[type] = frozenset()) -> tuple[str, ...]:
    """What is printed with a released table: method and public parameters, the same whatever the data are. `steps` are
    the kinds of step above the groups."""
    symbol = profile.suppressed_symbol
    notes = [
        f"Figures on fewer than {profile.t} persons, and figures that would tell about single persons, are shown as "
        f"{symbol}; {symbol} can also stand for nobody.",
    ]
    if profile.protects_institutions:
        notes.append(f"Figures that would tell about single institutions are shown as {symbol}, too.")
    notes += rounding_notes(profile)
    notes.append(f"Counts of one row that fewer than {profile.t} persons tell apart are shown as one count.")
    notes.append(EMPTY_FIELDS)
    notes.append("Means, percentages and sums are computed from protected counts and shown with limited digits.")
    notes.append(
        "Rows come from code lists and registers; a combination that is not listed has nobody, or too few to be shown."
        if covered
        else "Only combinations with enough persons are listed; one that is absent has nobody, or too few to be shown."
    )
    if not steps.isdisjoint({Aggregate, Window}):
        notes.append(
            "Figures over groups (totals, means, shares and ranks of groups) are computed from protected figures; "
            "hidden ones are left out."
        )
    if not steps.isdisjoint({Filter, Join}):
        notes.append("Rows are chosen and joined by protected figures; a hidden figure meets no condition.")
    return tuple(notes)

"""Sentences of an assessment: public notes, symbols, and findings on whole outputs. No exact figures appear here."""

from broker.domain.findings import Finding, Verdict
from broker.domain.plans.operators import Aggregate, Filter, Join, Window
from broker.policy.disclosure_rules import DisclosureRules, Rounding

SMALL_POPULATION = Finding("W1", Verdict.SUPPRESS, "The whole filtered population is under the threshold.")
EMPTY_ROWS = Finding("F2", Verdict.SUPPRESS, "Listed groups without persons are hidden, like small groups.")
SECONDARY = Finding("X1", Verdict.SUPPRESS, "Hidden so that nobody can work out the hidden figures alongside it.")
RELEASED_BEFORE = Finding(
    "X5", Verdict.SUPPRESS, "Together with earlier releases, this figure would reveal something about a few persons."
)
FULL_LINE = Finding(
    "F3", Verdict.SUPPRESS, "Everybody, or nearly everybody, in this line of the table is in one category."
)


EMPTY_FIELDS = (
    "An empty field is a figure that does not exist, such as a share of zero or a row before the first row. It "
    "follows from the figures shown."
)
HIDDEN_CONTEXT = Finding("A3", Verdict.REVIEW, "The rows depend on figures about other people, which are not shown.")
SMALL_PART = Finding("A4", Verdict.REVIEW, "")
NOT_COMPARABLE = Finding(
    "L1",
    Verdict.REVIEW,
    "Tables of this job read the same people in ways that cannot be compared. A figure hidden in one table "
    "could be worked out from another.",
)
TOO_MANY_JOINT_CELLS = Finding("L1", Verdict.REVIEW, "Linked tables have too many joint cells to check each of them.")
NARROW_INTERVALS = Finding(
    "X1", Verdict.REVIEW, "Some hidden figures can be worked out too closely, whatever else is hidden."
)


def symbols_of(profile: DisclosureRules) -> tuple[tuple[str, str], ...]:
    """The one symbol of an output: `c`, of the symbols that government statistics use. `z` (not applicable) and `x`
    (not available) would appear or not depending on the data, and `low` would distinguish one or two persons from
    nobody."""
    return ((profile.suppressed_symbol, "Confidential: not shown, to protect the people behind the figure."),)


def rounding_notes(profile: DisclosureRules) -> list[str]:
    """Notes on rounding: the method and those parameters that may be public. The noise table of cell-key rounding, its
    largest change and its key stay secret. Each variant says whether figures add up."""
    if profile.rounding is Rounding.CELL_KEY:
        return [
            (
                "Every count of persons is changed by a small random number. The number depends on the people "
                "counted: the same people get the same number in every table. The numbers are zero on average. "
                "Counts of zero persons are not changed. How large the numbers can be, and how they are drawn, is "
                "secret."
            ),
            "Each figure is changed separately, so totals may differ from the sum of their parts.",
        ]
    if profile.round_base <= 1:  # a base of 1 rounds nothing
        return ["Counts are not rounded. They add up if all of them are shown."]
    return [
        (
            f"Counts are rounded to the nearest {profile.round_base}. If a person can count several times, the "
            "number of persons is rounded, and that of rows more coarsely."
        ),
        "Each figure is rounded separately, so totals may differ from the sum of their parts.",
    ]


def public_rounding(profile: DisclosureRules) -> dict[str, str | int]:
    """The facts of `rounding_notes` in machine-readable form."""
    if profile.rounding is Rounding.CELL_KEY:
        return {"rounding": Rounding.CELL_KEY.value}
    return {"rounding": Rounding.CONVENTIONAL.value, "round_base": profile.round_base}


def notes_of(profile: DisclosureRules, covered: bool, steps: frozenset[type] = frozenset()) -> tuple[str, ...]:
    """Notes printed with a released table: the method and its public parameters. They do not depend on the data.
    `steps` are the operator classes of the table's program."""
    symbol = profile.suppressed_symbol
    notes = [
        (
            f"Figures on fewer than {profile.t} persons, and figures that would reveal something about individual "
            f"persons, are shown as {symbol}. {symbol} can also stand for zero persons."
        )
    ]
    if profile.protects_institutions:
        notes.append(f"Figures that would reveal something about individual institutions are also shown as {symbol}.")
    notes += rounding_notes(profile)
    # Stated for every output, whether or not a row has such counts: otherwise the note would depend on the data.
    notes.append(f"Counts in one row that differ by fewer than {profile.t} persons are shown as the same count.")
    notes.append(
        f"A count can include or leave out fewer than {profile.t} persons, so that it does not tell them apart from a "
        "known population or an earlier release."
    )
    notes.append(EMPTY_FIELDS)
    notes.append("Means, percentages and sums are computed from protected counts and shown with limited digits.")
    notes.append(
        "Rows come from code lists and registers. A combination that is not listed has no persons, or too few to show."
        if covered
        else (
            "Only combinations with enough persons are listed. Other combinations have no persons, or too few to show."
        )
    )
    if not steps.isdisjoint({Aggregate, Window}):
        notes.append(
            "Figures over groups (totals, means, shares and ranks of groups) are computed from protected "
            "figures. Hidden figures are left out."
        )
    if not steps.isdisjoint({Filter, Join}):
        notes.append("Rows are selected and joined by protected figures. A hidden figure does not meet any condition.")
    return tuple(notes)

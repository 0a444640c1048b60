"""Every rule that outputs are judged by, with its sentence and its parameters, for staff. Takes no decisions."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from broker.disclosure.rules import RULES
from broker.disclosure.rules.rule import DOMINANCE, RuleEntry
from broker.domain.findings import Finding
from broker.policy.disclosure_rules import DisclosureRules

INTERVALS = ("min_interval", "attacker", *DOMINANCE)
ELSEWHERE = (
    RuleEntry(
        "F4",
        "If there are only two categories and one has a single member, they learn the category of everybody else.",
        ("full", "coalition"),
        acro_check="class-disclosure",
    ),
    RuleEntry("P3", "A ratio, difference or growth rate also discloses both of its figures."),
    RuleEntry("R1", "A model has enough residual degrees of freedom, in rows and in persons.", ("dof",)),
    RuleEntry(
        "R2",
        "Enough persons have each category of a model and each combination. No person determines the model, and "
        "the model is not a table.",
        ("t", "max_leverage", "max_influence", "fit_digits", *DOMINANCE),
    ),
    RuleEntry("R3", "No figure is about one person. A figure about one institution needs a review."),
    RuleEntry(
        "X1",
        "No hidden figure can be worked out from the figures shown, or narrowed down further than the "
        "disclosure rules allow.",
        INTERVALS,
    ),
    RuleEntry("X2", "A sole contributor, who knows their own figure, can work out no other figure.", INTERVALS),
    RuleEntry(
        "X3", "If hidden figures add up to a total of zero persons, each of them is known to be zero.", ("zeros",)
    ),
    RuleEntry("X4", "A figure that is hidden in one table is also hidden in linked tables.", INTERVALS),
    RuleEntry(
        "X5",
        "No difference from any earlier release, in any project, reveals something about fewer persons than the "
        "threshold.",
        ("t",),
        acro_check="differencing",
    ),
    RuleEntry("X6", "Each reference population has fewer exact figures than would reveal individuals in it."),
    RuleEntry("A3", "The rows depend on figures about other people, which are not shown."),
    RuleEntry(
        "A4",
        "By public sizes, or as counted on the data, no part of the text selects or excludes fewer people than policy "
        "allows.",
        ("t", "reach"),
    ),
    RuleEntry(
        "L1", "Totals or linked tables can be compared with each other.", ("max_joint_cells", "max_joint_targets")
    ),
    RuleEntry("H1", "Only the broker selected the rows."),
    RuleEntry("H2", "No number is requested of a column with few different values."),
    RuleEntry("H3", "Names of columns are written in the script, and were not made while it ran."),
    RuleEntry("H4", "No other output of the script is about nearly as many people.", ("t",)),
    RuleEntry("H5", "The tables of the script have the same rows, and were assessed together."),
    RuleEntry("W1", "The whole filtered population is at least the threshold.", ("t",), acro_check="threshold"),
)
"""Rules that are judged across the cells of a table, on models, on scripts and on texts, each in its own module."""

IN_ONE_CELL = {rule.entry for rule in RULES}
ORDER = "FMPQDRXALHW"
"""The handbook's rules (F, M, P, Q, D, R, X), then the broker's own (A, L, H, W)."""

RULE_CATALOGUE: dict[str, RuleEntry] = {
    e.ident: e for e in sorted({*IN_ONE_CELL, *ELSEWHERE}, key=lambda e: (ORDER.index(e.ident[0]), int(e.ident[1:])))
}


@dataclass(frozen=True, slots=True)
class AppliedRule:
    """A rule, its sentence and parameters, and the number of its findings on the output."""

    rule: str
    sentence: str
    parameters: tuple[tuple[str, Any], ...]
    findings: int


def applied_rules(profile: DisclosureRules, findings: Iterable[Finding]) -> tuple[AppliedRule, ...]:
    said = [f.rule for f in findings]
    unknown = dict.fromkeys(f for f in said if f not in RULE_CATALOGUE)  # such as flags on files (T2 to T5)
    return (
        *(
            AppliedRule(e.ident, e.sentence, tuple((p, getattr(profile, p)) for p in e.parameters), said.count(e.ident))
            for e in RULE_CATALOGUE.values()
        ),
        *(AppliedRule(rule, "", (), said.count(rule)) for rule in unknown),
    )

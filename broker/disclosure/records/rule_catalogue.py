"""Every rule that an output is judged by, with its sentence and the profile's parameters, for staff. Judges nothing."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from broker.disclosure.rules import RULES
from broker.disclosure.rules.rule import DOMINANCE, RuleEntry
from broker.domain.findings import Finding
from broker.policy.disclosure_rules import DisclosureRules

ELSEWHERE = (
    RuleEntry(
        "F4",
        "If there are only two categories and one has a single member, they learn the category of everybody else.",
        ("full", "coalition"),
        acro_check="class-disclosure",
    ),
    RuleEntry("P3", "A ratio, difference or growth releases both of its figures."),
    RuleEntry("R1", "A model has enough residual degrees of freedom, in rows and in persons.", ("dof",)),
    RuleEntry(
        "R2",
        "Enough persons have each category of a model and each combination; none of them decides it; it is no table.",
        ("t", "max_leverage", "max_influence", "fit_digits", *DOMINANCE),
    ),
    RuleEntry("R3", "No figure is of one person, nor, without a look, of one institution."),
    RuleEntry(
        "X1",
        "No hidden figure can be worked out from what is shown, nor narrowed down further than the profile allows.",
        ("min_interval", *DOMINANCE),
    ),
    RuleEntry(
        "X2",
        "A sole contributor, who knows their own figure, can work out no other figure.",
        ("min_interval", *DOMINANCE),
    ),
    RuleEntry(
        "X3", "If hidden figures add up to a total of nobody, each of them is known to be of nobody.", ("zeros",)
    ),
    RuleEntry(
        "X4", "What is hidden in one table is hidden in those that are linked to it.", ("min_interval", *DOMINANCE)
    ),
    RuleEntry(
        "X5",
        "No difference to anything that was ever released, in any project, tells about fewer than the threshold.",
        ("t",),
        acro_check="differencing",
    ),
    RuleEntry("X6", "Exact figures on one reference population are fewer than would tell about everybody in it."),
    RuleEntry("A3", "Rows depend on figures of other people, which are not shown."),
    RuleEntry(
        "A4",
        "No part of the text could hold, or leave out, fewer people than policy says, by public sizes alone.",
        ("t", "reach"),
    ),
    RuleEntry("L1", "Totals or linked tables stand beside each other.", ("max_joint_cells", "max_joint_targets")),
    RuleEntry("H1", "Nobody but the broker chose the rows."),
    RuleEntry("H2", "No number is asked of a column with few different values."),
    RuleEntry("H3", "Names of columns stand in the script, and were not made while it ran."),
    RuleEntry("H4", "No other output of the script is of nearly as many people.", ("t",)),
    RuleEntry("H5", "The tables of the script are of the same rows, and were judged together."),
    RuleEntry("W1", "The whole filtered population is at least the threshold.", ("t",), acro_check="threshold"),
)
"""Rules that are judged across the cells of a table, on models, on scripts and on texts, each in its own module."""

IN_ONE_CELL = {rule.entry for rule in RULES}
ORDER = "FMPQDRXALHW"
"""The handbook's rules (F, M, P, Q, D, R, X), then the broker's own (A, L, H, W)."""

RULE_CATALOGUE: dict[str, RuleEntry] = {
    e.ident: e for e in sorted({*IN_ONE_CELL, *ELSEWHERE}, key=lambda e: (ORDER.index(e.ident[0]), e.ident))
}

UNUSED_PARAMETERS = frozenset(
    {
        "name",
        "source",
        "max_listed_rows",
        "max_group_steps",
        "small_quota",
        "suppressed_symbol",
        "file_digits",
        "many_rows",
        "many_values",
        "nearly_all",
        "extreme_percent",
    }
)
"""Fields of a profile that no rule reads: what it is called, limits of work and of jobs, and what is about scripts'
files."""


@dataclass(frozen=True, slots=True)
class AppliedRule:
    """A rule, what it is to make sure of, its parameters, and how many findings it has on the output."""

    rule: str
    sentence: str
    parameters: tuple[tuple[str, Any], ...]
    findings: int


def applied_rules(profile: DisclosureRules, findings: Iterable[Finding]) -> tuple[AppliedRule, ...]:
    said = [f.rule for f in findings]
    unknown = dict.fromkeys(f for f in said if f not in RULE_CATALOGUE)
    return (
        *(
            AppliedRule(e.ident, e.sentence, tuple((p, getattr(profile, p)) for p in e.parameters), said.count(e.ident))
            for e in RULE_CATALOGUE.values()
        ),
        *(AppliedRule(rule, "", (), said.count(rule)) for rule in unknown),
    )

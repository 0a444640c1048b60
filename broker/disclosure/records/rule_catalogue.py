"""Every rule that an output is judged by, with its sentence and the profile's parameters, for staff. Judges nothing."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from broker.domain.findings import Finding
from broker.policy.disclosure_rules import DisclosureRules

RULE_SENTENCES: dict[str, str] = {
    "F1": "At least the threshold of persons stand behind each figure, and on each side of a yes/no figure.",
    "F2": "A cell in which nobody was found tells that each member of the group has another value.",
    "F3": "A category that holds (nearly) everybody of its line, or a property of everybody, tells about each.",
    "F4": "Whoever stands alone in a category learns of all the others where only one more category is there.",
    "F5": "What selects the people of a table, and each of its margins, is judged as a cell is.",
    "F6": "Enough institutions stand behind each figure, where the profile protects them.",
    "M1": "At least the threshold of persons contribute to each sum, mean, quantile or deviation.",
    "M2": "The few largest contributors hold no more of a figure than the profile allows.",
    "M3": "The second largest contributor cannot estimate the largest too closely.",
    "M4": "Whoever knows each contribution to within a share cannot narrow one down further.",
    "M5": "A rule of the largest two is at least as strict as the rule of the remainder.",
    "M7": "Where contributions can be negative, dominance says nothing.",
    "M8": "A mean is judged as the sum that it is made of, and shown over a protected count.",
    "M9": "Contributors do not all have the same value, nor all but fewer than the threshold.",
    "P1": "A share's part, its rest and its whole pass as counts do.",
    "P2": "The digits of a share do not tell a count under the threshold.",
    "P3": "A ratio, difference or growth releases both of its figures.",
    "Q1": "Enough persons stand in each band of a quantile and near its value.",
    "Q2": "A smallest or largest value is one person's own, unless the catalogue sets it or enough persons share it.",
    "Q3": "The most frequent value is held by enough, and not by (nearly) all.",
    "Q4": "A box is drawn from quantiles that pass, never from extremes.",
    "D1": "A deviation has enough degrees of freedom.",
    "R1": "A model has enough residual degrees of freedom, in rows and in persons.",
    "R2": "Enough persons have each category of a model and each combination; none of them decides it; it is no table.",
    "R3": "No figure is of one person, nor, without a look, of one institution.",
    "X1": "No hidden figure can be worked out from what is shown, nor narrowed down further than the profile allows.",
    "X2": "A sole contributor, who knows the own figure, can work out no other.",
    "X3": "Hidden figures that add up to a total of nobody are known to be of nobody.",
    "X4": "What is hidden in one table is hidden in those that are linked to it.",
    "X5": "No difference to anything that was ever released, in any project, tells about fewer than the threshold.",
    "X6": "Exact figures on one reference population are fewer than would tell about everybody in it.",
    "A1": "The statistic and its argument have an automatic verdict.",
    "A2": "A count of distinct values counts values, whose contributors are others than the persons.",
    "A3": "Rows depend on figures of other people, which are not shown.",
    "A4": "No part of the text could hold, or leave out, fewer people than policy says, by public sizes alone.",
    "L1": "Totals or linked tables stand beside each other.",
    "H1": "Nobody but the broker chose the rows.",
    "H2": "No number is asked of a column with few different values.",
    "H3": "Names of columns stand in the script, and were not made while it ran.",
    "H4": "No other output of the script is of nearly as many people.",
    "H5": "The tables of the script are of the same rows, and were judged together.",
    "W1": "The whole filtered population is at least the threshold.",
}
"""The handbook's rules (F, M, P, Q, D, R, X) and the broker's own (A, H, L, W): what holds where nothing is found."""

DOMINANCE = ("dominance_n", "dominance_k", "p_percent")
INSTITUTIONS = ("protects_institutions", "min_institutions")
ROUNDING = ("rounding", "round_base", "noise_deviation", "noise_variance", "noise_least")

RULE_PARAMETERS: dict[str, tuple[str, ...]] = {
    "H4": ("t",),
    "F1": ("t",),
    "F2": ("zeros",),
    "F3": ("full", "full_share", "t", *INSTITUTIONS),
    "F4": ("full", "coalition"),
    "F5": ("t",),
    "F6": INSTITUTIONS,
    "M1": ("t",),
    "M2": ("dominance_n", "dominance_k"),
    "M3": ("t", *DOMINANCE, *INSTITUTIONS),
    "M4": ("p_percent", "prior_q"),
    "M5": DOMINANCE,
    "M8": ("t", "mean_digits", "sum_digits", *ROUNDING),
    "M9": ("t",),
    "P1": ("t",),
    "P2": ("t", "percent_digits", "round_base"),
    "Q1": ("t", "mean_digits"),
    "Q2": ("t",),
    "Q3": ("t", "full", "full_share"),
    "Q4": ("whisker",),
    "D1": ("dof",),
    "R1": ("dof",),
    "R2": ("t", "max_leverage", "max_influence", "fit_digits", *DOMINANCE),
    "X1": ("min_interval", *DOMINANCE),
    "X2": ("min_interval", *DOMINANCE),
    "X3": ("zeros",),
    "X4": ("min_interval", *DOMINANCE),
    "X5": ("t",),
    "A4": ("t", "reach"),
    "L1": ("max_joint_cells", "max_joint_targets"),
    "W1": ("t",),
}
"""The profile's parameters that steer a rule, or what it judges; the others have none."""

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
    unknown = dict.fromkeys(f for f in said if f not in RULE_SENTENCES)
    return (
        *(
            AppliedRule(rule, sentence, _rule_parameters(rule, profile), said.count(rule))
            for rule, sentence in RULE_SENTENCES.items()
        ),
        *(AppliedRule(rule, "", (), said.count(rule)) for rule in unknown),
    )


def _rule_parameters(rule: str, profile: DisclosureRules) -> tuple[tuple[str, Any], ...]:
    return tuple((name, getattr(profile, name)) for name in RULE_PARAMETERS.get(rule, ()))

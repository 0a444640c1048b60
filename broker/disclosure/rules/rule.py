"""A disclosure rule as one object: its catalogue entry for staff, its test, and a prefilter for the cells to test."""

from collections.abc import Callable
from dataclasses import dataclass

from broker.disclosure.rules.rule_columns import Prefilter
from broker.disclosure.rules.rule_input import RuleInput, RuleResult
from broker.domain.findings import Finding, Verdict
from broker.domain.plans.measure import Measure
from broker.policy.disclosure_rules import DisclosureRules

DOMINANCE = ("dominance_n", "dominance_k", "p_percent")
INSTITUTIONS = ("protects_institutions", "min_institutions")
ROUNDING = ("rounding", "round_base", "noise_deviation", "noise_variance", "noise_least")
"""Parameters of a profile that belong together."""


def finding(rule: str, verdict: Verdict, sentence: str, **figures: object) -> Finding:
    """A finding of a rule, by the rule's id, with the figures that explain it."""
    return Finding(rule, verdict, sentence, tuple((k, str(v)) for k, v in figures.items()))


@dataclass(frozen=True, slots=True)
class RuleEntry:
    """A rule of the catalogue, as staff read it.

    ident        its number in the handbook, or one of the broker's own (A, H, L, W)
    sentence     what the rule ensures, or why it exists
    parameters   the parameters of the profile that the rule, or the figure it judges, depends on
    acro_check   the check of ACRO that its findings are shown under; None: ACRO has no such check
    """

    ident: str
    sentence: str
    parameters: tuple[str, ...] = ()
    acro_check: str | None = None

    def finding(self, verdict: Verdict, sentence: str, **figures: object) -> Finding:
        return finding(self.ident, verdict, sentence, **figures)


def no_margin(_: DisclosureRules) -> float | None:
    """The margin of rules that do not compare contributions."""
    return None


@dataclass(frozen=True, eq=False, slots=True)
class Rule:
    """A rule on one statistic in one cell. Several rules can share one entry of the catalogue.

    find              returns the finding on one input of its measures, or None
    prefilter         the cells of a table of its measures on which `find` must run
    measures          the measures that the rule judges
    reads_protected   whether `find` reads the released value
    margin            by a profile: `find` has no finding on a total of at least this many times its largest
                      contribution, however large the others are; None: the rule is off, or compares none
    """

    entry: RuleEntry
    find: Callable[[RuleInput, DisclosureRules], RuleResult]
    prefilter: Prefilter
    measures: frozenset[Measure] = frozenset(Measure)
    reads_protected: bool = False
    margin: Callable[[DisclosureRules], float | None] = no_margin

"""Rules on percentages and on figures of two cells: what they tell about the counts behind them."""

from broker.disclosure.rules.asking import Answer, Question, exact, finding
from broker.disclosure.rules.telling import parts_shown_as
from broker.domain.findings import SEVERITY, Verdict
from broker.domain.plans import Measure
from broker.policy.profiles import Profile


def both_sides(ask: Question, profile: Profile) -> Answer:
    """P1: of a share, the part, the rest or the whole has 1 to t-1 persons."""
    e = ask.evidence
    low = [n for n in (e.persons, e.rest, ask.cell_persons) if 0 < n < profile.t]
    if ask.measure is not Measure.SHARE or not low:
        return None
    sentence = "Fewer persons than the threshold stand on a side of this share."
    return finding("P1", Verdict.SUPPRESS, sentence, persons=min(low))


def percentage_tells_count(ask: Question, profile: Profile) -> Answer:
    """P2: whoever knows the whole exactly learns from the digits of a percentage that a side has 1 to t-1 rows."""
    e = ask.evidence
    whole = e.rows + e.rest_rows
    if ask.measure is not Measure.SHARE or ask.protected is None or profile.round_base > 1 or not whole:
        return None
    least, most = parts_shown_as(exact(ask.protected), whole, profile.percent_digits + 2)
    small = range(1, profile.t)
    if not (least in small and most in small) and not (whole - least in small and whole - most in small):
        return None
    return finding("P2", Verdict.SUPPRESS, "The digits of this percentage tell a small count.", least=least, most=most)


def other_cells(ask: Question, profile: Profile) -> Answer:
    """P3: a ratio, difference or growth of cells releases each of them, so it passes only as they do."""
    from broker.disclosure.rules import findings_of

    found = [f for other in ask.beside for f in findings_of(other, profile)]
    if not found:
        return None
    heavy = max(found, key=lambda f: SEVERITY[f.verdict])
    return finding("P3", heavy.verdict, "A cell that this figure is computed from does not pass.", because=heavy.rule)

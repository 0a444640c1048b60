"""Who is likely to have free meals or special needs, by deprivation and sex. Draws nothing."""

import numpy as np

from broker.synth.draws import Array
from broker.synth.marginals import Marginals


def sen_chances(known: Marginals, year: int, male: Array, poor: Array) -> tuple[Array, Array]:
    """Each person's chance of a plan and of support, given sex and poverty: the shares of the year are kept."""
    m, ratio = known.number("people.male"), known.number("sen.poor_ratio")
    share = known.in_year("fsm.share", 2023)
    by_poverty = np.where(poor, ratio, 1.0) / (share * ratio + 1 - share)
    chances = []
    for kind in ("plan", "support"):
        of_male = known.number(f"sen.male_of_{kind}")
        by_sex = np.where(male, of_male / m, (1 - of_male) / (1 - m))
        chances.append(known.in_year(f"sen.{kind}", year) * by_sex * by_poverty)
    return chances[0], chances[1]


def who_is_poor(poverty: Array, idaci: Array, known: Marginals) -> Array:
    """Those who would have free meals in the latest year, were their draw never renewed."""
    score = fsm_score(poverty, idaci, known)
    return np.asarray(score > np.quantile(score, 1 - known.in_year("fsm.share", 2023)))


def fsm_score(uniform: Array, idaci: Array, known: Marginals) -> Array:
    """Deprivation on the logit scale plus a logistic draw: free meals are where it passes the year's threshold."""
    kept = np.clip(uniform, 1e-9, 1 - 1e-9)
    return np.asarray(known.number("deprivation.fsm_slope") * idaci + np.log(kept / (1 - kept)))

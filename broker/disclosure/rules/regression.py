"""Rules on regressions: R1 residual degrees of freedom, R2 tables in disguise and single persons, R3 what is of one.

Pure functions of a fit's evidence and the profile. Coefficients of a model cannot be hidden one by one: each depends on
all, so what a rule finds is about the whole.
"""

from collections.abc import Callable, Iterator

from broker.disclosure.rules.asking import finding, p_percent_of
from broker.domain.findings import Finding, Verdict
from broker.domain.fits import Fit, FitCell
from broker.policy.profiles import Profile

FitRule = Callable[[Fit, Profile], Iterator[Finding]]


def residual_degrees(fit: Fit, profile: Profile) -> Iterator[Finding]:
    """R1: fewer residual degrees of freedom, in rows or in persons, than the profile asks for."""
    free = min(fit.residual_df, fit.persons - len(fit.columns))
    if free < profile.dof:
        yield finding("R1", Verdict.REFUSE, "The model has too few residual degrees of freedom.", dof=free)


def few_clusters(fit: Fit, profile: Profile) -> Iterator[Finding]:
    """R1: standard errors over fewer clusters than degrees of freedom that are asked for."""
    if 0 < fit.clusters <= profile.dof:
        sentence = "Standard errors stand on few clusters."
        yield finding("R1", Verdict.REVIEW, sentence, clusters=fit.clusters)


def small_levels(fit: Fit, profile: Profile) -> Iterator[Finding]:
    """R2: a category, or a combination of categories, of 1 to t-1 persons; the reference is one of them."""
    for group in fit.groups:
        if group.persons < profile.t:
            sentence = "Fewer persons than the threshold have this category, or combination of categories."
            yield finding("R2", Verdict.REFUSE, sentence, name=group.name, persons=group.persons)


def small_columns(fit: Fit, profile: Profile) -> Iterator[Finding]:
    """R2: a 0/1 column whose ones or zeros are of 1 to t-1 persons, or a coefficient, the constant among them, that so
    few make nearly all of."""
    for column in fit.columns:
        low = min(column.persons, column.rest) if column.kind == "level" else column.persons
        if low < profile.t:
            sentence = "Fewer persons than the threshold stand behind this coefficient."
            yield finding("R2", Verdict.REFUSE, sentence, name=column.name, persons=low)


def two_by_two(fit: Fit, profile: Profile) -> Iterator[Finding]:
    """R2 (P4): of a 0/1 outcome, the ones or the zeros of a category are of 1 to t-1 persons, or there are none."""
    if fit.binary:
        for group in fit.groups:
            low = min(group.ones, group.rest)
            if low < profile.t:
                sentence = "Fewer persons than the threshold of this category have the outcome, or do not have it."
                yield finding("R2", Verdict.REVIEW, sentence, name=group.name, persons=low)


def saturated(fit: Fit, profile: Profile) -> Iterator[Finding]:
    """R2: the model is a table of means; its cells are judged like those of a table (F1, F3, M3, M9)."""
    for number, cell in enumerate(fit.cells):
        for rule, sentence in _of_cell(cell, fit.binary, profile):
            yield finding(rule, Verdict.REFUSE, sentence, cell=number, persons=cell.persons)


def _of_cell(cell: FitCell, binary: bool, profile: Profile) -> Iterator[tuple[str, str]]:
    if cell.persons < profile.t:
        yield "F1", "The model is a table of means, and fewer persons than the threshold are in a cell of it."
    if binary and (min(cell.ones, cell.rest) < profile.t):
        yield "F3", "The model is a table of shares, and in a cell of it (nearly) everybody has the outcome, or nobody."
    if not binary and cell.spread == 0:
        yield "M9", "The model is a table of means, and everybody in a cell of it has the same value."
    p = p_percent_of(profile)
    rest = cell.total - cell.largest - cell.second
    if p is not None and cell.largest > 0 and rest * 100 < float(p) * cell.largest:
        yield "M3", "The model is a table of means, and one person dominates a cell of it."


def leverage(fit: Fit, profile: Profile) -> Iterator[Finding]:
    """R2: a row decides its own fitted value, or one person's rows together decide theirs."""
    if fit.leverage > profile.max_leverage:
        sentence = "One row, or the rows of one person, nearly decide their own fitted values."
        yield finding("R2", Verdict.REFUSE, sentence, leverage=round(fit.leverage, 4))


def influence(fit: Fit, profile: Profile) -> Iterator[Finding]:
    """R2: without one person a coefficient would move by more standard errors than the profile lets it."""
    if fit.influence > profile.max_influence:
        sentence = "One person moves a coefficient by much of its standard error."
        yield finding("R2", Verdict.REVIEW, sentence, standard_errors=round(fit.influence, 2))


FIT_RULES: tuple[FitRule, ...] = (
    residual_degrees, few_clusters, small_levels, small_columns, two_by_two, saturated, leverage, influence,
)  # fmt: skip


def findings_of_fit(fit: Fit, profile: Profile) -> tuple[Finding, ...]:
    """Every rule's word, each finding once."""
    return tuple(dict.fromkeys(f for rule in FIT_RULES for f in rule(fit, profile)))


PER_PERSON = ("residual", "resid", "fitted", "yhat", "leverage", "hat", "cook", "dfbeta", "dffits", "random_effect")
"""R3: how columns are called that hold a figure for each person or unit."""


def is_per_person(column: str) -> bool:
    """R3: whether a column is called like residuals, fitted values or effects of single units."""
    folded = column.casefold().replace(" ", "_")
    return any(folded == word or folded.startswith((word + "_", word + "s")) or folded.endswith("_" + word)
               for word in PER_PERSON)  # fmt: skip

"""Judges one regression by its evidence (rules R1 to R3) and builds the table that would be released."""

from collections.abc import Callable, Iterator
from decimal import ROUND_HALF_EVEN, Decimal

from broker.disclosure.assessment_texts import symbols_of
from broker.disclosure.rules import p_percent_of
from broker.disclosure.rules.rule import finding
from broker.domain.evidence import ModelFit, ModelFitCell
from broker.domain.findings import AssessedRow, Assessment, Finding, Verdict, worst_verdict
from broker.domain.plans.scalars import Value
from broker.policy.disclosure_rules import DisclosureRules
from broker.postprocessing.exact_arithmetic import nearest_multiple

RegressionRule = Callable[[ModelFit, DisclosureRules], Iterator[Finding]]


def residual_degrees(fit: ModelFit, profile: DisclosureRules) -> Iterator[Finding]:
    """R1: fewer residual degrees of freedom, counted in rows or in persons, than the rules require."""
    free = min(fit.residual_df, fit.persons - len(fit.columns))  # several rows of a person count once
    if free < profile.dof:
        yield finding("R1", Verdict.REFUSE, "The model has too few residual degrees of freedom.", dof=free)


def few_clusters(fit: ModelFit, profile: DisclosureRules) -> Iterator[Finding]:
    """R1: standard errors use no more clusters than the required degrees of freedom."""
    if 0 < fit.clusters <= profile.dof:  # 0: no clusters
        sentence = "Standard errors are based on few clusters."
        yield finding("R1", Verdict.REVIEW, sentence, clusters=fit.clusters)


def small_levels(fit: ModelFit, profile: DisclosureRules) -> Iterator[Finding]:
    """R2: a category, the reference included, or a combination of categories has fewer than t persons."""
    for group in fit.groups:
        if group.persons < profile.t:
            sentence = "Fewer persons than the threshold have this category, or combination of categories."
            yield finding("R2", Verdict.REFUSE, sentence, name=group.name, persons=group.persons)


def small_columns(fit: ModelFit, profile: DisclosureRules) -> Iterator[Finding]:
    """R2: the ones or zeros of a 0/1 column have fewer than t persons, or fewer than t persons make up nearly all of
    another coefficient, the constant included."""
    for column in fit.columns:
        # Both values of a 0/1 column.
        low = min(column.persons, column.rest) if column.kind == "level" else column.persons
        if low < profile.t:
            sentence = "Fewer persons than the threshold contribute to this coefficient."
            yield finding("R2", Verdict.REFUSE, sentence, name=column.name, persons=low)


def two_by_two(fit: ModelFit, profile: DisclosureRules) -> Iterator[Finding]:
    """R2 (P4): for a 0/1 outcome, fewer than t persons of a category (or none) have the outcome, or fewer than t do
    not."""
    if fit.binary:
        for group in fit.groups:
            low = min(group.ones, group.rest)
            if low < profile.t:
                sentence = "Fewer persons than the threshold of this category have the outcome, or do not have it."
                yield finding("R2", Verdict.REVIEW, sentence, name=group.name, persons=low)


def saturated(fit: ModelFit, profile: DisclosureRules) -> Iterator[Finding]:
    """R2: the model is equivalent to a table of means; its cells are judged like those of a table (F1, F3, M3, M9)."""
    for number, cell in enumerate(fit.cells):
        for rule, sentence in _saturated_cell(cell, fit.binary, profile):
            yield finding(rule, Verdict.REFUSE, sentence, cell=number, persons=cell.persons)


def _saturated_cell(cell: ModelFitCell, binary: bool, profile: DisclosureRules) -> Iterator[tuple[str, str]]:
    if cell.persons < profile.t:
        yield "F1", "The model is a table of means, and one of its cells has fewer persons than the threshold."
    if binary and (min(cell.ones, cell.rest) < profile.t):
        yield (
            "F3",
            (
                "The model is a table of shares, and in one of its cells everybody (or nearly everybody) has the "
                "outcome, or nobody has it."
            ),
        )
    if not binary and cell.spread == 0:
        yield "M9", "The model is a table of means, and everybody in one of its cells has the same value."
    p = p_percent_of(profile)
    # The p% rule (M3), as for the cells of a table.
    rest = cell.total - cell.largest - cell.second
    if p is not None and cell.largest > 0 and rest * 100 < float(p) * cell.largest:
        yield "M3", "The model is a table of means, and one person dominates one of its cells."


def leverage(fit: ModelFit, profile: DisclosureRules) -> Iterator[Finding]:
    """R2: one row, or the rows of one person together, nearly determine their own fitted values."""
    if fit.leverage > profile.max_leverage:
        sentence = "One row, or the rows of one person, almost determine their own fitted values."
        yield finding("R2", Verdict.REFUSE, sentence, leverage=round(fit.leverage, 4))


def influence(fit: ModelFit, profile: DisclosureRules) -> Iterator[Finding]:
    """R2: without one person a coefficient would change by more standard errors than the rules allow."""
    if fit.influence > profile.max_influence:
        sentence = "One person changes a coefficient by a large part of its standard error."
        yield finding("R2", Verdict.REVIEW, sentence, standard_errors=round(fit.influence, 2))


REGRESSION_RULES: tuple[RegressionRule, ...] = (
    residual_degrees, few_clusters, small_levels, small_columns, two_by_two, saturated, leverage, influence,
)  # fmt: skip


def regression_findings(fit: ModelFit, profile: DisclosureRules) -> tuple[Finding, ...]:
    """The findings of all rules, without duplicates."""
    return tuple(dict.fromkeys(f for rule in REGRESSION_RULES for f in rule(fit, profile)))


PER_PERSON_WORDS = (
    "residual",
    "resid",
    "fitted",
    "yhat",
    "leverage",
    "hat",
    "cook",
    "dfbeta",
    "dffits",
    "random_effect",
)
"""R3: names of columns that hold one figure for each person or unit."""


def is_per_person(column: str) -> bool:
    """R3: whether a column is named like residuals, fitted values or effects of single units."""
    folded = column.casefold().replace(" ", "_")  # "Fitted values" and "fitted_values"
    return any(folded == word or folded.startswith((word + "_", word + "s")) or folded.endswith("_" + word)
               for word in PER_PERSON_WORDS)  # fmt: skip


COLUMNS = ("term", "estimate", "standard_error")
MODEL_NUMBERS = ("(rows)", "(persons)", "(residual degrees of freedom)", "(R squared)")
R_SQUARED_NOTE = (
    "R squared of a linear model is for the variation within absorbed effects. For other models it is McFadden's."
)
ROUNDING_NOTE = "Rows and persons are rounded to the nearest {}; degrees of freedom follow from the rounded rows."
DIGITS_NOTE = "Estimates and standard errors have at most {} significant digits."
ABSORBED_NOTE = "Effects of the absorbed groups are not released."


def judge_regression(name: str, fit: ModelFit, profile: DisclosureRules, more: tuple[Finding, ...] = ()) -> Assessment:
    """Assess a fitted model. Coefficients are released with the significant digits of the rules; numbers of rows and
    persons are rounded."""
    findings = (*regression_findings(fit, profile), *more)
    notes = [DIGITS_NOTE.format(profile.fit_digits), ROUNDING_NOTE.format(profile.round_base), R_SQUARED_NOTE]
    return Assessment(
        name=name,
        columns=COLUMNS,
        key_count=1,
        rows=tuple(_rows(fit, profile)),
        findings=findings,
        verdict=worst_verdict(f.verdict for f in findings),
        small=fit.persons < profile.t,
        symbols=symbols_of(profile),
        notes=(*notes, ABSORBED_NOTE) if fit.absorbed_groups else tuple(notes),
    )


def _rows(fit: ModelFit, profile: DisclosureRules) -> list[AssessedRow]:
    digits = profile.fit_digits
    found = []
    for c in fit.columns:
        exact = (c.coefficient, c.standard_error)
        found.append(_row(c.name, exact, tuple(with_digits(v, digits) for v in exact), c.persons))
    rows = nearest_multiple(fit.rows, profile.round_base)
    shown_numbers: tuple[Value, ...] = (
        rows,
        nearest_multiple(fit.persons, profile.round_base),
        # From the rounded rows: the exact degrees of freedom would reveal the exact number of rows.
        max(0, rows - (fit.rows - fit.residual_df)),
        with_digits(fit.r_squared, 3),
    )
    numbers = (fit.rows, fit.persons, fit.residual_df, fit.r_squared)
    pairs = zip(MODEL_NUMBERS, numbers, shown_numbers, strict=True)
    return found + [_row(name, (value, None), (released, None), fit.persons) for name, value, released in pairs]


def _row(term: str, exact: tuple[Value, ...], released: tuple[Value, ...], persons: int) -> AssessedRow:
    return AssessedRow(
        keys=(term,),
        exact=(term, *exact),
        released=(term, *released),
        suppressed=(False,) * 3,
        verdicts=(Verdict.PUBLISH,) * 3,
        rules=((),) * 3,
        persons=persons,
    )


def with_digits(value: float, digits: int) -> Decimal:
    """Round to this many significant digits, half to even."""
    exact = Decimal(repr(value))
    if not exact:
        return Decimal(0)
    return exact.quantize(Decimal(1).scaleb(exact.adjusted() - digits + 1), ROUND_HALF_EVEN)

"""The rules' word on one regression by its evidence, and what would be released of it. Knows no rows and no engine."""

from decimal import ROUND_HALF_EVEN, Decimal

from broker.disclosure.rules.regression import findings_of_fit
from broker.disclosure.wording import symbols_of
from broker.domain.findings import Assessment, Finding, JudgedCell, Verdict, worst
from broker.domain.fits import Fit
from broker.domain.scalars import Value
from broker.policy.profiles import Profile

COLUMNS = ("term", "estimate", "standard_error")
NUMBERS = ("(rows)", "(persons)", "(residual degrees of freedom)", "(R squared)")
SUMMARY = "R squared of a linear model is that of the variation within absorbed effects; of others it is McFadden's."
ROUNDED = "Rows and persons are rounded to the nearest {}; degrees of freedom follow from the rounded rows."
DIGITS = "Estimates and standard errors have at most {} significant digits."
ABSORBED = "Effects of the absorbed groups are not released."


def judge_fit(name: str, fit: Fit, profile: Profile, more: tuple[Finding, ...] = ()) -> Assessment:
    """A coefficient leaves with the profile's significant digits, the numbers of rows and persons rounded."""
    findings = (*findings_of_fit(fit, profile), *more)
    notes = [DIGITS.format(profile.fit_digits), ROUNDED.format(profile.round_base), SUMMARY]
    return Assessment(
        name=name,
        columns=COLUMNS,
        key_count=1,
        rows=tuple(_rows(fit, profile)),
        findings=findings,
        verdict=worst(f.verdict for f in findings),
        small=fit.persons < profile.t,
        symbols=symbols_of(profile),
        notes=(*notes, ABSORBED) if fit.absorbed_groups else tuple(notes),
    )


def _rows(fit: Fit, profile: Profile) -> list[JudgedCell]:
    digits = profile.fit_digits
    found = []
    for c in fit.columns:
        exact = (c.coefficient, c.standard_error)
        found.append(_row(c.name, exact, tuple(shown(v, digits) for v in exact), c.persons))
    rows = _rounded(fit.rows, profile)
    shown_numbers: tuple[Value, ...] = (
        rows,
        _rounded(fit.persons, profile),
        max(0, rows - (fit.rows - fit.residual_df)),
        shown(fit.r_squared, 3),
    )
    numbers = (fit.rows, fit.persons, fit.residual_df, fit.r_squared)
    pairs = zip(NUMBERS, numbers, shown_numbers, strict=True)
    return found + [_row(name, (value, None), (told, None), fit.persons) for name, value, told in pairs]


def _row(term: str, exact: tuple[Value, ...], released: tuple[Value, ...], persons: int) -> JudgedCell:
    return JudgedCell(
        keys=(term,),
        exact=(term, *exact),
        released=(term, *released),
        suppressed=(False,) * 3,
        verdicts=(Verdict.PUBLISH,) * 3,
        rules=((),) * 3,
        persons=persons,
    )


def _rounded(count: int, profile: Profile) -> int:
    base = profile.round_base
    return (2 * count + base) // (2 * base) * base


def shown(value: float, digits: int) -> Decimal:
    """With so many significant digits."""
    exact = Decimal(repr(value))
    if not exact:
        return Decimal(0)
    return exact.quantize(Decimal(1).scaleb(exact.adjusted() - digits + 1), ROUND_HALF_EVEN)

"""Texts of a query that a released table would show, and that a spreadsheet would take for a formula. Refuses them."""

from collections.abc import Iterable, Iterator

from broker.domain.formulas import is_formula
from broker.domain.plans import OutputColumn
from broker.domain.scalars import Call, Case, Literal, Scalar, Type
from broker.query.refusing import Place, Report

ADVICE = "Begin it with a letter, a digit or a bracket: write minus 1 to 0, or (-1 to 0)."


def check_formulas(columns: Iterable[OutputColumn], made: Iterable[Scalar], report: Report, place: Place) -> None:
    """`made` are the expressions that columns are made of."""
    found = [*columns]
    texts = [*(c.name for c in found), *(t for s in (*(c.expression for c in found), *made) for t in _texts(s))]
    wrong = dict.fromkeys(text for text in texts if is_formula(text))
    if wrong:
        message = f"A spreadsheet would take these names and labels for formulas: {', '.join(wrong)}."
        report.add("spreadsheet-formula", message, ADVICE, place)


def _texts(scalar: Scalar) -> Iterator[str]:
    """Texts that the value can be, or begin with: what a condition compares with is none of them."""
    match scalar:
        case Literal(value=str(text)):
            yield text
        case Case(whens=whens, otherwise=otherwise):
            for value in (*(value for _, value in whens), otherwise):
                yield from _texts(value)
        case Call(args=args, type=Type.TEXT):
            for value in args:
                yield from _texts(value)

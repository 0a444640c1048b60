"""Whether a CASE puts people together by several variables without a condition on each: `CASE WHEN a = 1 THEN b ELSE 0
END` is 1 for those of a with b, as a condition on both is. Estimates nothing."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from broker.domain.plans import scalars
from broker.query.selectivity.branches import as_case
from broker.query.selectivity.dependence import Dependence
from broker.query.selectivity.dependences import Dependences
from broker.query.symbols import SymbolTable

Tokens = frozenset[tuple[int, str]]
"""Variables of scans; without a name, whether a scan has rows."""


@dataclass(frozen=True, slots=True)
class ChosenValue:
    """A value of a CASE, with the variables whose conditions choose it and those that it reads."""

    value: scalars.Scalar
    chosen_by: Tokens
    read: Tokens

    @property
    def is_of_others(self) -> bool:
        """Whether it is chosen by other variables than it reads. Whether there are rows is a value of each variable of
        theirs."""
        scans = {scan for scan, name in self.read if name}
        chosen, read = (
            {(scan, name) for scan, name in some if name or scan not in scans} for some in (self.chosen_by, self.read)
        )
        return bool(chosen and read) and chosen != read


def joins_values(case: scalars.Case, dependences: Dependences, symbols: SymbolTable) -> bool:
    """Whether a value that another variable chooses may be the same as one that is chosen otherwise."""
    found = [*_chosen_values(case, frozenset(), dependences, symbols)]
    return any(
        one.is_of_others and may_equal(one.value, other.value, dependences, symbols)
        for one in found
        for other in found
        if one.value != other.value and not isinstance(one.value, scalars.Literal)
    )


def _chosen_values(
    value: scalars.Scalar, chosen_by: Tokens, dependences: Dependences, symbols: SymbolTable
) -> Iterator[ChosenValue]:
    match as_case(value):
        case scalars.Case(whens=whens, otherwise=otherwise):
            for condition, inner in whens:
                if not (len(whens) == 1 and _is_missing(otherwise, inner, condition, dependences, symbols)):
                    chosen_by |= _tokens(dependences.of(condition))
                yield from _chosen_values(inner, chosen_by, dependences, symbols)
            yield from _chosen_values(otherwise, chosen_by, dependences, symbols)
        case other:
            yield ChosenValue(other, chosen_by, _tokens(dependences.of(other)))


def _tokens(found: Dependence) -> Tokens:
    return found.variables | {(scan, "") for scan in found.present}


def _is_missing(
    value: scalars.Scalar, instead: scalars.Scalar, condition: scalars.Scalar, dependences: Dependences,
    symbols: SymbolTable,
) -> bool:  # fmt: skip
    """Whether a condition asks if a variable is missing that is the value otherwise, as COALESCE does. No text can
    choose that: not by a condition of its outer side either, unless it is the same variable that is taken instead."""
    match condition:
        case scalars.Call(op="is_null", args=(scalars.ColumnRef(ident=ident),)) if ident in symbols.origins:
            is_alike = dependences.of(instead).names == dependences.of(value).names
            return value == condition.args[0] and (is_alike or not dependences.row_of(ident).names)
    return False


def may_equal(value: scalars.Scalar, other: scalars.Scalar, dependences: Dependences, symbols: SymbolTable) -> bool:
    """Whether two values may be one, or both be missing."""
    if can_be_missing(value, dependences, symbols) and can_be_missing(other, dependences, symbols):
        return True
    if scalars.NULL in (value, other):
        return False
    mine, theirs = _possible(value, symbols), _possible(other, symbols)
    if mine is None or theirs is None:
        return True
    # engines can take texts for equal that differ in case or in blanks at the end
    mine, theirs = (v if isinstance(v, range) else tuple(map(_as_compared, v)) for v in (mine, theirs))
    few, many = sorted((mine, theirs), key=len)
    if isinstance(few, range) and isinstance(many, range):
        return max(few.start, many.start) < min(few.stop, many.stop)
    # Text is never in a range, which would look at each of its numbers.
    return any(v in many for v in few if isinstance(v, int) or not isinstance(many, range))


def can_be_missing(value: scalars.Scalar, dependences: Dependences, symbols: SymbolTable) -> bool:
    """Whether a value may be missing. Some variables never are, but of an outer side they can be; any other column may
    be so by a condition."""
    match value:
        case scalars.Literal(value=written):
            return written is None
        case scalars.ColumnRef(ident=ident) if dependences.is_variable(value):
            return symbols.origins[ident].variable.missing or bool(dependences.row_of(ident).names)
    return True


def _as_compared(value: scalars.Value) -> scalars.Value:
    return value.casefold().rstrip() if isinstance(value, str) else value


def _possible(value: scalars.Scalar, symbols: SymbolTable) -> Collection[scalars.Value] | None:
    """The values of a literal or of a listed variable; None if they are not known."""
    match value:
        case scalars.Literal(value=written):
            return (written,)
        case scalars.ColumnRef(ident=ident, type=kind) if ident in symbols.origins:
            variable = symbols.origins[ident].variable
            if kind is scalars.ScalarType.FLAG:
                return (0, 1)
            if variable.values is not None:
                return tuple(variable.values)
            if kind is scalars.ScalarType.INT and variable.low is not None and variable.high is not None:
                return range(int(variable.low), int(variable.high) + 1)
    return None

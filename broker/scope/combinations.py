"""What may not meet in one job, judged over all its uses. Years are sets: a range would find years nobody asked for."""

from collections.abc import Iterator, Sequence

from broker.domain.errors import Refusal
from broker.domain.projects import Project
from broker.domain.variables import Use, Years
from broker.policy.models import Catalogue, CombinationRule, Policies


def check_combinations(uses: Sequence[Use], project: Project, policies: Policies) -> tuple[Refusal, ...]:
    """Every combination rule that the uses of one job break, with the first place that does."""
    found: list[Refusal] = []
    for rule in policies.combinations:
        if rule.under_gateway and rule.under_gateway.casefold() not in project.gateway.casefold():
            continue
        found += _replaced(rule, uses, policies.catalogue) if rule.replace else _met(rule, uses, policies.catalogue)
    return tuple(found)


def _met(rule: CombinationRule, uses: Sequence[Use], catalogue: Catalogue) -> Iterator[Refusal]:
    """A rule is broken by one use of each side; the years that trigger are those of the first side."""
    if not rule.any_of:
        return
    first = [u for u in uses if _is_any(u, rule.any_of, catalogue) and _in_years(u, rule.years, catalogue)]
    second = [u for u in uses if _is_any(u, rule.with_any, catalogue)] if rule.with_any else first
    if not first or not second:
        return
    one, other = min(first, key=_place), min(second, key=_place)
    message = f"Rule {rule.id}: {rule.note}"
    yield Refusal("combination", message, _advice(rule, one, other), other.line, other.column, _name(other, catalogue))


def _advice(rule: CombinationRule, one: Use, other: Use) -> str:
    if not rule.with_any:
        return f"Leave {other.full_name} out."
    advice = f"Leave out {other.full_name} or {one.table}"
    if rule.years:
        advice += f", or exclude {', '.join(f'{y}/{y + 1}' for y in sorted(rule.years))} of {one.table}"
    return advice + "; other jobs may use each alone."


def _replaced(rule: CombinationRule, uses: Sequence[Use], catalogue: Catalogue) -> Iterator[Refusal]:
    """Variables that this gateway gives only under another name."""
    instead = {name.casefold(): other for name, other in rule.replace.items()}
    told: set[str] = set()
    for use in sorted(uses, key=_place):
        other = instead.get((use.variable or "").casefold())
        if other is None or use.full_name.casefold() in told:
            continue
        told.add(use.full_name.casefold())
        message = f"Rule {rule.id}: {rule.note} {use.full_name} is not available under this gateway."
        yield Refusal("combination", message, f"Use {other}.", use.line, use.column, _name(use, catalogue))


def _is_any(use: Use, side: tuple[str, ...], catalogue: Catalogue) -> bool:
    return any(_is(use, member, catalogue) for member in side)


def _is(use: Use, member: str, catalogue: Catalogue) -> bool:
    kind, _, name = member.partition(":")
    table = catalogue.find(use.table)
    match kind:
        case "table":
            return use.table.casefold() == name.casefold()
        case "variable":
            return use.variable is not None and use.variable.casefold() == name.casefold()
        case "class":
            variable = table.find(use.variable) if table and use.variable is not None else None
            return variable is not None and variable.cls == name
    raise ValueError(f"a combination rule cannot name {member!r}")


def _in_years(use: Use, years: Years | None, catalogue: Catalogue) -> bool:
    """Whether a use touches one of the years; a use whose years were not proved touches all that the table has."""
    if years is None:
        return True
    table = catalogue.find(use.table)
    used = use.years if use.years is not None else (table.years if table else None)
    return used is None or bool(used & years)


def _name(use: Use, catalogue: Catalogue) -> str | None:
    """The catalogue's spelling of a use's variable."""
    table = catalogue.find(use.table)
    variable = table.find(use.variable) if table and use.variable is not None else None
    return f"{table.full_name}.{variable.name}" if table and variable else None


def _place(use: Use) -> tuple[int, int]:
    return (use.line or 0, use.column or 0)

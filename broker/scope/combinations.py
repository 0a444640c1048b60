"""What may not meet in one job, judged over all its uses. Years are sets: a range would find years nobody asked for."""

from collections.abc import Iterator, Sequence

from broker.domain.errors import Refusal
from broker.domain.projects import Project
from broker.domain.variables import Use, Years
from broker.policy.catalogue import Catalogue
from broker.policy.models import CombinationRule, Policies
from broker.policy.tables import Table
from broker.scope.advice import ask_for, in_years, without_years, years_text
from broker.scope.check import full_name_of, place_of, variable_of, years_touched

WHOLE = (
    "Without an input line a script reads all that was granted: write one for each table that it needs, such as "
    "# input: npd.absence [URN, LA] 2018/2019-2022/2023. "
)


def check_combinations(
    uses: Sequence[Use], project: Project, policies: Policies, *, header: bool = False
) -> tuple[Refusal, ...]:
    """Every combination rule that the uses of one job break, with the first place that does. `header` words the advice
    on years for a script's `# input:` lines. A table that does not exist is refused by `check`, and breaks no rule."""
    uses = [use for use in uses if policies.catalogue.find(use.table) is not None]
    found: list[Refusal] = []
    for rule in policies.combinations:
        if rule.under_gateway and rule.under_gateway.casefold() not in project.gateway.casefold():
            continue
        found += _met(rule, uses, policies.catalogue, header)
        found += _replaced(rule, uses, policies.catalogue)
        if rule.default_items_only:
            found += _by_request(rule, uses, project, policies.catalogue)
    return tuple(found)


def _met(rule: CombinationRule, uses: Sequence[Use], catalogue: Catalogue, header: bool) -> Iterator[Refusal]:
    """A rule is broken by one use of each side; the years that trigger are those of the first side."""
    first = [u for u in uses if _is_any(u, rule.any_of, catalogue) and _in_years(u, rule.years, catalogue)]
    second = [u for u in uses if _is_any(u, rule.with_any, catalogue)] if rule.with_any else first
    if not first or not second:
        return
    other = min(second, key=place_of)
    message = f"Rule {rule.id}: {rule.note}{_touched(first, rule, catalogue)}"
    advice = _advice(rule, first, other, catalogue, header)
    yield Refusal("combination", message, advice, other.line, other.column, _name(other, catalogue))


def _touched(first: list[Use], rule: CombinationRule, catalogue: Catalogue) -> str:
    """The tables of the first side with the years in which they break the rule, as a sentence."""
    if rule.years is None or not rule.with_any:
        return ""
    years = _years_of(first, catalogue)
    told = (f"{t.full_name}{in_years(t, used & rule.years)}" for t, used in years.items())
    return f" This job may read {', '.join(told)}."


def _advice(rule: CombinationRule, first: list[Use], other: Use, catalogue: Catalogue, header: bool) -> str:
    if not rule.with_any:
        return f"Leave {other.full_name} out."
    tables = _years_of(first, catalogue)
    advice = WHOLE if header and other.line is None else ""
    advice += f"Leave out {_name(other, catalogue) or other.full_name} or {' and '.join(t.full_name for t in tables)}"
    if rule.years is not None:
        told = [f"{years_text(t, used & rule.years)} of {t.full_name}" for t, used in tables.items()]
        advice += f", or exclude {' and '.join(told)}"
    advice += "; other jobs may use each alone."
    barred = rule.years or frozenset()
    ways = [without_years(t, used, used & barred, header) for t, used in tables.items() if barred and used - barred]
    return " ".join((advice, *ways))


def _years_of(uses: list[Use], catalogue: Catalogue) -> dict[Table, Years]:
    """The years that uses may touch, by table, in order of place."""
    found: dict[str, Years] = {}
    for use in sorted(uses, key=place_of):
        table = catalogue.table(use.table)
        found[table.full_name] = found.get(table.full_name, frozenset()) | years_touched(use, table)
    return {catalogue.table(name): years for name, years in found.items()}


def _by_request(
    rule: CombinationRule, uses: Sequence[Use], project: Project, catalogue: Catalogue
) -> Iterator[Refusal]:
    """Variables beyond the default items of a table that was granted as such, in years in which no grant names them."""
    for use in sorted(uses, key=place_of):
        table = catalogue.table(use.table)
        variable = variable_of(use, table)
        if variable is None or variable.default_item:
            continue
        grants = [g for g in project.grants if g.table.casefold() == table.full_name.casefold()]
        named = [g for g in grants if g.variable.casefold() == variable.name.casefold() and not g.default_items]
        if not any(g.default_items for g in grants) or (named and table.years is None):
            continue
        missing = years_touched(use, table).difference(*(g.years or frozenset() for g in named))
        if table.years is not None and not missing:
            continue
        name = f"{table.full_name}.{variable.name}"
        message = f"Rule {rule.id}: {rule.note} {name} is given by request only."
        advice = ask_for(name + in_years(table, missing), project)
        yield Refusal("combination", message, advice, use.line, use.column, name)


def _replaced(rule: CombinationRule, uses: Sequence[Use], catalogue: Catalogue) -> Iterator[Refusal]:
    """Variables that this gateway gives only under another name."""
    instead = {name.casefold(): other for name, other in rule.replace.items()}
    told: set[str] = set()
    for use in sorted(uses, key=place_of):
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
    match kind:
        case "table":
            return use.table.casefold() == name.casefold()
        case "variable":
            return use.variable is not None and use.variable.casefold() == name.casefold()
        case "class":
            variable = variable_of(use, catalogue.table(use.table))
            return variable is not None and variable.cls == name
    raise ValueError(f"a combination rule cannot name {member!r}")


def _in_years(use: Use, years: Years | None, catalogue: Catalogue) -> bool:
    """Whether a use touches one of the years; a use whose years were not proved touches all that the table has."""
    if years is None:
        return True
    used = catalogue.table(use.table).years if use.years is None else use.years
    return used is None or bool(used & years)


def _name(use: Use, catalogue: Catalogue) -> str | None:
    """The catalogue's spelling of a use's variable."""
    return full_name_of(use, catalogue.table(use.table))

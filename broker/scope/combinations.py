"""Combinations of uses that one job may not have, and so the variables that the mount of a script may hold together."""

from collections.abc import Iterator, Sequence

from broker.domain.errors import Refusal
from broker.domain.plans.variable_uses import Usage, VariableUse, Years
from broker.domain.projects.project import Grant, ResearchProject
from broker.policy.data_catalogue import Catalogue, CatalogueTable
from broker.policy.policy_set import CombinationRule, PolicySet
from broker.scope.advice import advise_request, advise_without_years, years_suffix, years_text
from broker.scope.grants import full_name_of, position_of, variable_of, years_touched

WHOLE_GRANT_ADVICE = (
    "A script without input lines reads everything that was granted. Write an input line for each table that it "
    "needs, such as # input: npd.absence [URN, LA] 2018/2019-2022/2023. "
)


def check_combinations(
    uses: Sequence[VariableUse], project: ResearchProject, policies: PolicySet, *, header: bool = False
) -> tuple[Refusal, ...]:
    """Refusals of all combination rules that the uses of one job break, each with the first position. `header`: give
    the advice on years for the `# input:` lines of a script. An unknown table breaks no rule; `check_scope` refuses
    it."""
    uses = [use for use in uses if policies.catalogue.find(use.table) is not None]
    found: list[Refusal] = []
    for rule in policies.combinations:
        if rule.under_gateway and rule.under_gateway.casefold() not in project.gateway.casefold():
            continue
        found += _combined(rule, uses, policies.catalogue, header)
        found += _replaced(rule, uses, policies.catalogue)
        if rule.default_items_only:
            found += _beyond_default_items(rule, uses, project, policies.catalogue)
    return tuple(found)


def _combined(
    rule: CombinationRule, uses: Sequence[VariableUse], catalogue: Catalogue, header: bool
) -> Iterator[Refusal]:
    """Refusal of a rule that one use of each side breaks. The years of the rule apply to the first side."""
    first = [u for u in uses if _matches_any(u, rule.any_of, catalogue) and _in_years(u, rule.years, catalogue)]
    # without a second side, the first side alone breaks the rule
    second = [u for u in uses if _matches_any(u, rule.with_any, catalogue)] if rule.with_any else first
    if not first or not second:
        return
    other = min(second, key=position_of)
    message = f"Rule {rule.id}: {rule.note}{_years_sentence(first, rule, catalogue)}"
    advice = _advice(rule, first, other, catalogue, header)
    yield Refusal("combination", message, advice, other.line, other.column, _catalogue_name(other, catalogue))


def _years_sentence(first: list[VariableUse], rule: CombinationRule, catalogue: Catalogue) -> str:
    """A sentence with the tables of the first side and the years in which they break the rule."""
    if rule.years is None or not rule.with_any:
        return ""
    years = _years_by_table(first, catalogue)
    parts = (f"{t.full_name}{years_suffix(t, used & rule.years)}" for t, used in years.items())
    return f" This job may read {', '.join(parts)}."


def _advice(
    rule: CombinationRule, first: list[VariableUse], other: VariableUse, catalogue: Catalogue, header: bool
) -> str:
    if not rule.with_any:
        return f"Remove {other.full_name}."
    tables = _years_by_table(first, catalogue)
    advice = WHOLE_GRANT_ADVICE if header and other.line is None else ""
    advice += (
        f"Remove {_catalogue_name(other, catalogue) or other.full_name} or {' and '.join(t.full_name for t in tables)}"
    )
    if rule.years is not None:
        excluded = [f"{years_text(t, used & rule.years)} of {t.full_name}" for t, used in tables.items()]
        advice += f", or exclude {' and '.join(excluded)}"
    advice += "; other jobs may use each one alone."
    barred = rule.years or frozenset()
    # only tables that keep some years can exclude the barred ones
    conditions = [
        advise_without_years(t, used, used & barred, header) for t, used in tables.items() if barred and used - barred
    ]
    return " ".join((advice, *conditions))


def _years_by_table(uses: list[VariableUse], catalogue: Catalogue) -> dict[CatalogueTable, Years]:
    """Years that uses may read, by table, in order of position."""
    found: dict[str, Years] = {}
    for use in sorted(uses, key=position_of):
        table = catalogue.table(use.table)
        found[table.full_name] = found.get(table.full_name, frozenset()) | years_touched(use, table)
    return {catalogue.table(name): years for name, years in found.items()}


def _beyond_default_items(
    rule: CombinationRule, uses: Sequence[VariableUse], project: ResearchProject, catalogue: Catalogue
) -> Iterator[Refusal]:
    """Refusals of variables beyond the default items of a table that was granted by default items, in years for which
    no grant names them."""
    for use in sorted(uses, key=position_of):
        table = catalogue.table(use.table)
        variable = variable_of(use, table)
        if variable is None or variable.default_item:
            continue
        grants = [g for g in project.grants if g.table.casefold() == table.full_name.casefold()]
        # grants of this variable by name
        named = [g for g in grants if g.variable.casefold() == variable.name.casefold() and not g.default_items]
        if not any(g.default_items for g in grants) or (named and table.years is None):
            continue
        missing = years_touched(use, table).difference(*(g.years or frozenset() for g in named))
        if table.years is not None and not missing:
            continue
        name = f"{table.full_name}.{variable.name}"
        message = f"Rule {rule.id}: {rule.note} {name} is available by request only."
        advice = advise_request(name + years_suffix(table, missing), project)
        yield Refusal("combination", message, advice, use.line, use.column, name)


def _replaced(rule: CombinationRule, uses: Sequence[VariableUse], catalogue: Catalogue) -> Iterator[Refusal]:
    """Refusals of variables that this gateway provides only under another name."""
    instead = {name.casefold(): other for name, other in rule.replace.items()}
    refused_names: set[str] = set()
    for use in sorted(uses, key=position_of):
        other = instead.get((use.variable or "").casefold())
        if other is None or use.full_name.casefold() in refused_names:
            continue
        refused_names.add(use.full_name.casefold())
        message = f"Rule {rule.id}: {rule.note} {use.full_name} is not available under this gateway."
        yield Refusal("combination", message, f"Use {other}.", use.line, use.column, _catalogue_name(use, catalogue))


def _matches_any(use: VariableUse, side: tuple[str, ...], catalogue: Catalogue) -> bool:
    return any(_matches(use, member, catalogue) for member in side)


def _matches(use: VariableUse, member: str, catalogue: Catalogue) -> bool:
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


def _in_years(use: VariableUse, years: Years | None, catalogue: Catalogue) -> bool:
    """Whether a use may read one of the years. A use without proved years may read all years of its table."""
    if years is None:
        return True
    used = catalogue.table(use.table).years if use.years is None else use.years
    return used is None or bool(used & years)


def _catalogue_name(use: VariableUse, catalogue: Catalogue) -> str | None:
    """Full name of the use's variable in the spelling of the catalogue."""
    return full_name_of(use, catalogue.table(use.table))


READ_ONLY = frozenset({Usage.READ})


def restricted_mount(
    uses: Sequence[VariableUse], project: ResearchProject, policies: PolicySet
) -> tuple[VariableUse, ...] | None:
    """All uses that the mount of an accepted script may hold. None if it may hold the whole grant of its tables and
    years. Besides the declared variables, it holds the link keys of its tables, unless they break a rule."""
    whole = tuple(_granted_uses(uses, project, policies))
    if not check_combinations((*uses, *whole), project, policies):  # no rule would be broken even by the whole grant
        return None
    keys = (use for use in whole if policies.catalogue.table(use.table).is_link_key(use.variable or ""))
    with_keys = (*uses, *keys)
    return tuple(uses) if check_combinations(with_keys, project, policies) else with_keys


def _granted_uses(uses: Sequence[VariableUse], project: ResearchProject, policies: PolicySet) -> Iterator[VariableUse]:
    """Every granted variable of the tables that are used, in the years in which the table is used."""
    known = [use for use in uses if policies.catalogue.find(use.table) is not None]
    years = {table.full_name: used for table, used in _years_by_table(known, policies.catalogue).items()}
    for grant in project.grants:
        if grant.table in years:
            yield from _use_of_grant(grant, policies.catalogue.table(grant.table), years[grant.table])


def _use_of_grant(grant: Grant, table: CatalogueTable, years: Years) -> Iterator[VariableUse]:
    if table.years is None:
        yield VariableUse(table.full_name, grant.variable, None, READ_ONLY)
    elif used_years := years if grant.years is None else years & grant.years:
        yield VariableUse(table.full_name, grant.variable, used_years, READ_ONLY)

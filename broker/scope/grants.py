"""Compares uses with grants and collects every refusal at once, including data sets without exact answers."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date

from broker.domain.errors import Refusal
from broker.domain.plans.variable_uses import Usage, VariableClass, VariableUse, Years
from broker.domain.projects.project import Grant, ResearchProject
from broker.domain.spelling_hints import SpellingHints
from broker.policy.data_catalogue import CatalogueTable, Variable
from broker.policy.policy_set import PolicySet
from broker.scope.advice import advise_leaving_out, advise_other_years, advise_request, years_suffix

LINK_KEY_USAGES = frozenset({Usage.READ, Usage.JOINED})
"""Allowed uses of a link key: to join, to count distinct persons, and to test for a match. Uses are `joined` for
equality joins, match flags and work within one person (a partition or inner group by the key), `read` for
COUNT(DISTINCT key) and for a script that gets pseudonyms."""


def check_scope(
    uses: Sequence[VariableUse], project: ResearchProject, policies: PolicySet, today: date, *, header: bool = False
) -> tuple[Refusal, ...]:
    """All refusals in order of their position in the text; empty if all uses are granted. `header`: give the advice on
    years for the `# input:` lines of a script instead of a SQL predicate."""
    found, hints = list(_expired_approval(project, today)), SpellingHints()
    tables = {use.table: policies.catalogue.find(use.table) for use in uses}
    for name, table in tables.items():
        of_table = [use for use in uses if use.table == name]
        if table is None:
            # suggestions must not reveal other projects' tables
            near = hints.suggest(name, policies.catalogue.suggestable_tables(project.tables))
            found.append(_unknown_table(of_table[0], project, near))
        else:
            found += _check_table(of_table, table, project, header, hints)
    return tuple(sorted(found, key=position_of))


def _expired_approval(project: ResearchProject, today: date) -> Iterator[Refusal]:
    if not project.is_live(today):
        message = f"The approval of project {project.ident} ended on {project.expires:%d %B %Y}."
        advice = "Ask the data owner to extend the approval. Two administrators then change the project's end date."
        yield Refusal("project-expired", message, advice)


def _unknown_table(use: VariableUse, project: ResearchProject, near: str) -> Refusal:
    advice = "Write schema.table as in the catalogue, for example npd.spring_census."
    if project.default_schema:
        advice += f" A name without a schema means a table in {project.default_schema}."
    return Refusal("unknown-table", f"There is no table {use.table!r}.", advice + near, use.line, use.column)


def _check_table(
    uses: list[VariableUse], table: CatalogueTable, project: ResearchProject, header: bool, hints: SpellingHints
) -> Iterator[Refusal]:
    """Refusals of the uses of one table. Identifiers and unknown names are reported even if the table was not
    granted."""
    granted = [g for g in project.grants if g.table.casefold() == table.full_name.casefold()]
    if not table.grantable or not granted:
        yield _table_refused(min(uses, key=position_of), _all_years(uses), table, project)
    outside: list[UngrantedYears] = []
    for use in uses:
        variable = variable_of(use, table)
        if use.variable is not None and variable is None:
            near = hints.suggest(use.variable, {name: name for name in table.suggestable_names})
            yield _unknown_variable(use, table, near)
            continue
        if variable is not None and not table.can_grant(variable):
            yield _identifier_refused(use, table, variable)
            continue
        if not granted or not table.grantable:  # the refusal of the table covers these
            continue
        # a use of the rows alone needs any grant of the table
        grants = [g for g in granted if variable is None or g.variable.casefold() == variable.name.casefold()]
        if variable is not None and not grants:
            yield _variable_refused(use, table, variable, project)
            continue
        if variable is not None:
            yield from _check_usage(use, table, variable, grants, project)
        missing = _years_outside(use, table, grants)
        if missing:
            outside.append((use, missing))
    yield from _years_refused(outside, table, granted, project, header)


def _all_years(uses: list[VariableUse]) -> Years | None:
    """The years of several uses of a table; None if one of them has no proved years."""
    return None if any(u.years is None for u in uses) else frozenset().union(*(u.years or frozenset() for u in uses))


def _check_usage(
    use: VariableUse, table: CatalogueTable, variable: Variable, grants: list[Grant], project: ResearchProject
) -> Iterator[Refusal]:
    """Refuse other uses of a link key than joining and counting. Refuse grouping by a quasi-identifier unless the
    grants allow it."""
    name = f"{table.full_name}.{variable.name}"
    if table.is_link_key(variable.name):
        wrong = sorted(use.how - LINK_KEY_USAGES)
        if wrong:
            message = f"{name} is a link key and is {' and '.join(wrong)} here."
            advice = (
                f"Join on the link key or write COUNT(DISTINCT {variable.name}). It cannot be a group, filter, "
                "order or result."
            )
            yield Refusal("link-key", message, advice, use.line, use.column, name)
    elif variable.cls is VariableClass.QUASI and Usage.GROUPED in use.how and not _may_group(use, table, grants):
        message = f"{name} could single people out. You may filter by its values and ranges, but not group by it."
        advice = advise_request(f"grouping by {name}", project)
        advice += f" You can count each range in a column: SUM(CASE WHEN {variable.name} … THEN 1 ELSE 0 END)."
        yield Refusal("quasi-grouped", message, advice, use.line, use.column, name)


def _may_group(use: VariableUse, table: CatalogueTable, grants: list[Grant]) -> bool:
    """Whether the grants that allow grouping by a quasi-identifier cover all years of a use."""
    grouping = [g for g in grants if g.group_quasi]
    return bool(grouping) and not _years_outside(use, table, grouping)


def _years_outside(use: VariableUse, table: CatalogueTable, grants: list[Grant]) -> frozenset[int]:
    """Years that a use may read but no grant covers."""
    return years_touched(use, table) - frozenset().union(*(g.years or frozenset() for g in grants))


UngrantedYears = tuple[VariableUse, Years]
"""A use, and the years that it may read but no grant covers."""


def _years_refused(
    outside: list[UngrantedYears], table: CatalogueTable, granted: list[Grant], project: ResearchProject, header: bool
) -> Iterator[Refusal]:
    """One refusal for all variables of a table that exceed the same granted years."""
    groups: dict[Years, list[UngrantedYears]] = defaultdict(list)
    for use, missing in outside:
        of_use = [g for g in granted if use.variable is None or g.variable.casefold() == use.variable.casefold()]
        groups[frozenset().union(*(g.years or frozenset() for g in of_use))].append((use, missing))
    for years, members in groups.items():
        first = min((use for use, _ in members), key=position_of)
        missing = frozenset().union(*(m for _, m in members))
        used = _all_years([use for use, _ in members]) or table.years or frozenset()
        message = (
            f"The job could read {_variable_names(members)} of {table.full_name} in {_year_labels(missing)}, "
            f"outside the grant of {project.ident}."
        )
        advice = advise_other_years(table, years, missing, used, header)
        yield Refusal("years-not-granted", message, advice, first.line, first.column, full_name_of(first, table))


def _variable_names(members: list[UngrantedYears]) -> str:
    names = sorted({use.variable or "the rows" for use, _ in members})
    # at most five names, so that the message stays short
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _year_labels(years: frozenset[int]) -> str:
    ordered = sorted(years)
    shown = [f"{y}/{y + 1}" for y in (ordered if len(ordered) <= 4 else (ordered[0], ordered[-1]))]
    return " … ".join(shown) if len(ordered) > 4 else ", ".join(shown)


def _table_refused(use: VariableUse, years: Years | None, table: CatalogueTable, project: ResearchProject) -> Refusal:
    place = (use.line, use.column, full_name_of(use, table))
    if not table.grantable:
        return Refusal("table-not-grantable", f"{table.full_name} is never granted.", advise_leaving_out(table), *place)
    message = f"{table.full_name} was not granted to {project.ident}."
    wanted = table.full_name + years_suffix(table, years)
    return Refusal("table-not-granted", message, advise_request(wanted, project), *place)


def _unknown_variable(use: VariableUse, table: CatalogueTable, near: str) -> Refusal:
    message = f"{table.full_name} has no variable {use.variable!r}."
    return Refusal("unknown-variable", message, "Check the name in the catalogue." + near, use.line, use.column)


def _identifier_refused(use: VariableUse, table: CatalogueTable, variable: Variable) -> Refusal:
    name = f"{table.full_name}.{variable.name}"
    message = f"{name} is an identifier, which is never granted in any form."
    key = f" Link and count persons by {table.link_key}." if table.link_key else ""
    return Refusal("identifier", message, f"Remove it.{key}", use.line, use.column, name)


def _variable_refused(use: VariableUse, table: CatalogueTable, variable: Variable, project: ResearchProject) -> Refusal:
    name = f"{table.full_name}.{variable.name}"
    message = f"{name} was not granted to {project.ident}."
    wanted = name + years_suffix(table, use.years)
    return Refusal("variable-not-granted", message, advise_request(wanted, project), use.line, use.column, name)


def variable_of(use: VariableUse, table: CatalogueTable) -> Variable | None:
    """The catalogue variable of a use; None for the rows alone and for an unknown name."""
    return table.find(use.variable) if use.variable is not None else None


def full_name_of(use: VariableUse, table: CatalogueTable) -> str | None:
    """Full name of the use's variable in the spelling of the catalogue."""
    variable = variable_of(use, table)
    return f"{table.full_name}.{variable.name}" if variable else None


def years_touched(use: VariableUse, table: CatalogueTable) -> Years:
    """Years that a use may read: all years of its table if none are proved. Empty for a table without years."""
    return (table.years if use.years is None else use.years) or frozenset()


def position_of(subject: VariableUse | Refusal) -> tuple[int, ...]:
    """Sort key by position in the text. No position comes first."""
    return tuple(number or 0 for number in (subject.line, subject.column))


def check_exact_allowed(
    uses: Sequence[VariableUse], project: ResearchProject, policies: PolicySet
) -> tuple[Refusal, ...]:
    """One refusal for each data set without exact answers, at its first use. Data sets that were not granted are not
    reported here."""
    private_only = policies.privacy.only_private & project.tables
    first: dict[str, VariableUse] = {}
    for use in sorted(uses, key=position_of):
        if use.table in private_only:
            first.setdefault(use.table, use)
    message = "Only answers under differential privacy can be released about {}."
    advice = "Request the same under differential privacy, or remove the table."
    return tuple(Refusal("private-only", message.format(n), advice, u.line, u.column) for n, u in first.items())

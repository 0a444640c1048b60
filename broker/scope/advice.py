"""Advice of refusals: whom to ask, what to leave out, and the exact years to write. Sentences only, no verdicts."""

from broker.domain.plans.variable_uses import Years
from broker.domain.projects.project import ResearchProject
from broker.policy.data_catalogue import CatalogueTable, YearFormat


def advise_request(what: str, project: ResearchProject) -> str:
    """Whom to ask for a grant: two administrators must decide."""
    return (
        f"Remove it, or ask the administrators for {what}. A change of the grants of {project.ident} needs a "
        "justification and two administrators."
    )


def advise_leaving_out(table: CatalogueTable) -> str:
    return f"Remove {table.full_name}: {table.description or 'this table stays with the data owner'}."


def advise_other_years(table: CatalogueTable, granted: Years, missing: Years, used: Years, header: bool) -> str:
    """Which years the grant has and lacks, and what to write to stay inside it. If a job reads no granted year, a
    further condition would leave nothing to read, so the advice is to replace the years."""
    if table.year is None or not granted:
        return f"No year of this table was granted: remove {table.full_name}."
    has, lacks = years_text(table, granted), years_text(table, missing)
    if header or used & granted:
        remedy = advise_only_years(table, granted, header)
    else:
        remedy = f"Read {table.full_name} in other years: {year_predicate(table, granted)}"
    return f"Your project can use {has}. It cannot use {lacks}. {remedy}"


def advise_only_years(table: CatalogueTable, years: Years, header: bool) -> str:
    """The predicate, or the years of an input header, that limits a table to some of its years."""
    if not years:
        return f"Remove {table.full_name}."
    if header:
        return f"Write the years in the header: # input: {table.full_name} {years_text(table, years)}"
    return f"Add to the WHERE of {table.full_name}: AND {year_predicate(table, years)}"


def advise_without_years(table: CatalogueTable, used: Years, barred: Years, header: bool) -> str:
    """The predicate, or the years of an input header, that excludes years from those that a job may read."""
    if header or table.year is None:
        return advise_only_years(table, used - barred, header)
    axis = table.year
    values = [_quoted(axis.format, year) for year in sorted(barred)]
    condition = f"<> {values[0]}" if len(values) == 1 else f"NOT IN ({', '.join(values)})"
    return f"Add to the WHERE of {table.full_name}: AND {axis.variable} {condition}"


def years_suffix(table: CatalogueTable, years: Years | None) -> str:
    """The years of a use in words, to follow its name; "" for a table without years."""
    used = table.years if years is None else years
    return f" in {years_text(table, used)}" if used else ""


def year_predicate(table: CatalogueTable, granted: Years) -> str:
    """A condition on the year column, in the format of the table. Raises ValueError for a table without years."""
    axis = table.year
    if axis is None:
        raise ValueError(f"{table.full_name} has no years")
    values = [_quoted(axis.format, year) for year in sorted(granted)]
    # BETWEEN covers every existing year in the range
    between = frozenset(y for y in axis.years if min(granted) <= y <= max(granted))
    if len(values) == 1:
        return f"{axis.variable} = {values[0]}"
    if between == granted:
        return f"{axis.variable} BETWEEN {values[0]} AND {values[-1]}"
    return f"{axis.variable} IN ({', '.join(values)})"


def years_text(table: CatalogueTable, granted: Years) -> str:
    """Years as a header writes them: ranges of existing years, joined by commas."""
    runs: list[list[int]] = []
    for year in sorted((table.years or frozenset()) | granted):
        if year not in granted:  # a year that was not granted ends a range
            runs.append([])
        elif runs and runs[-1]:
            runs[-1].append(year)
        else:
            runs.append([year])
    return ", ".join(_label(r[0]) + (f"-{_label(r[-1])}" if len(r) > 1 else "") for r in runs if r)


def _label(year: int) -> str:
    return f"{year}/{year + 1}"


def _quoted(kind: YearFormat, year: int) -> str:
    value = kind.write(year)
    return f"'{value}'" if isinstance(value, str) else str(value)

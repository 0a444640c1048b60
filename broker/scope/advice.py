"""What a refusal advises: whom to ask, what to leave out, and the exact years to write. Words only, no verdicts."""

from broker.domain.projects import Project
from broker.domain.variables import Years
from broker.policy.tables import Table, YearFormat


def ask_for(what: str, project: Project) -> str:
    """Who can grant something: nobody alone."""
    return (
        f"Leave it out, or ask the administrators for {what}: a change of the grants of {project.ident} "
        "needs a justification and two administrators."
    )


def leave_out(table: Table) -> str:
    return f"Leave {table.full_name} out: {table.description or 'it stays with the data owner'}."


def other_years(table: Table, granted: Years, missing: Years, used: Years, header: bool) -> str:
    """Which years the grant has and lacks, and what to write to stay inside it. A job that reads no granted year would
    read nothing with one more condition."""
    if table.year is None or not granted:
        return f"No year of this was granted: leave {table.full_name} out."
    has, lacks = years_text(table, granted), years_text(table, missing)
    if header or used & granted:
        way = only_years(table, granted, header)
    else:
        way = f"Read {table.full_name} in other years: {predicate(table, granted)}"
    return f"Granted are {has}; a grant of {lacks} is missing. {way}"


def only_years(table: Table, years: Years, header: bool) -> str:
    """The predicate, or the years of an input header, that keeps a table inside some of its years."""
    if not years:
        return f"Leave {table.full_name} out."
    if header:
        return f"Write the years in the header: # input: {table.full_name} {years_text(table, years)}"
    return f"Add to the WHERE of {table.full_name}: AND {predicate(table, years)}"


def without_years(table: Table, used: Years, barred: Years, header: bool) -> str:
    """The predicate, or the years of an input header, that takes years out of those that a job may touch."""
    if header or table.year is None:
        return only_years(table, used - barred, header)
    axis = table.year
    values = [_quoted(axis.format, year) for year in sorted(barred)]
    condition = f"<> {values[0]}" if len(values) == 1 else f"NOT IN ({', '.join(values)})"
    return f"Add to the WHERE of {table.full_name}: AND {axis.variable} {condition}"


def in_years(table: Table, years: Years | None) -> str:
    """The years of a use in words, to put after its name; nothing for a table without years."""
    used = table.years if years is None else years
    return f" in {years_text(table, used)}" if used else ""


def predicate(table: Table, granted: Years) -> str:
    """A condition on the year column, in the form in which the table writes years."""
    axis = table.year
    if axis is None:
        raise ValueError(f"{table.full_name} has no years")
    values = [_quoted(axis.format, year) for year in sorted(granted)]
    between = frozenset(y for y in axis.years if min(granted) <= y <= max(granted))
    if len(values) == 1:
        return f"{axis.variable} = {values[0]}"
    if between == granted:
        return f"{axis.variable} BETWEEN {values[0]} AND {values[-1]}"
    return f"{axis.variable} IN ({', '.join(values)})"


def years_text(table: Table, granted: Years) -> str:
    """Years as a header writes them: runs of years that exist, joined by commas."""
    runs: list[list[int]] = []
    for year in sorted((table.years or frozenset()) | granted):
        if year not in granted:
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

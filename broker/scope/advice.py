"""What a refusal advises: whom to ask, what to leave out, and the exact years to write. Words only, no verdicts."""

from broker.domain.projects import Project
from broker.domain.variables import Years
from broker.policy.models import Table, YearFormat


def ask_for(what: str, project: Project) -> str:
    """Who can grant something: nobody alone."""
    return (
        f"Leave it out, or ask the administrators for {what}: a change of the grants of {project.ident} "
        "needs a justification and two administrators."
    )


def leave_out(table: Table) -> str:
    return f"Leave {table.full_name} out: {table.description or 'it stays with the data owner'}."


def other_years(table: Table, granted: Years, header: bool) -> str:
    """The predicate, or the years of an input header, that keeps a table inside its granted years."""
    if table.year is None or not granted:
        return f"No year of this was granted: leave {table.full_name} out."
    if header:
        return f"Write the years in the header: # input: {table.full_name} {years_text(table, granted)}"
    return f"Add to the WHERE of {table.full_name}: {predicate(table, granted)}"


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
    for year in sorted(table.years or granted):
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

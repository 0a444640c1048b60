"""The header lines of a Python job: what it wants to mount and what it will write. Computes uses, judges no grants."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from broker.domain.csv_text import is_formula
from broker.domain.errors import Refusal
from broker.domain.plans.variable_uses import Usage, VariableUse, Years
from broker.domain.projects.project import ResearchProject
from broker.policy.data_catalogue import CatalogueTable
from broker.policy.policy_set import PolicySet
from broker.policy.written_years import parse_year_range
from broker.python_jobs.raw_outputs import released_name
from broker.python_jobs.script_text import lines_of

_LINE = re.compile(r"[ \t\f]*#[ \t]*(input|output)[ \t]*:(.*)", re.IGNORECASE)
_INPUT = re.compile(r"[ \t]*+([^\s\[\],]++)[ \t]*+(\[[^\[\]]*+\])?+[ \t]*+([^\[\]]*+)")
"""Table, variables, years. The quantifiers are possessive (++), so that a long line takes linear, not quadratic,
time."""
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,50}\.[A-Za-z0-9]{1,8}")
RESERVED_NAMES = frozenset({"manifest.json", "results.json"})
"""Names of the broker's own files in a release."""
DRAWN_ENDING = ".svg"
"""Extension of a figure that the broker draws. A script's own file with this extension is withheld."""
READ_ONLY_USE = frozenset({Usage.READ})


@dataclass(frozen=True, slots=True)
class DeclaredOutput:
    """A file that the script declares, by the name under which it is released, with the researcher's description."""

    name: str
    description: str
    line: int
    column: int


@dataclass(slots=True)
class ScriptHeader:
    """The header of a script. `uses` has every variable that would be mounted, granted or not."""

    uses: list[VariableUse] = field(default_factory=list)
    outputs: list[DeclaredOutput] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)

    def refuse(self, code: str, message: str, advice: str, line: int, column: int) -> None:
        self.refusals.append(Refusal(code, message, advice, line, column))


def read_header(text: str, project: ResearchProject, policies: PolicySet) -> ScriptHeader:
    """Read the header lines at the top, before any code. Without an input line, the whole grant is the input."""
    header, in_header, inputs = ScriptHeader(), True, 0
    for number, line in enumerate(lines_of(text), 1):
        found = _LINE.match(line)
        if found is None:
            # blank lines and comments do not end the header
            in_header = in_header and (not line.strip() or line.lstrip().startswith("#"))
        elif not in_header:
            advice = "Move the line to the top of the script, before any code."
            header.refuse("header-place", f"This {found[1].lower()} line is after code.", advice, number, 1)
        elif found[1].lower() == "input":
            inputs += 1
            if inputs > policies.service.max_scans:
                message = f"The script has more than {policies.service.max_scans} input lines."
                header.refuse("header-long", message, "Write several variables in one line.", number, 1)
                break
            _read_input(header, found[2], number, found.start(2), project, policies)
        else:
            _read_output(header, found[2], number, found.start(2), policies)
    if not inputs:
        header.uses = list(_whole_grant(project))
    return header


def _whole_grant(project: ResearchProject) -> Iterator[VariableUse]:
    names = dict.fromkeys((g.table, g.variable) for g in project.grants)
    return (
        VariableUse(table, variable, _granted(project, table, variable), READ_ONLY_USE) for table, variable in names
    )


def _granted(project: ResearchProject, table: str, variable: str) -> Years | None:
    years = project.granted_years(table, variable)
    return years if isinstance(years, frozenset) else None


def _read_input(
    header: ScriptHeader, rest: str, line: int, offset: int, project: ResearchProject, policies: PolicySet
) -> None:
    found = _INPUT.fullmatch(rest)
    if found is None:
        advice = "Write: # input: npd.absence [URN, LA] 2018/2019-2022/2023"
        header.refuse("header-syntax", "This input line cannot be read.", advice, line, offset + 1)
        return
    column = offset + found.start(1) + 1
    # a name without schema is one of the default schema
    table = policies.catalogue.find(found[1]) or policies.catalogue.find(f"{project.default_schema}.{found[1]}")
    if table is None:  # the scope check refuses unknown tables
        header.uses.append(VariableUse(found[1], None, None, READ_ONLY_USE, line, column))
        return
    try:
        years = _years(found[3], table)
    except ValueError as error:
        advice = "Write years like 2018/2019-2022/2023, with commas between several ranges."
        header.refuse("header-years", str(error), advice, line, offset + found.start(3) + 1)
        return
    names = _bracketed_names(found[2], line, offset + found.start(2))
    if not names and found[2]:
        column = offset + found.start(2) + 1
        header.refuse(
            "header-syntax", "The brackets are empty.", "Write the variables between the brackets.", line, column
        )
        return
    # without brackets: every granted variable, or the rows alone
    names = names or [(n, line, column) for n in dict.fromkeys(_variables(project, table))] or [("", line, column)]
    header.uses += [_use(table, name, years, project, place) for name, *place in names]


def _variables(project: ResearchProject, table: CatalogueTable) -> Iterator[str]:
    return (g.variable for g in project.grants if g.table == table.full_name)


def _bracketed_names(text: str | None, line: int, offset: int) -> list[tuple[str, int, int]]:
    """Names between brackets, each once ignoring case, with their positions."""
    found: dict[str, tuple[str, int, int]] = {}
    for match in re.finditer(r"[^\s,\[\]]+", text or ""):
        found.setdefault(match[0].casefold(), (match[0], line, offset + match.start() + 1))
    return list(found.values())


def _use(
    table: CatalogueTable, name: str, years: Years | None, project: ResearchProject, place: list[int]
) -> VariableUse:
    """A use in the spelling of the catalogue. If the header names no years, it has the granted years. A variable that
    was not granted is used in every year."""
    line, column = place
    variable = table.find(name)
    spelling = variable.name if variable else (name or None)
    if years is None and table.years is not None:
        years = (spelling and _granted(project, table.full_name, spelling)) or table.years
    return VariableUse(table.full_name, spelling, years, READ_ONLY_USE, line, column)


def _years(text: str, table: CatalogueTable) -> Years | None:
    """Years of a header line that the table has; None if it names none. Raises ValueError with the message for the
    researcher."""
    if not text.strip():
        return None
    if table.years is None:
        raise ValueError(f"{table.full_name} has no years.")
    years: frozenset[int] = frozenset()
    for part in text.split(","):
        first, last = parse_year_range(part)
        here = table.years & frozenset(range(first, last + 1))
        if not here:
            raise ValueError(f"{table.full_name} has no data in {part.strip()}.")
        years |= here
    return years


def _read_output(header: ScriptHeader, rest: str, line: int, offset: int, policies: PolicySet) -> None:
    name, bar, description = (part.strip() for part in rest.partition("|"))
    column = offset + len(rest) - len(rest.lstrip()) + 1
    endings = (*policies.service.allowed_files, DRAWN_ENDING)
    if not name or not bar or not description:
        advice = "Write: # output: table.csv | description"
        header.refuse("header-syntax", "An output needs a file name and a description.", advice, line, column)
    elif is_formula(description, numbers=False):
        message = f"A spreadsheet would read this description as a formula: {description}."
        advice = "Begin the description with a letter, a digit or a bracket."
        header.refuse(
            "spreadsheet-formula", message, advice, line, offset + rest.index(description, rest.index("|")) + 1
        )
    elif not _FILE.fullmatch(name) or name.lower() in RESERVED_NAMES:
        advice = (
            "Use letters, digits, _ and -, one dot and an ending. The broker uses manifest.json and results.json "
            "itself."
        )
        header.refuse("output-name", f"{name!r} cannot be the name of an output.", advice, line, column)
    elif not name.lower().endswith(endings):
        advice = f"Use one of these endings: {', '.join(endings)}."
        header.refuse("output-type", f"A file like {name} cannot be released.", advice, line, column)
    elif (leaving := released_name(name)).lower() in {o.name.lower() for o in header.outputs}:
        message = (
            f"{leaving} is declared twice."
            if leaving == name
            else f"{name} would be released as {leaving}, which is also declared."
        )
        header.refuse("output-twice", message, "Give each output its own name.", line, column)
    else:
        header.outputs.append(DeclaredOutput(leaving, description, line, column))

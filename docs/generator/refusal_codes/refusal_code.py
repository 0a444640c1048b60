"""What the documentation says of one code of a refusal. Words only: its room knows where it is given."""

from dataclasses import dataclass

CENSUS = "npd.spring_census WHERE AcademicYear = '2022/2023'"
"""The end of most examples: a table in a year that the demo project was granted."""


@dataclass(frozen=True, slots=True)
class RefusalCode:
    """A code, what it means, and a text that is refused with it: in which dialect (`python` for a script) and for which
    project of `tests/policies`. Some codes have no text that is short enough to show, and state an advice instead."""

    code: str
    title: str
    explanation: str
    example: str | None = None
    dialect: str = "tsql"
    project: str = "P0421"
    advice: str = ""

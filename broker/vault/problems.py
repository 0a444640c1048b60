"""What is wrong with extracts: file, column, rule and how often. No value of a row ever stands in a problem."""

from dataclasses import dataclass

from broker.domain.errors import Invalid

SENTENCES: dict[str, str] = {
    "unknown-file": "is nothing that the catalogue knows",
    "unknown-table": "names no table of the catalogue",
    "unknown-year": "is a year that the catalogue does not have for this table",
    "two-files": "is there twice for one year",
    "no-data": "holds no table of the catalogue",
    "unreadable": "cannot be read",
    "missing-column": "is missing",
    "unknown-column": "is not in the catalogue",
    "column-twice": "stands twice, in different case",
    "type": "has values of another type",
    "code": "has values outside its code list",
    "low": "has values below the catalogue's lowest",
    "high": "has values above the catalogue's highest",
    "missing": "is empty where the catalogue allows no missing value",
    "year": "has another year than its file",
    "key": "has keys with blanks, control characters or more than 64 characters",
    "rows-per-person": "has persons with more rows a year than the catalogue allows",
    "most": "has more different values than the catalogue allows",
    "unique-key": "has values that occur more than once",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One rule that one file breaks: `count` values, rows or persons of `column` (None: the file as a whole)."""

    file: str
    column: str | None
    rule: str
    count: int

    @property
    def sentence(self) -> str:
        place = self.file if self.column is None else f"{self.file}: {self.column}"
        times = f" ({self.count} times)" if self.count > 1 else ""
        return f"{place} {SENTENCES[self.rule]}{times} [{self.rule}]"


class IngestRefused(Invalid):
    """Extracts cannot become a snapshot; carries every problem of every file at once."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        message = "; ".join(p.sentence for p in problems[:20])
        more = f"; and {len(problems) - 20} more" if len(problems) > 20 else ""
        super().__init__("ingest-refused", message + more + ".", problems[0].file)
        self.problems = problems

"""The cohorts and lookups that one compilation can read: those of the store, and those that the text saves itself."""

from dataclasses import dataclass, field

from sqlglot import exp

from broker.domain.projects import saved_definitions
from broker.domain.spelling_hints import did_you_mean
from broker.policy.service_limits import ServiceLimits
from broker.query.diagnostics import CONSEQUENTIAL, BindError, Diagnostics
from broker.query.dialects.known_dialects import find_dialect
from broker.query.name_resolution import is_plain_name
from broker.query.parser.script_reader import ScriptQuery, read_script


@dataclass(slots=True)
class SavedCatalogue:
    """The saved definitions of one compilation: those of the store, and those that the text has saved so far, by
    case-folded name: None if the statement was refused. `read_names`: names that were read from the store. `within`:
    cohorts that are being bound, outermost first."""

    service: ServiceLimits
    saved: saved_definitions.ReadableDefinitions
    saved_here: dict[str, saved_definitions.Cohort | None] = field(default_factory=dict)
    read_names: set[str] = field(default_factory=set)
    within: tuple[str, ...] = ()
    _parsed: dict[saved_definitions.Cohort, tuple[ScriptQuery | None, Diagnostics]] = field(default_factory=dict)

    def find(self, node: exp.Table) -> saved_definitions.Cohort | saved_definitions.Lookup:
        """Return the definition that a name has now. Names of other projects are refused like names that do not exist.
        Raises BindError."""
        name = node.name.casefold()
        if not is_plain_name(node.this) or not is_plain_name(node.args["db"]):
            raise BindError(
                "table-function", "You can read only tables.", f"Write {saved_definitions.PROJECT_SCHEMA}.name.", node
            )
        if name in self.within:  # A cohort that reads itself would be expanded without end.
            message = "A saved query reads itself through other saved queries."
            raise BindError(
                "kept-circle",
                message,
                "Save the query under another name, or build it from tables of the catalogue.",
                node,
            )
        if name in self.saved_here:
            made = self.saved_here[name]
            if made is None:
                raise BindError(CONSEQUENTIAL, "The statement that saves this query was refused.", "", node)
            return made
        found = self.saved.find(name)
        if found is None:
            known = {d.name: f"{saved_definitions.PROJECT_SCHEMA}.{d.name}" for d in self.saved.definitions}
            advice = "`broker saved` lists what the project has saved." + did_you_mean(node.name, known)
            raise BindError("unknown-table", "The project has not saved anything under this name.", advice, node)
        self.read_names.add(name)
        return found

    def parsed(self, cohort: saved_definitions.Cohort) -> tuple[ScriptQuery | None, Diagnostics]:
        """Return the query of a cohort, parsed like any other text, and its diagnostics. The query is None if the
        diagnostics have refusals."""
        if cohort not in self._parsed:
            diagnostics = Diagnostics(cohort.text)
            self._parsed[cohort] = _read_cohort(cohort, self.service, diagnostics), diagnostics
        return self._parsed[cohort]


def _read_cohort(
    cohort: saved_definitions.Cohort, service: ServiceLimits, diagnostics: Diagnostics
) -> ScriptQuery | None:
    dialect = find_dialect(cohort.dialect, diagnostics)
    script = read_script(cohort.text, dialect, service, diagnostics) if dialect is not None else None
    saved = [a for a in script.queries if a.saved_text is not None] if script is not None else []
    if len(saved) != 1 and not diagnostics.refusals:
        advice = "Write SELECT … INTO project.name FROM …."
        diagnostics.add("nothing-asked", "The text does not save exactly one query.", advice)
    return saved[0] if not diagnostics.refusals else None

"""Drafts the outputs of a script: tables that the broker computed from submitted microdata, and files that people
view.

The header has to declare each of them, otherwise it is withheld.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from broker.disclosure.charts import draw_chart
from broker.disclosure.script_table_flags import KnownCodes, table_flags, text_flags
from broker.domain.errors import Invalid
from broker.domain.findings import Assessment, Finding, Verdict, worst_verdict
from broker.domain.jobs.job import OutputKind
from broker.domain.jobs.script_files import RebuiltFile
from broker.domain.jobs.script_requests import ScriptFigure
from broker.domain.plans.variable_uses import IDENTIFIERS
from broker.domain.staff_records import FileRecord, StaffRecord
from broker.policy.disclosure_rules import DisclosureRules
from broker.policy.policy_set import PolicySet
from broker.python_jobs.raw_outputs import sheet_facts
from broker.workflow.pipeline.draft_output import DraftOutput, draft_table
from broker.workflow.pipeline.script_run import ScriptExecution
from broker.workflow.pipeline.trusted_stage import ComputedOutput, OutputProblem
from broker.workflow.release_history.comparison_records import draft_compared, with_history

UNKNOWN_TYPE = "application/octet-stream"
UNDECLARED = OutputProblem("undeclared", "The header does not declare an output with this name.")
PNG, SVG = "image/png", "image/svg+xml"
DRAWN_FROM_TABLE = (
    "The broker drew this figure from the releasable version of the table: make the same decision about both."
)
PICTURE = "The picture was redrawn with few colours. The broker did not compute its figures."
ACRO_CLAIM_KEY = "acro_of_the_script_says"
Declared = Sequence[tuple[str, str]]


def draft_script_outputs(
    execution: ScriptExecution, declared: Declared, policies: PolicySet, profile: DisclosureRules
) -> list[DraftOutput]:
    computed = _unique_computed(execution.computed, [name.rpartition(".")[0] for name, _ in declared])
    tables = {c.name.casefold(): c for c in computed if isinstance(c.result, Assessment)}
    made = [_draft_computed(c, tables, profile) for c in computed]
    for file in execution.outputs.files:
        folded = file.name.casefold()
        said = {"script_says": execution.outputs.described.get(folded, "")}
        claim = execution.outputs.claims.get(folded)
        made.append(draft_file(file, policies, profile, said | ({ACRO_CLAIM_KEY: dict(claim)} if claim else {})))
    # Files that could not be taken still appear, so that a checker learns of them.
    made += [
        _withheld_output(stayed.name, stayed.problem, {"bytes": stayed.size}) for stayed in execution.outputs.stayed
    ]
    return list(_unique_names(made))


def _unique_computed(computed: Iterable[ComputedOutput], stems: Iterable[str]) -> list[ComputedOutput]:
    """Return each computed output once, spelled as in the header.

    A table and a model of one name are one output, and a figure is drawn of the one that stays.
    """
    # Capital letters that a script chooses at run time would carry data out, so the header's spelling is used.
    spelled = {stem.casefold(): stem for stem in stems}
    found: dict[str, ComputedOutput] = {}
    for one in computed:
        folded = one.name.casefold()
        known = replace(one, name=spelled[folded]) if folded in spelled else _undeclared(one)
        found.setdefault(folded, known)
    return list(found.values())


def _undeclared(computed: ComputedOutput) -> ComputedOutput:
    return ComputedOutput(computed.name, computed.kind, "", UNDECLARED)


def _unique_names(made: Iterable[DraftOutput]) -> Iterable[DraftOutput]:
    """Drop a file that has the name of a computed table: it is not that table."""
    seen: set[str] = set()
    for one in made:
        if one.name.casefold() not in seen:
            seen.add(one.name.casefold())
            yield one


def _draft_computed(
    computed: ComputedOutput, tables: Mapping[str, ComputedOutput], profile: DisclosureRules
) -> DraftOutput:
    found, table = computed.result, f"{computed.name}.csv"
    if isinstance(found, Assessment):
        if computed.compared is None:
            return draft_table(found, table, profile.name)
        return draft_compared(found, table, profile, computed.compared)
    if isinstance(found, ScriptFigure):
        try:
            return _draft_figure(computed.name, found, tables)
        except Invalid as wrong:
            found = OutputProblem(wrong.code, wrong.message, (("place", wrong.pointer),))
    name = f"{computed.name}.svg" if computed.kind == "figure" else table
    facts = {"handed": computed.kind, "sentence": found.sentence, "figures": dict(found.figures)}
    return _withheld_output(name, found.code, facts)


def _draft_figure(name: str, figure: ScriptFigure, tables: Mapping[str, ComputedOutput]) -> DraftOutput:
    """Draw a figure from the releasable version of a table of the same job. Its verdict is at least the table's, and
    never less than review.

    Raises Invalid("request") if the job has no such table.
    """
    drawn_of = tables.get(figure.data.casefold())
    if drawn_of is None or not isinstance(table := drawn_of.result, Assessment):
        raise Invalid("request", f"The job has no table {figure.data} to draw the figure from.", "/data")
    content, file = draw_chart(figure, table), f"{name}.svg"
    note = Finding("G2", Verdict.REVIEW, DRAWN_FROM_TABLE, (("table", f"{figure.data}.csv"),))
    record = StaffRecord(FileRecord(file, None, {"handed": "figure"}, (note,)))
    # A figure shows what its table shows, so it needs at least the same decision.
    verdict = worst_verdict([Verdict.REVIEW, table.verdict])
    made = DraftOutput(file, OutputKind.FILE, SVG, record, content, "G2", verdict, table.small)
    return with_history(made, drawn_of.compared)


def _withheld_output(name: str, code: str, facts: Mapping[str, object]) -> DraftOutput:
    record = StaffRecord(FileRecord(name, code, facts))
    return DraftOutput(name, OutputKind.FILE, UNKNOWN_TYPE, record, None, code, Verdict.REFUSE, False)


def draft_file(
    file: RebuiltFile, policies: PolicySet, profile: DisclosureRules, said: Mapping[str, object] = MappingProxyType({})
) -> DraftOutput:
    """Draft a script's file as it was rebuilt: a person views it. If it could not be rebuilt, it is withheld. `said`
    is what the script says of it."""
    facts: dict[str, object] = {"bytes": file.size, **said}
    if file.content is None:
        sentence = {"sentence": file.sentence} if file.sentence else {}
        return _withheld_output(file.name, file.problem or "type", facts | sentence)
    if file.sheet is not None:
        facts |= sheet_facts(file.sheet)
    flags = _file_findings(file, policies, profile)
    return DraftOutput(
        name=file.name,
        kind=OutputKind.FILE,
        media_type=file.media_type,
        record=StaffRecord(FileRecord(file.name, None, facts, flags, _findings_to_set_aside(flags))),
        candidate=file.content,
        findings=json.dumps([[f.rule, f.sentence] for f in flags]),
        verdict=Verdict.REVIEW,
        small=False,
    )


def _file_findings(file: RebuiltFile, policies: PolicySet, profile: DisclosureRules) -> tuple[Finding, ...]:
    """Return the findings on a file. The broker cannot read a picture, so a person always views it."""
    if file.media_type == PNG:
        return (Finding("G2", Verdict.REVIEW, PICTURE),)
    if file.sheet is None:
        return text_flags((file.content or b"").decode(), profile, _known_codes(policies))
    # Columns with these names could identify persons.
    tables = policies.catalogue.tables
    names = {v.name.casefold() for t in tables for v in t.variables if v.cls in IDENTIFIERS or t.is_link_key(v.name)}
    return table_flags(file.sheet.columns, file.sheet.rows, profile, frozenset(names), _known_codes(policies))


def _known_codes(policies: PolicySet) -> KnownCodes:
    """Return the codes of each variable name, over all tables that have such a variable. None if no code list says
    what they are."""
    found: dict[str, frozenset[str] | None] = {}
    for variable in (v for t in policies.catalogue.tables for v in t.variables):
        name = variable.name.casefold()
        if variable.values is not None:
            found[name] = (found.get(name) or frozenset()) | {str(code) for code in variable.values}
        else:
            found.setdefault(name, None)
    return found


def _findings_to_set_aside(flags: Sequence[Finding]) -> tuple[tuple[str, str], ...]:
    """Return the findings that an approval has to set aside one by one, by rule and column."""
    refusing = (f for f in flags if f.verdict is Verdict.REFUSE)
    named = ((f, dict(f.figures).get("name", "")) for f in refusing)
    return tuple((f"{f.rule}:{name}" if name else f.rule, f.sentence) for f, name in named)

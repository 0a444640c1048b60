"""The outputs of a script: tables that the broker computed of handed rows, and files that people look at. All of them
were named in the header, or stay where they are."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from broker.disclosure.charts import draw_chart
from broker.disclosure.script_table_flags import KnownCodes, table_flags, text_flags
from broker.domain.errors import Invalid
from broker.domain.findings import Assessment, Finding, Verdict, worst_verdict
from broker.domain.jobs.outputs import OutputKind
from broker.domain.jobs.script_files import RebuiltFile
from broker.domain.jobs.script_requests import ScriptFigure
from broker.domain.plans.variable_uses import VariableClass
from broker.policy.disclosure_rules import DisclosureRules
from broker.policy.policy_set import PolicySet
from broker.python_jobs.raw_outputs import sheet_facts
from broker.workflow.pipeline.prepared_output import PreparedOutput, prepare_table
from broker.workflow.pipeline.script_run import ScriptExecution
from broker.workflow.pipeline.trusted_stage import ComputedOutput, OutputProblem
from broker.workflow.release_history.comparison_records import prepare_compared
from broker.workflow.release_history.script_comparison import ComparedTable

UNKNOWN_TYPE = "application/octet-stream"
UNDECLARED = OutputProblem("undeclared", "The header declares no output of this name.")
PNG, SVG = "image/png", "image/svg+xml"
DRAWN_FROM_TABLE = "The broker drew it from what would be released of this table: decide on both alike."
PICTURE = "A picture was made anew with few colours; its figures were not computed by the broker."
ACRO_CLAIM_KEY = "acro_of_the_script_says"
Declared = Sequence[tuple[str, str]]


def prepare_script_outputs(
    execution: ScriptExecution, declared: Declared, policies: PolicySet, profile: DisclosureRules
) -> list[PreparedOutput]:
    computed = _unique_computed(execution.computed, [name.rpartition(".")[0] for name, _ in declared])
    tables = {c.name.casefold(): c for c in computed if isinstance(c.result, Assessment)}
    made = [_prepare_computed(c, tables, profile) for c in computed]
    for file in execution.left.files:
        folded = file.name.casefold()
        said = {"script_says": execution.left.described.get(folded, "")}
        claim = execution.left.claims.get(folded)
        made.append(prepare_file(file, policies, profile, said | ({ACRO_CLAIM_KEY: dict(claim)} if claim else {})))
    made += [_withheld_output(stayed.name, stayed.problem, {"bytes": stayed.size}) for stayed in execution.left.stayed]
    return list(_unique_names(made))


def _unique_computed(computed: Iterable[ComputedOutput], stems: Iterable[str]) -> list[ComputedOutput]:
    """Each as the header spells it: capital letters that a script chooses while it runs are an output. A table and a
    model of one name are one output, and a figure is drawn of the one that stays."""
    spelled = {stem.casefold(): stem for stem in stems}
    found: dict[str, ComputedOutput] = {}
    for one in computed:
        folded = one.name.casefold()
        known = replace(one, name=spelled[folded]) if folded in spelled else _undeclared(one)
        found.setdefault(folded, known)
    return list(found.values())


def _undeclared(computed: ComputedOutput) -> ComputedOutput:
    return ComputedOutput(computed.name, computed.kind, "", UNDECLARED)


def _unique_names(made: Iterable[PreparedOutput]) -> Iterable[PreparedOutput]:
    """A file that has the name of a computed table is not that table: it stays."""
    seen: set[str] = set()
    for one in made:
        if one.name.casefold() not in seen:
            seen.add(one.name.casefold())
            yield one


def _with_history(made: PreparedOutput, compared: ComparedTable | None) -> PreparedOutput:
    """A table goes into memory with whatever shows its figures."""
    if compared is None:
        return made
    tables = () if made.candidate is None else compared.tables
    return replace(made, memory_version=compared.version, tables=tables, history_changed=compared.changed)


def _prepare_computed(
    computed: ComputedOutput, tables: Mapping[str, ComputedOutput], profile: DisclosureRules
) -> PreparedOutput:
    found = computed.result
    if isinstance(found, Assessment) and computed.compared is not None:
        made = prepare_compared(found, f"{computed.name}.csv", profile, computed.compared.record)
        return _with_history(made, computed.compared)
    if isinstance(found, Assessment):
        return prepare_table(found, f"{computed.name}.csv", profile)
    try:
        problem = found if isinstance(found, OutputProblem) else None
        if isinstance(found, ScriptFigure):
            return _prepare_figure(computed.name, found, tables)
    except Invalid as wrong:
        problem = OutputProblem(wrong.code, wrong.message, (("place", wrong.pointer),))
    assert problem is not None
    name = f"{computed.name}.{'svg' if computed.kind == 'figure' else 'csv'}"
    summary = {"handed": computed.kind, "sentence": problem.sentence, "figures": dict(problem.figures)}
    return _withheld_output(name, problem.code, summary)


def _prepare_figure(name: str, figure: ScriptFigure, tables: Mapping[str, ComputedOutput]) -> PreparedOutput:
    """The broker draws it from what would be released of a table of the same job, and it needs what that needs."""
    drawn_of = tables.get(figure.data.casefold())
    if drawn_of is None or not isinstance(table := drawn_of.result, Assessment):
        raise Invalid("request", f"The job has no table {figure.data} that a figure could be drawn of.", "/data")
    content, file = draw_chart(figure, table), f"{name}.svg"
    notes = [{"rule": "G2", "sentence": DRAWN_FROM_TABLE, "figures": {"table": f"{figure.data}.csv"}}]
    staff = json.dumps({"file": file, "problem": None, "summary": {"handed": "figure", "look_at": notes}})
    verdict = worst_verdict([Verdict.REVIEW, table.verdict])
    made = PreparedOutput(file, OutputKind.FILE, SVG, staff.encode(), content, "G2", verdict, table.small)
    return _with_history(made, drawn_of.compared)


def _withheld_output(name: str, code: str, summary: Mapping[str, object]) -> PreparedOutput:
    staff = json.dumps({"file": name, "problem": code, "summary": summary})
    return PreparedOutput(name, OutputKind.FILE, UNKNOWN_TYPE, staff.encode(), None, code, Verdict.REFUSE, False)


def prepare_file(
    file: RebuiltFile, policies: PolicySet, profile: DisclosureRules, said: Mapping[str, object] = MappingProxyType({})
) -> PreparedOutput:
    """A script's file as it was made anew: a person looks at it; or nothing could be made of it, and it is withheld.
    `said` is what the script says of it."""
    summary: dict[str, object] = {"bytes": file.size, **said}
    if file.content is None:
        sentence = {"sentence": file.sentence} if file.sentence else {}
        return _withheld_output(file.name, file.problem or "type", summary | sentence)
    if file.sheet is not None:
        summary |= sheet_facts(file.sheet)
    flags = _file_findings(file, policies, profile)
    notes = [{"rule": f.rule, "sentence": f.sentence, "figures": dict(f.figures)} for f in flags]
    staff = {
        "file": file.name,
        "problem": None,
        "summary": summary | {"look_at": notes},
        "set_aside": _findings_to_set_aside(flags),
    }
    return PreparedOutput(
        name=file.name,
        kind=OutputKind.FILE,
        media_type=file.media_type,
        staff=json.dumps(staff).encode(),
        candidate=file.content,
        findings=json.dumps([[f.rule, f.sentence] for f in flags]),
        verdict=Verdict.REVIEW,
        small=False,
    )


def _file_findings(file: RebuiltFile, policies: PolicySet, profile: DisclosureRules) -> tuple[Finding, ...]:
    """A picture shows what the broker cannot read: whatever it is, a person looks."""
    if file.media_type == PNG:
        return (Finding("G2", Verdict.REVIEW, PICTURE),)
    if file.sheet is None:
        return text_flags((file.content or b"").decode(), profile)
    hidden = {VariableClass.IDENTIFIER, VariableClass.INSTANT_IDENTIFIER}
    tables = policies.catalogue.tables
    names = {v.name.casefold() for t in tables for v in t.variables if v.cls in hidden or t.is_link_key(v.name)}
    return table_flags(file.sheet.columns, file.sheet.rows, profile, frozenset(names), _known_codes(policies))


def _known_codes(policies: PolicySet) -> KnownCodes:
    """Each variable's codes, of all tables that have one of its name; None where no list says what they are."""
    found: dict[str, frozenset[str] | None] = {}
    for variable in (v for t in policies.catalogue.tables for v in t.variables):
        name = variable.name.casefold()
        if variable.values is not None:
            found[name] = (found.get(name) or frozenset()) | {str(code) for code in variable.values}
        else:
            found.setdefault(name, None)
    return found


def _findings_to_set_aside(flags: Sequence[Finding]) -> list[dict[str, str]]:
    """What an approval has to set aside, one by one: by rule and column."""
    refusing = (f for f in flags if f.verdict is Verdict.REFUSE)
    named = ((f, dict(f.figures).get("name", "")) for f in refusing)
    return [{"finding": f"{f.rule}:{name}" if name else f.rule, "sentence": f.sentence} for f, name in named]

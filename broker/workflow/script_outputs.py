"""The outputs of a script: tables that the broker computed of handed rows, and files that people look at. All of them
were named in the header, or stay where they are."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from broker.disclosure.figures import draw
from broker.disclosure.files.code_columns import Known
from broker.disclosure.files.flags import flags_of, of_text
from broker.domain.errors import Invalid
from broker.domain.files import MadeFile
from broker.domain.findings import Assessment, Finding, Verdict, worst
from broker.domain.handed import HandedFigure
from broker.domain.outputs import OutputKind
from broker.domain.variables import VariableClass
from broker.policy.models import Policies
from broker.policy.profiles import Profile
from broker.python_jobs.sheet_facts import facts_of
from broker.workflow.handed_findings import Computed, Problem
from broker.workflow.prepared import Prepared, table_prepared
from broker.workflow.release_history.handed import ComparedTable
from broker.workflow.release_history.written import prepared_again
from broker.workflow.scripts import RanScript

UNKNOWN = "application/octet-stream"
UNDECLARED = Problem("undeclared", "The header declares no output of this name.")
PNG, SVG = "image/png", "image/svg+xml"
DRAWN = "The broker drew it from what would be released of this table: decide on both alike."
PICTURE = "A picture was made anew with few colours; its figures were not computed by the broker."
SAYS = "acro_of_the_script_says"
Declared = Sequence[tuple[str, str]]


def script_outputs(ran: RanScript, declared: Declared, policies: Policies, profile: Profile) -> list[Prepared]:
    computed = _computed_once(ran.computed, [name.rpartition(".")[0] for name, _ in declared])
    tables = {c.name.casefold(): c for c in computed if isinstance(c.found, Assessment)}
    made = [_computed(c, tables, profile) for c in computed]
    for file in ran.left.files:
        folded = file.name.casefold()
        said = {"script_says": ran.left.described.get(folded, "")}
        claim = ran.left.claims.get(folded)
        made.append(prepared_file(file, policies, profile, said | ({SAYS: dict(claim)} if claim else {})))
    made += [_withheld(stayed.name, stayed.problem, {"bytes": stayed.size}) for stayed in ran.left.stayed]
    return list(_each_once(made))


def _computed_once(computed: Iterable[Computed], stems: Iterable[str]) -> list[Computed]:
    """Each as the header spells it: capital letters that a script chooses while it runs are an output. A table and a
    model of one name are one output, and a figure is drawn of the one that stays."""
    spelled = {stem.casefold(): stem for stem in stems}
    found: dict[str, Computed] = {}
    for one in computed:
        folded = one.name.casefold()
        known = replace(one, name=spelled[folded]) if folded in spelled else _undeclared(one)
        found.setdefault(folded, known)
    return list(found.values())


def _undeclared(computed: Computed) -> Computed:
    return Computed(computed.name, computed.kind, "", UNDECLARED)


def _each_once(made: Iterable[Prepared]) -> Iterable[Prepared]:
    """A file that has the name of a computed table is not that table: it stays."""
    seen: set[str] = set()
    for one in made:
        if one.name.casefold() not in seen:
            seen.add(one.name.casefold())
            yield one


def _remembered(made: Prepared, compared: ComparedTable | None) -> Prepared:
    """A table goes into memory with whatever shows its figures."""
    if compared is None:
        return made
    tables = () if made.candidate is None else compared.tables
    return replace(made, memory_version=compared.version, tables=tables, history_changed=compared.changed)


def _computed(computed: Computed, tables: Mapping[str, Computed], profile: Profile) -> Prepared:
    found = computed.found
    if isinstance(found, Assessment) and computed.compared is not None:
        made = prepared_again(found, f"{computed.name}.csv", profile, computed.compared.told)
        return _remembered(made, computed.compared)
    if isinstance(found, Assessment):
        return table_prepared(found, f"{computed.name}.csv", profile)
    try:
        problem = found if isinstance(found, Problem) else None
        if isinstance(found, HandedFigure):
            return _drawn(computed.name, found, tables)
    except Invalid as wrong:
        problem = Problem(wrong.code, wrong.message, (("place", wrong.pointer),))
    assert problem is not None
    name = f"{computed.name}.{'svg' if computed.kind == 'figure' else 'csv'}"
    summary = {"handed": computed.kind, "sentence": problem.sentence, "figures": dict(problem.figures)}
    return _withheld(name, problem.code, summary)


def _drawn(name: str, figure: HandedFigure, tables: Mapping[str, Computed]) -> Prepared:
    """The broker draws it from what would be released of a table of the same job, and it needs what that needs."""
    of = tables.get(figure.data.casefold())
    if of is None or not isinstance(table := of.found, Assessment):
        raise Invalid("request", f"The job has no table {figure.data} that a figure could be drawn of.", "/data")
    content, file = draw(figure, table), f"{name}.svg"
    told = [{"rule": "G2", "sentence": DRAWN, "figures": {"table": f"{figure.data}.csv"}}]
    staff = json.dumps({"file": file, "problem": None, "summary": {"handed": "figure", "look_at": told}})
    verdict = worst([Verdict.REVIEW, table.verdict])
    made = Prepared(file, OutputKind.FILE, SVG, staff.encode(), content, "G2", verdict, table.small)
    return _remembered(made, of.compared)


def _withheld(name: str, code: str, summary: Mapping[str, object]) -> Prepared:
    staff = json.dumps({"file": name, "problem": code, "summary": summary})
    return Prepared(name, OutputKind.FILE, UNKNOWN, staff.encode(), None, code, Verdict.REFUSE, False)


def prepared_file(
    file: MadeFile, policies: Policies, profile: Profile, said: Mapping[str, object] = MappingProxyType({})
) -> Prepared:
    """A script's file as it was made anew: a person looks at it; or nothing could be made of it, and it is withheld.
    `said` is what the script says of it."""
    summary: dict[str, object] = {"bytes": file.size, **said}
    if file.content is None:
        sentence = {"sentence": file.sentence} if file.sentence else {}
        return _withheld(file.name, file.problem or "type", summary | sentence)
    if file.sheet is not None:
        summary |= facts_of(file.sheet)
    flags = _flags(file, policies, profile)
    told = [{"rule": f.rule, "sentence": f.sentence, "figures": dict(f.figures)} for f in flags]
    staff = {"file": file.name, "problem": None, "summary": summary | {"look_at": told}, "set_aside": _set_aside(flags)}
    return Prepared(
        name=file.name,
        kind=OutputKind.FILE,
        media_type=file.media_type,
        staff=json.dumps(staff).encode(),
        candidate=file.content,
        findings=json.dumps([[f.rule, f.sentence] for f in flags]),
        verdict=Verdict.REVIEW,
        small=False,
    )


def _flags(file: MadeFile, policies: Policies, profile: Profile) -> tuple[Finding, ...]:
    """A picture shows what the broker cannot read: whatever it is, a person looks."""
    if file.media_type == PNG:
        return (Finding("G2", Verdict.REVIEW, PICTURE),)
    if file.sheet is None:
        return of_text((file.content or b"").decode(), profile)
    hidden = {VariableClass.IDENTIFIER, VariableClass.INSTANT_IDENTIFIER}
    tables = policies.catalogue.tables
    names = {v.name.casefold() for t in tables for v in t.variables if v.cls in hidden or t.is_link_key(v.name)}
    return flags_of(file.sheet.columns, file.sheet.rows, profile, frozenset(names), _known(policies))


def _known(policies: Policies) -> Known:
    """Each variable's codes, of all tables that have one of its name; None where no list says what they are."""
    found: dict[str, frozenset[str] | None] = {}
    for variable in (v for t in policies.catalogue.tables for v in t.variables):
        name = variable.name.casefold()
        if variable.values is not None:
            found[name] = (found.get(name) or frozenset()) | {str(code) for code in variable.values}
        else:
            found.setdefault(name, None)
    return found


def _set_aside(flags: Sequence[Finding]) -> list[dict[str, str]]:
    """What an approval has to set aside, one by one: by rule and column."""
    refusing = (f for f in flags if f.verdict is Verdict.REFUSE)
    named = ((f, dict(f.figures).get("name", "")) for f in refusing)
    return [{"finding": f"{f.rule}:{name}" if name else f.rule, "sentence": f.sentence} for f, name in named]

"""Parse, scope check, plan and, of a private text, what it asks and costs: pure; the same offline, at submission and
when a run starts."""

from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256
from typing import TYPE_CHECKING

from broker.domain.errors import Refusal, Refused
from broker.domain.jobs import Kind
from broker.domain.plans import Kept, Plan
from broker.domain.projects import Project
from broker.domain.saved import NOTHING, Saved
from broker.domain.variables import Use
from broker.policy.models import Policies
from broker.privacy.asking.lines import PrivateLines, private_lines
from broker.python_jobs.check import PythonCheck, check_python
from broker.query import Reach, compile_sql
from broker.scope.check import check_scope
from broker.scope.combinations import check_combinations
from broker.scope.exact import check_exact
from broker.workflow.private.mode import check_mode
from broker.workflow.standard_populations import advice_on

if TYPE_CHECKING:
    from broker.workflow.private.texts import PrivateText


@dataclass(frozen=True, slots=True)
class Checked:
    """What is known of a submission before anything runs. `plan` is None for Python and for what cannot be planned."""

    kind: Kind
    refusals: tuple[Refusal, ...]
    review: tuple[str, ...]
    advice: tuple[str, ...]
    uses: tuple[Use, ...]
    canonical: str
    plan: Plan | None
    plan_hash: str
    declared: tuple[tuple[str, str], ...] = ()
    read: tuple[str, ...] = ()
    """Folded names of the project's kept things that the text reads."""
    asks_privately: bool = False
    private: "PrivateText | None" = None
    """What a private text asks; None where it is not private, or refused."""

    @property
    def kept(self) -> tuple[Kept, ...]:
        return self.plan.kept if self.plan is not None else ()

    @property
    def accepted(self) -> bool:
        return not self.refusals


def check_submission(
    text: str, kind: Kind, dialect: str, project: Project, policies: Policies, today: date, saved: Saved = NOTHING
) -> Checked:
    """Every refusal at once, in order of place. Never raises for what the text holds. `saved` is what the project
    keeps: what a text reads of it is judged with the text."""
    checked = (
        _check_python(text, project, policies)
        if kind is Kind.PYTHON
        else _check_sql(text, dialect, project, policies, saved)
    )
    header = kind is Kind.PYTHON
    granted = [
        *check_scope(checked.uses, project, policies, today, header=header),
        *check_combinations(checked.uses, project, policies, header=header),
        *(() if checked.asks_privately else check_exact(checked.uses, project, policies)),
    ]
    return replace(checked, refusals=_told_once(granted, checked.refusals))


def _told_once(granted: list[Refusal], of_text: tuple[Refusal, ...]) -> tuple[Refusal, ...]:
    """In order of place; what the text's room refuses for a reason that the grants give at the same place is told by
    these. Two rules that one name breaks are both told."""
    told = {_key(refusal) for refusal in granted}
    found = dict.fromkeys([*granted, *(r for r in of_text if _key(r) not in told)])
    return tuple(sorted(found, key=lambda r: (r.line or 0, r.column or 0, r.code)))


def _key(refusal: Refusal) -> tuple[str, int | str, int | None]:
    return refusal.code, refusal.message if refusal.line is None else refusal.line, refusal.column


def _check_sql(text: str, dialect: str, project: Project, policies: Policies, saved: Saved) -> Checked:
    profile = policies.profile(project.profile)
    lines = private_lines(text, dialect) if len(text) <= policies.service.text_bytes else None
    reach, in_parts = Reach(policies.sizes, profile.least_reach), lines is None or not lines.is_private
    compiled = compile_sql(
        text, dialect, policies.catalogue, project, policies.service, profile.t, saved, in_parts=in_parts, reach=reach
    )
    plan = compiled.plan
    checked = Checked(
        Kind.SQL,
        compiled.refusals,
        compiled.review,
        plan.advice if plan else (),
        compiled.uses,
        compiled.canonical,
        plan,
        plan.hash if plan else "",
        read=compiled.read,
    )
    if lines is None:
        return checked  # refused for its length; its lines are not read
    refusals = check_mode(project, Kind.SQL, lines)
    if refusals or lines.is_private:
        return _private(checked, lines, refusals, project, policies)
    return checked if plan is None else replace(checked, advice=(*plan.advice, *advice_on(plan, project, policies)))


def _private(
    checked: Checked, lines: PrivateLines, refusals: tuple[Refusal, ...], project: Project, policies: Policies
) -> Checked:
    """The same text as a private one: its lines are part of the canonical text and of the hash. Why a person would look
    at exact figures is no matter here."""
    from broker.workflow.private.asking import ask  # and OpenDP with it, which other texts do not need

    found = [*refusals, *lines.refusals]
    private = None
    if checked.plan is not None and not checked.refusals and not found:
        try:
            private = ask(checked.plan, lines, project, policies)
        except Refused as refused:
            found += refused.refusals
    written = lines.canonical if lines.spending is not None else ""
    return replace(
        checked,
        refusals=(*checked.refusals, *found),
        review=(),
        canonical=f"{written}\n{checked.canonical}" if checked.canonical else "",
        plan_hash=sha256(f"{written}\n{checked.plan_hash}".encode()).hexdigest() if checked.plan else "",
        asks_privately=lines.is_private,
        private=private,
    )


def _check_python(text: str, project: Project, policies: Policies) -> Checked:
    found = check_python(text, project, policies)
    declared = tuple((output.name, output.description) for output in found.outputs)
    script = Plan(outputs=(), uses=found.uses).hash + found.canonical
    digest = sha256(script.encode("utf-8", "surrogatepass")).hexdigest()
    refusals = (*check_mode(project, Kind.PYTHON, PrivateLines(line=found.private.line)), *found.refusals)
    checked = Checked(Kind.PYTHON, refusals, found.review, (), found.uses, found.canonical, None, digest, declared)
    return _private_script(checked, found, project, policies) if found.private.line is not None else checked


def _private_script(checked: Checked, found: PythonCheck, project: Project, policies: Policies) -> Checked:
    """What a person would look at in a script's files is no matter where no file leaves."""
    from broker.workflow.private.by_blocks.asking import Program, ask_script

    refusals, private, line = list(checked.refusals), None, found.private
    if not refusals and line.asks is not None and line.line is not None:
        name = found.outputs[0].name.rpartition(".")[0] if found.outputs else ""
        program = Program(found.canonical, found.modules, *([name] if name else []))
        try:
            private = ask_script(line.asks, line.line, program, found.uses, project, policies)
        except Refused as refused:
            refusals += refused.refusals
    declared = ((private.program.output, checked.declared[0][1] if checked.declared else ""),) if private else ()
    return replace(
        checked, refusals=tuple(refusals), review=(), declared=declared, asks_privately=True, private=private
    )

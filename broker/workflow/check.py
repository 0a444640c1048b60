"""Parse, scope check and plan of one submission: pure; the same offline, at submission and when a run starts."""

from dataclasses import dataclass
from datetime import date
from hashlib import sha256

from broker.domain.errors import Refusal
from broker.domain.jobs import Kind
from broker.domain.plans import Kept, Plan
from broker.domain.projects import Mode, Project
from broker.domain.saved import NOTHING, Saved
from broker.domain.variables import Use
from broker.policy.models import Policies
from broker.python_jobs.check import check_python
from broker.query import compile_sql
from broker.scope.check import check_scope
from broker.scope.combinations import check_combinations
from broker.scope.exact import check_exact


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
        *_check_project(project, kind),
        *check_scope(checked.uses, project, policies, today, header=header),
        *check_combinations(checked.uses, project, policies, header=header),
        *check_exact(checked.uses, project, policies),
    ]
    return Checked(
        kind=kind,
        refusals=_told_once(granted, checked.refusals),
        review=checked.review,
        advice=checked.advice,
        uses=checked.uses,
        canonical=checked.canonical,
        plan=checked.plan,
        plan_hash=checked.plan_hash,
        declared=checked.declared,
        read=checked.read,
    )


def _told_once(granted: list[Refusal], of_text: tuple[Refusal, ...]) -> tuple[Refusal, ...]:
    """In order of place; what the text's room refuses for a reason that the grants give at the same place is told by
    these. Two rules that one name breaks are both told."""
    told = {_key(refusal) for refusal in granted}
    found = dict.fromkeys([*granted, *(r for r in of_text if _key(r) not in told)])
    return tuple(sorted(found, key=lambda r: (r.line or 0, r.column or 0, r.code)))


def _key(refusal: Refusal) -> tuple[str, int | str, int | None]:
    return refusal.code, refusal.message if refusal.line is None else refusal.line, refusal.column


def _check_sql(text: str, dialect: str, project: Project, policies: Policies, saved: Saved) -> Checked:
    least = policies.profile(project.profile).t
    compiled = compile_sql(text, dialect, policies.catalogue, project, policies.service, least, saved)
    plan = compiled.plan
    return Checked(
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


def _check_python(text: str, project: Project, policies: Policies) -> Checked:
    found = check_python(text, project, policies)
    declared = tuple((output.name, output.description) for output in found.outputs)
    script = Plan(outputs=(), uses=found.uses).hash + found.canonical
    digest = sha256(script.encode("utf-8", "surrogatepass")).hexdigest()
    return Checked(Kind.PYTHON, found.refusals, found.review, (), found.uses, found.canonical, None, digest, declared)


def _check_project(project: Project, kind: Kind) -> list[Refusal]:
    if project.mode is not Mode.DIFFERENTIAL_PRIVACY:
        return []
    return [
        Refusal(
            "differential-privacy-only",
            f"Project {project.ident} may release only under differential privacy, and this broker has no "
            f"differentially private {kind.value} jobs yet.",
            "Ask an administrator whether the project may also use disclosure control.",
        )
    ]

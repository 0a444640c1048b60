"""Parse, scope check and plan of one submission: pure; the same offline, at submission and when a run starts."""

from dataclasses import dataclass
from datetime import date
from hashlib import sha256

from broker.domain.errors import Refusal
from broker.domain.jobs import Kind
from broker.domain.plans import Plan
from broker.domain.projects import Mode, Project
from broker.domain.variables import Use
from broker.policy.models import Policies
from broker.python_jobs.check import check_python
from broker.query import compile_sql
from broker.scope.check import check_scope
from broker.scope.combinations import check_combinations


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

    @property
    def accepted(self) -> bool:
        return not self.refusals


def check_submission(text: str, kind: Kind, dialect: str, project: Project, policies: Policies, today: date) -> Checked:
    """Every refusal at once, in order of place. Never raises for what the text holds."""
    checked = (
        _check_python(text, project, policies) if kind is Kind.PYTHON else _check_sql(text, dialect, project, policies)
    )
    refusals = [
        *_check_project(project, kind),
        *check_scope(checked.uses, project, policies, today, header=kind is Kind.PYTHON),
        *check_combinations(checked.uses, project, policies),
        *checked.refusals,
    ]
    return Checked(
        kind=kind,
        refusals=_told_once(refusals),
        review=checked.review,
        advice=checked.advice,
        uses=checked.uses,
        canonical=checked.canonical,
        plan=checked.plan,
        plan_hash=checked.plan_hash,
        declared=checked.declared,
    )


def _told_once(refusals: list[Refusal]) -> tuple[Refusal, ...]:
    """In order of place; what two rooms refuse for the same reason at the same place is told by the first."""
    told: dict[tuple[str, int | str, int | None], Refusal] = {}
    for refusal in refusals:
        place = refusal.message if refusal.line is None else refusal.line
        told.setdefault((refusal.code, place, refusal.column), refusal)
    return tuple(sorted(told.values(), key=lambda r: (r.line or 0, r.column or 0, r.code)))


def _check_sql(text: str, dialect: str, project: Project, policies: Policies) -> Checked:
    compiled = compile_sql(text, dialect, policies.catalogue, project, policies.service)
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

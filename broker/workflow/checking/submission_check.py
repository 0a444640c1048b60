"""Checks a submission without any data: parses, scopes and plans it. The offline check and a run use the same check."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256
from typing import TYPE_CHECKING

from broker.domain.errors import Refusal, Refused
from broker.domain.jobs.job import JobKind
from broker.domain.plans.plan import Plan
from broker.domain.plans.variable_uses import VariableUse
from broker.domain.projects.project import ProtectionMode, ResearchProject
from broker.domain.projects.saved_definitions import NO_READABLE_DEFINITIONS, Cohort, ReadableDefinitions
from broker.policy.policy_set import PolicySet
from broker.privacy.request.directives import PrivateDirectives, read_directives
from broker.python_jobs.script_check import PythonCheck, check_python
from broker.query import SelectivityThreshold, compile_sql
from broker.scope.combinations import check_combinations
from broker.scope.grants import check_exact_allowed, check_scope
from broker.workflow.checking.clause_edits import with_clause_edits
from broker.workflow.checking.dialect_hints import with_dialect_hint, with_function_names
from broker.workflow.checking.standard_populations import advice_on

if TYPE_CHECKING:
    from broker.workflow.private_jobs.private_request import PrivateText

SPEND_ADVICE = "Write a line  -- private: epsilon 0.5  (or  -- private: error 5, for counts with a mean error of 5)."


def check_privacy_mode(project: ResearchProject, kind: JobKind, lines: PrivateDirectives) -> Iterator[Refusal]:
    """Yield a refusal if the text may not be private in this project, or has to be and is not."""
    if lines.is_private:
        if project.mode is ProtectionMode.DISCLOSURE_CONTROL or not project.privacy:
            yield Refusal(
                "private-not-here",
                f"Project {project.ident} releases under disclosure control only, and has no privacy budget.",
                "Remove the line, or ask an administrator whether the project can have a privacy budget.",
                lines.line,
                1,
            )
    elif project.mode is ProtectionMode.DIFFERENTIAL_PRIVACY and kind is JobKind.PYTHON:
        yield Refusal(
            "differential-privacy-only",
            f"Project {project.ident} releases under differential privacy only, and this script does not "
            "state its spend.",
            "Use SQL, or write  # private: epsilon 0.5, blocks 500, range [0, 1]  and  def answer(tables).",
        )
    elif project.mode is ProtectionMode.DIFFERENTIAL_PRIVACY:
        yield Refusal(
            "private-spend-missing",
            f"Project {project.ident} releases under differential privacy only, and this text does not state its "
            "spend.",
            SPEND_ADVICE,
        )


@dataclass(frozen=True, slots=True)
class CheckedSubmission:
    """What is known of a submission before anything runs. `plan` is None for Python and for a text that cannot be
    planned."""

    kind: JobKind
    refusals: tuple[Refusal, ...]
    review: tuple[str, ...]
    advice: tuple[str, ...]
    uses: tuple[VariableUse, ...]
    canonical: str
    plan: Plan | None
    plan_hash: str
    declared: tuple[tuple[str, str], ...] = ()
    read: tuple[str, ...] = ()
    """Folded names of the project's saved definitions that the text reads."""
    is_private: bool = False
    private: "PrivateText | None" = None
    """The plan of a private text; None if the text is not private or is refused."""

    @property
    def saved_definitions(self) -> tuple[Cohort, ...]:
        return self.plan.saved_queries if self.plan is not None else ()

    @property
    def only_saves_definitions(self) -> bool:
        """Whether the text requests no output. Such a job reads no data."""
        return self.plan is not None and not self.plan.outputs

    @property
    def accepted(self) -> bool:
        return not self.refusals


def check_submission(
    text: str, kind: JobKind, dialect: str, project: ResearchProject, policies: PolicySet, today: date,
    saved: ReadableDefinitions = NO_READABLE_DEFINITIONS,
) -> CheckedSubmission:  # fmt: skip
    """Check a text and return all refusals at once, in order of place. Never raises because of the text.

    `saved` has the project's saved definitions: those that the text reads are checked with it.
    """
    checked = (
        _check_python(text, project, policies)
        if kind is JobKind.PYTHON
        else _check_sql(text, dialect, project, policies, saved)
    )
    header = kind is JobKind.PYTHON
    granted = [
        *check_scope(checked.uses, project, policies, today, header=header),
        *check_combinations(checked.uses, project, policies, header=header),
        # Some tables may be used in private jobs only.
        *(() if checked.is_private else check_exact_allowed(checked.uses, project, policies)),
    ]
    refusals = _merge_refusals(granted, checked.refusals)
    if kind is JobKind.SQL:
        refusals = with_clause_edits(refusals, text, dialect, checked.uses, project, policies.catalogue)
        refusals = with_dialect_hint(with_function_names(refusals, text, dialect), text, dialect)
    return replace(checked, refusals=refusals)


def _merge_refusals(granted: list[Refusal], of_text: tuple[Refusal, ...]) -> tuple[Refusal, ...]:
    """Return all refusals in order of place. If both lists have one with the same reason and place, that of the grants
    is used; two rules that one name breaks are both reported."""
    known = {_refusal_key(refusal) for refusal in granted}
    found = dict.fromkeys([*granted, *(r for r in of_text if _refusal_key(r) not in known)])
    return tuple(sorted(found, key=lambda r: (r.line or 0, r.column or 0, r.code)))


def _refusal_key(refusal: Refusal) -> tuple[str, int | str, int | None]:
    return refusal.code, refusal.message if refusal.line is None else refusal.line, refusal.column


def _check_sql(
    text: str, dialect: str, project: ResearchProject, policies: PolicySet, saved: ReadableDefinitions
) -> CheckedSubmission:
    profile = policies.disclosure_rules(project.profile)
    lines = read_directives(text, dialect) if len(text) <= policies.service.text_bytes else None
    reach, in_parts = SelectivityThreshold(policies.sizes, profile.min_reach), lines is None or not lines.is_private
    compiled = compile_sql(
        text, dialect, policies.catalogue, project, policies.service, profile.t, saved, in_parts=in_parts, reach=reach
    )
    plan = compiled.plan
    checked = CheckedSubmission(
        JobKind.SQL,
        compiled.refusals,
        compiled.review,
        plan.advice if plan else (),
        compiled.uses,
        compiled.canonical,
        plan,
        plan.hash if plan else "",
        read=compiled.saved_names,
    )
    if lines is None:
        return checked  # refused for its length, so its lines were not read
    refusals = tuple(check_privacy_mode(project, JobKind.SQL, lines))
    if refusals or lines.is_private:
        return _check_private_query(checked, lines, refusals, project, policies)
    if plan is None:
        return checked
    return replace(checked, advice=(*plan.advice, *plan.counted_advice, *advice_on(plan, project, policies)))


def _check_private_query(
    checked: CheckedSubmission, lines: PrivateDirectives, refusals: tuple[Refusal, ...], project: ResearchProject,
    policies: PolicySet,
) -> CheckedSubmission:  # fmt: skip
    """Check the same text as a private query. Its lines for privacy become part of the canonical text and of the hash.

    Reasons for a person to review exact figures are dropped: no exact figure leaves.
    """
    from broker.workflow.private_jobs.private_request import plan_private_query

    found = [*refusals, *lines.refusals]
    private = None
    if checked.plan is not None and not checked.refusals and not found:
        try:
            private = plan_private_query(checked.plan, lines, project, policies)
        except Refused as refused:
            found += refused.refusals
    line_text = lines.canonical if lines.spending is not None else ""
    return replace(
        checked,
        refusals=(*checked.refusals, *found),
        review=(),
        canonical=f"{line_text}\n{checked.canonical}" if checked.canonical else "",
        plan_hash=sha256(f"{line_text}\n{checked.plan_hash}".encode()).hexdigest() if checked.plan else "",
        is_private=lines.is_private,
        private=private,
    )


def _check_python(text: str, project: ResearchProject, policies: PolicySet) -> CheckedSubmission:
    found = check_python(text, project, policies)
    declared = tuple((output.name, output.description) for output in found.outputs)
    script = Plan(outputs=(), uses=found.uses).hash + found.canonical
    # The hash covers the uses as well as the text.
    digest = sha256(script.encode("utf-8", "surrogatepass")).hexdigest()
    refusals = (
        *check_privacy_mode(project, JobKind.PYTHON, PrivateDirectives(line=found.private.line)),
        *found.refusals,
    )
    checked = CheckedSubmission(
        JobKind.PYTHON, refusals, found.review, (), found.uses, found.canonical, None, digest, declared
    )
    return _check_private_script(checked, found, project, policies) if found.private.line is not None else checked


def _check_private_script(
    checked: CheckedSubmission, found: PythonCheck, project: ResearchProject, policies: PolicySet
) -> CheckedSubmission:
    """Check a private script. Reasons for a person to view its files are dropped, because no file leaves."""
    from broker.workflow.private_jobs.private_request import BlockProgram, plan_private_script

    refusals, private, line = list(checked.refusals), None, found.private
    if not refusals and line.directive is not None and line.line is not None:
        name = found.outputs[0].name.rpartition(".")[0] if found.outputs else ""
        program = BlockProgram(found.canonical, found.modules, *([name] if name else []))
        try:
            private = plan_private_script(line.directive, line.line, program, found.uses, project, policies)
        except Refused as refused:
            refusals += refused.refusals
    declared = ((private.program.output, checked.declared[0][1] if checked.declared else ""),) if private else ()
    return replace(checked, refusals=tuple(refusals), review=(), declared=declared, is_private=True, private=private)

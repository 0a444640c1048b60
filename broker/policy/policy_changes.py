"""Changes between two policy sets, in sentences for the two administrators who decide. Pure."""

from collections.abc import Mapping
from dataclasses import fields

from broker.domain.projects.project import Grant, ProjectApproval, ProjectBudget, ResearchProject
from broker.policy.policy_model import PolicyModel
from broker.policy.policy_set import PolicySet
from broker.policy.privacy_policy import PrivacyPolicy
from broker.policy.release_history_policy import ReleaseHistoryPolicy


def policy_changes(before: PolicySet, after: PolicySet) -> list[str]:
    """One sentence for each change; empty only if both sets have the same fingerprint."""
    return [
        *_projects(before, after),
        *_named("profile", {p.name: p for p in before.profiles}, {p.name: p for p in after.profiles}),
        *_named(
            "table", {t.full_name: t for t in before.catalogue.tables}, {t.full_name: t for t in after.catalogue.tables}
        ),
        *_named(
            "code list", {c.name: c for c in before.catalogue.codesets}, {c.name: c for c in after.catalogue.codesets}
        ),
        *_named("combination rule", {r.id: r for r in before.combinations}, {r.id: r for r in after.combinations}),
        *_privacy(before.privacy, after.privacy),
        *_release_history(before.memory, after.memory),
        *_named("public sizes of", {t.table: t for t in before.sizes.tables}, {t.table: t for t in after.sizes.tables}),
        *_named("service", {"limits": before.service}, {"limits": after.service}),
    ]


def _release_history(before: ReleaseHistoryPolicy, after: ReleaseHistoryPolicy) -> list[str]:
    sentences = []
    if before.fraction != after.fraction:
        subject = "the cap on exact figures, as a fraction of the persons of a reference population,"
        sentences.append(f"release history: {subject} changes from {before.fraction} to {after.fraction}")
    if before.part != after.part:
        subject = "the part of a figure that must be about a reference population for the figure to count"
        sentences.append(f"release history: {subject} changes from {before.part} to {after.part}")
    if before.least != after.least:
        sentences.append(
            f"release history: the smallest population that counts changes from {before.least} to {after.least} persons"
        )
    if before.quota != after.quota:
        sentences.append(
            f"release history: the quota of jobs that the release history changed goes from {before.quota} to "
            f"{after.quota}"
        )
    for kind, what in (("references", "reference population"), ("standard", "standard population")):
        old, new = getattr(before, kind), getattr(after, kind)
        changes = _named(what, {p.name: p for p in old}, {p.name: p for p in new})
        sentences += changes or ([f"release history: the order of {kind} changes"] if old != new else [])
    return sentences


def _projects(before: PolicySet, after: PolicySet) -> list[str]:
    old, new = {p.ident: p for p in before.projects}, {p.ident: p for p in after.projects}
    sentences = [f"project {ident} is added" for ident in sorted(new.keys() - old.keys())]
    sentences += [f"project {ident} is removed" for ident in sorted(old.keys() - new.keys())]
    for ident in sorted(old.keys() & new.keys()):
        sentences += _project(old[ident], new[ident])
    return sentences


def _project(old: ResearchProject, new: ResearchProject) -> list[str]:
    facts = (
        "title",
        "organisation",
        "organisation_type",
        "gateway",
        "purpose",
        "expires",
        "mode",
        "profile",
        "votes",
        "dialect",
        "privacy",
    )
    sentences = [
        f"project {new.ident}: {name} changes from {getattr(old, name)} to {getattr(new, name)}"
        for name in facts
        if getattr(old, name) != getattr(new, name)
    ]
    sentences += [
        f"project {new.ident}: {f.name} on the register changes from {getattr(old.approval, f.name)} to {to}"
        for f in fields(ProjectApproval)
        if getattr(old.approval, f.name) != (to := getattr(new.approval, f.name))
    ]
    sentences += [
        f"project {new.ident}: {who} becomes a researcher" for who in sorted(new.researchers - old.researchers)
    ]
    sentences += [
        f"project {new.ident}: {who} is no longer a researcher" for who in sorted(old.researchers - new.researchers)
    ]
    sentences += _budgets(old, new)
    sentences += [f"project {new.ident}: granted {_grant(g)}" for g in new.grants if g not in old.grants]
    sentences += [f"project {new.ident}: no longer granted {_grant(g)}" for g in old.grants if g not in new.grants]
    if not sentences and old != new:  # a field without a sentence of its own
        sentences.append(f"project {new.ident} changes")
    return sentences


def _budgets(old: ResearchProject, new: ResearchProject) -> list[str]:
    """Changes of budgets. An allotment that is removed can no longer be spent, however little of it was spent."""
    subject = f"project {new.ident}:"
    sentences = [f"{subject} may spend {_budget(b)}" for b in new.budgets if b not in old.budgets]
    remaining = {(b.unit, b.table) for b in new.budgets}
    sentences += [
        f"{subject} no longer has a budget of {b.table or b.unit}"
        for b in old.budgets
        if (b.unit, b.table) not in remaining
    ]
    if new.privacy_raised != old.privacy_raised:
        sentences.append(
            f"{subject} one release may {('' if new.privacy_raised else 'no longer ')}cost up to the raised maximum"
        )
    return sentences


def _budget(budget: ProjectBudget) -> str:
    return f"{budget.loss:g} of {budget.table or budget.unit} (delta {budget.delta:g})"


def _privacy(before: PrivacyPolicy, after: PrivacyPolicy) -> list[str]:
    return [
        *_named("promise to each", {p.unit: p for p in before.promises}, {p.unit: p for p in after.promises}),
        *_named("data set", {d.table: d for d in before.datasets}, {d.table: d for d in after.datasets}),
        *_named("privacy profile", {p.name: p for p in before.profiles}, {p.name: p for p in after.profiles}),
    ]


def _grant(grant: Grant) -> str:
    years = "" if grant.years is None else f" in {min(grant.years)}-{max(grant.years)} ({len(grant.years)} years)"
    return f"{grant.table}.{grant.variable}{' as a link key' if grant.link_key else ''}{years}"


def _named(what: str, old: Mapping[str, PolicyModel], new: Mapping[str, PolicyModel]) -> list[str]:
    sentences = [f"{what} {name} is added" for name in sorted(new.keys() - old.keys())]
    sentences += [f"{what} {name} is removed" for name in sorted(old.keys() - new.keys())]
    for name in sorted(old.keys() & new.keys()):
        if old[name] != new[name]:
            changed = [f.name for f in fields(new[name]) if getattr(old[name], f.name) != getattr(new[name], f.name)]
            sentences.append(f"{what} {name} changes in {', '.join(changed)}")
    return sentences

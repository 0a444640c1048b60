"""Changes between two policy sets, in sentences for the two administrators who decide. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import Any

from broker.domain.projects.project import Grant, ProjectApproval, ProjectBudget, ResearchProject
from broker.policy.policy_model import PolicyModel
from broker.policy.policy_set import PolicySet
from broker.policy.release_history_policy import ReleaseHistoryPolicy

WITHOUT_VALUES = {"researchers", "grants", "default_schema", "budgets", "privacy_raised", "approval"}
"""Fields of a project whose sentences do not show the values before and after."""
Changes = Callable[[str, Any, Any], list[str]]
"""The sentences on one model, by its subject, old value and new value."""
RELEASE_HISTORY_FIGURES = (
    ("fraction", "the cap on exact figures, as a fraction of the persons of a reference population, changes", ""),
    ("part", "the part of a figure that must be about a reference population for the figure to count changes", ""),
    ("least", "the smallest population that counts changes", " persons"),
    ("quota", "the quota of jobs that the release history changed goes", ""),
)


def policy_changes(before: PolicySet, after: PolicySet) -> list[str]:
    """One sentence for each change; empty only if both sets have the same fingerprint."""
    return [
        *_named("project", before.projects, after.projects, "ident", _project),
        *_named("profile", before.profiles, after.profiles),
        *_named("table", before.catalogue.tables, after.catalogue.tables, "full_name"),
        *_named("code list", before.catalogue.codesets, after.catalogue.codesets),
        *_named("combination rule", before.combinations, after.combinations, "id"),
        *_named("promise to each", before.privacy.promises, after.privacy.promises, "unit"),
        *_named("data set", before.privacy.datasets, after.privacy.datasets, "table"),
        *_named("privacy profile", before.privacy.profiles, after.privacy.profiles),
        *_release_history(before.memory, after.memory),
        *_named("public sizes of", before.sizes.tables, after.sizes.tables, "table"),
        *_changed("service limits", before.service, after.service),
    ]


def _release_history(before: ReleaseHistoryPolicy, after: ReleaseHistoryPolicy) -> list[str]:
    sentences = []
    for name, subject, unit in RELEASE_HISTORY_FIGURES:
        if (old := getattr(before, name)) != (new := getattr(after, name)):
            sentences.append(f"release history: {subject} from {old} to {new}{unit}")
    for kind, what in (("references", "reference population"), ("standard", "standard population")):
        old, new = getattr(before, kind), getattr(after, kind)
        sentences += _named(what, old, new) or ([f"release history: the order of {kind} changes"] if old != new else [])
    return sentences


def _project(subject: str, old: ResearchProject, new: ResearchProject) -> list[str]:
    values = [f.name for f in fields(ResearchProject) if f.name not in WITHOUT_VALUES]
    sentences = [
        *_values("", old, new, values),
        *_values(" on the register", old.approval, new.approval, [f.name for f in fields(ProjectApproval)]),
        *(f"{who} becomes a researcher" for who in sorted(new.researchers - old.researchers)),
        *(f"{who} is no longer a researcher" for who in sorted(old.researchers - new.researchers)),
        *_budgets(old, new),
        *(f"granted {_grant(g)}" for g in new.grants if g not in old.grants),
        *(f"no longer granted {_grant(g)}" for g in old.grants if g not in new.grants),
    ]
    if not sentences and old != new:  # a field without a sentence of its own
        return [f"{subject} changes"]
    return [f"{subject}: {sentence}" for sentence in sentences]


def _values(where: str, old: object, new: object, names: Iterable[str]) -> list[str]:
    pairs = {name: (getattr(old, name), getattr(new, name)) for name in names}
    return [f"{name}{where} changes from {was} to {now}" for name, (was, now) in pairs.items() if was != now]


def _budgets(old: ResearchProject, new: ResearchProject) -> list[str]:
    """Changes of budgets. An allotment that is removed can no longer be spent, however little of it was spent."""
    sentences = [f"may spend {_budget(b)}" for b in new.budgets if b not in old.budgets]
    remaining = {(b.unit, b.table) for b in new.budgets}
    removed = [b.table_or_unit for b in old.budgets if (b.unit, b.table) not in remaining]
    sentences += [f"no longer has a budget of {name}" for name in removed]
    if new.privacy_raised != old.privacy_raised:
        may = "may" if new.privacy_raised else "may no longer"
        sentences.append(f"one release {may} cost up to the raised maximum")
    return sentences


def _budget(budget: ProjectBudget) -> str:
    return f"{budget.loss:g} of {budget.table_or_unit} (delta {budget.delta:g})"


def _grant(grant: Grant) -> str:
    years = "" if grant.years is None else f" in {min(grant.years)}-{max(grant.years)} ({len(grant.years)} years)"
    return f"{grant.table}.{grant.variable}{' as a link key' if grant.link_key else ''}{years}"


def _changed(subject: str, old: PolicyModel, new: PolicyModel) -> list[str]:
    names = [f.name for f in fields(new) if getattr(old, f.name) != getattr(new, f.name)]
    return [f"{subject} changes in {', '.join(names)}"] if names else []


def _named(
    what: str, before: Iterable[object], after: Iterable[object], key: str = "name", changes: Changes = _changed
) -> list[str]:
    """One sentence for each model that is added or removed, and those of `changes`. `key`: the field with its name."""
    old, new = ({str(getattr(model, key)): model for model in models} for models in (before, after))
    sentences = [f"{what} {name} is added" for name in sorted(new.keys() - old.keys())]
    sentences += [f"{what} {name} is removed" for name in sorted(old.keys() - new.keys())]
    for name in sorted(old.keys() & new.keys()):
        sentences += changes(f"{what} {name}", old[name], new[name])
    return sentences

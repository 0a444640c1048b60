"""Privacy policy files: promises to units, privacy profiles, data sets, and the budgets of projects."""

from dataclasses import replace
from pathlib import Path

from broker.domain.errors import Invalid
from broker.domain.ledger.privacy_loss import Accounting
from broker.domain.projects.project import ProjectBudget, ProtectionMode
from broker.policy.data_catalogue import Catalogue, CatalogueTable, PrivacyUnit, TableKind
from broker.policy.files.model_reader import PolicyFields, distinct, keys_of, read_model
from broker.policy.files.yaml_reader import LocatedValue, read_yaml
from broker.policy.privacy_policy import PrivacyDataset, PrivacyPolicy, PrivacyProfile, PrivacyPromise


def read_privacy(folder: Path, catalogue: Catalogue) -> PrivacyPolicy:
    """Promises, profiles and data sets. Without the folder nothing is promised, and no job can be private."""
    if not folder.is_dir():
        return PrivacyPolicy()
    found, path = load_promises_and_profiles(folder), folder / "datasets.yaml"
    return replace(found, datasets=_datasets(path, found, catalogue)) if path.is_file() else found


def load_promises_and_profiles(folder: Path) -> PrivacyPolicy:
    """Promises and profiles of `folder` (policies/privacy). Raises Invalid with code, sentence and file:line for the
    first error."""
    nodes = PolicyFields(read_yaml(folder / "promises.yaml"), ("promises",)).at("promises").items()
    found = [(_promise(node), node) for node in nodes]
    message = "There are two promises to the unit {0.unit}."
    promises = distinct(found, lambda promise: promise.unit, "duplicate-promise", message)
    return PrivacyPolicy(promises=promises, profiles=_privacy_profiles(folder / "profiles"))


def _promise(node: LocatedValue) -> PrivacyPromise:
    promise = read_model(PolicyFields(node, keys_of(PrivacyPromise)), PrivacyPromise)
    accounting, delta, stated = promise.accounting, promise.delta, promise.stated_delta
    # pure accounting has no delta, approximate accounting needs one, and zcdp may have one
    if (delta > 0) == (accounting is Accounting.PURE) and not (delta == 0 and accounting is Accounting.CONCENTRATED):
        raise node.wrong("policy-range", "A delta belongs to the accountings approximate and zcdp, not to pure.")
    if (stated > 0) != (accounting is Accounting.CONCENTRATED) or not (0 <= delta < 1 and 0 <= stated < 1):
        raise node.wrong("policy-range", "Accounting zcdp, and only that, needs a stated_delta between 0 and 1.")
    return promise


def _privacy_profiles(folder: Path) -> tuple[PrivacyProfile, ...]:
    files = [PolicyFields(read_yaml(path), keys_of(PrivacyProfile)) for path in sorted(folder.glob("*.yaml"))]
    if not files:
        raise Invalid("policy-file", "There is no privacy profile.", str(folder))
    found = [(_privacy_profile(mapping), mapping.at("name")) for mapping in files]
    message = "There are two privacy profiles {0.name!r}."
    return distinct(found, lambda profile: profile.name, "duplicate-profile", message)


def _privacy_profile(mapping: PolicyFields) -> PrivacyProfile:
    profile = read_model(
        mapping,
        PrivacyProfile,
        ("max_keys", "max_words"),
        other_spends=tuple(_positive_number(n) for n in mapping.at("other_spends").items()),
        curve_sizes=tuple(int(_positive_number(n)) for n in mapping.at("curve_sizes").items()),
    )
    if profile.max_raised < profile.max_automatic:
        raise mapping.wrong("max_raised", "policy-range", "max_raised is not less than max_automatic.")
    return profile


def _positive_number(node: LocatedValue) -> float:
    if isinstance(node.value, bool) or not isinstance(node.value, int | float) or node.value <= 0:
        raise node.wrong("policy-range", "This has to be a number above 0.")
    return float(node.value)


def _datasets(path: Path, privacy: PrivacyPolicy, catalogue: Catalogue) -> tuple[PrivacyDataset, ...]:
    nodes = PolicyFields(read_yaml(path), ("datasets",)).at("datasets").items()
    found = [(_dataset(node, privacy, catalogue), node) for node in nodes]
    return distinct(found, lambda one: one.table, "duplicate-dataset", "The data set {0.table} stands here twice.")


def _dataset(node: LocatedValue, privacy: PrivacyPolicy, catalogue: Catalogue) -> PrivacyDataset:
    mapping = PolicyFields(node, keys_of(PrivacyDataset))
    table = person_table(mapping, catalogue)
    # without a loss, the table has no cap of its own
    loss, delta = _loss_and_delta(mapping, str(table.unit), privacy) if mapping.has("loss") else (0.0, 0.0)
    return read_model(mapping, PrivacyDataset, table=table.full_name, loss=loss, delta=delta)


def read_budgets(mapping: PolicyFields, catalogue: Catalogue, privacy: PrivacyPolicy) -> tuple[ProjectBudget, ...]:
    """Budgets of a project. Each unit or table has one at most."""
    found = [(_budget(node, catalogue, privacy), node) for node in mapping.listed("budgets")]
    message = "There are two budgets of {0.table}{0.unit}."  # a budget has one of the two
    return distinct(found, lambda budget: budget.table or budget.unit, "duplicate-budget", message)


def _budget(node: LocatedValue, catalogue: Catalogue, privacy: PrivacyPolicy) -> ProjectBudget:
    mapping = PolicyFields(node, keys_of(ProjectBudget))
    if mapping.has("unit") == mapping.has("table"):
        raise node.wrong("budget-of", "A budget is of a unit or of a table: write one of the two.")
    if mapping.has("unit"):
        unit = mapping.value("unit", PrivacyUnit).value
        return ProjectBudget("", *_loss_and_delta(mapping, unit, privacy), unit)
    table = person_table(mapping, catalogue)
    return ProjectBudget(table.full_name, *_loss_and_delta(mapping, str(table.unit), privacy))


def granted_table(mapping: PolicyFields, catalogue: Catalogue) -> CatalogueTable:
    table = catalogue.find(mapping.text("table"))
    if table is None:
        raise mapping.wrong("table", "unknown-table", f"The catalogue has no table {mapping.text('table')!r}.")
    return table


def person_table(mapping: PolicyFields, catalogue: Catalogue) -> CatalogueTable:
    table = granted_table(mapping, catalogue)
    if table.kind is not TableKind.PERSON or table.unit is None:
        raise mapping.wrong("table", "no-unit", f"{table.full_name} is about no unit: it has no budget.")
    return table


def _loss_and_delta(mapping: PolicyFields, unit: str, privacy: PrivacyPolicy) -> tuple[float, float]:
    """Loss and delta of a budget: above 0, and not more than is promised. A missing delta is 0, because Laplace noise
    spends none."""
    promise = privacy.promise(unit)
    if promise is None:
        raise mapping.node.wrong("no-promise", f"Nothing is promised to the unit {unit}, so nothing can be allotted.")
    loss, delta = mapping.value("loss", float), mapping.value("delta", float, 0.0)
    if loss <= 0 or delta < 0:
        raise mapping.node.wrong("policy-range", "A budget needs a loss above 0 and a delta from 0 on.")
    if loss > promise.loss or delta > promise.delta:
        raise mapping.node.wrong("policy-range", f"This is more than the unit {unit} is promised to lose at most.")
    return loss, delta


def check_privacy_profile(mapping: PolicyFields, name: str, privacy: PrivacyPolicy, mode: ProtectionMode) -> None:
    """Check the privacy profile of a project. It is required if the project releases only under differential privacy,
    or has budgets."""
    if name and name not in {p.name for p in privacy.profiles}:
        raise mapping.wrong("privacy", "unknown-profile", f"There is no privacy profile {name!r}.")
    # without a profile, no job of the project could be private
    if not name and (mode is ProtectionMode.DIFFERENTIAL_PRIVACY or mapping.has("budgets")):
        raise mapping.node.wrong("missing-key", "A project that may be private names its privacy profile in 'privacy'.")
    if name and mode is ProtectionMode.DISCLOSURE_CONTROL:
        raise mapping.wrong("privacy", "mode", "A project under disclosure control alone has no privacy profile.")

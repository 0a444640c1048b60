"""Privacy policy files: promises to units, privacy profiles, data sets, and the budgets of projects."""

from dataclasses import fields, replace
from pathlib import Path

from broker.domain.errors import Invalid
from broker.domain.ledger.privacy_loss import Accounting
from broker.domain.projects.project import ProjectBudget, ProtectionMode
from broker.policy.data_catalogue import Catalogue, CatalogueTable, PrivacyUnit, TableKind
from broker.policy.files.yaml_reader import LocatedValue, PolicyFields, read_yaml
from broker.policy.privacy_policy import PrivacyDataset, PrivacyPolicy, PrivacyProfile, PrivacyPromise

PROMISE_KEYS = ("unit", "accounting", "loss", "delta", "stated_delta")
WHOLE_NUMBER_KEYS = (
    "max_cells", "max_influence", "max_work", "public_rows", "person_cells", "person_rows", "max_parts", "max_width",
    "quantile_points", "max_keys", "max_words",
)  # fmt: skip
SCRIPT_KEYS = ("least_blocks", "most_blocks", "most_answers", "block_candidates")


def load_promises_and_profiles(folder: Path) -> PrivacyPolicy:
    """Promises and profiles of `folder` (policies/privacy). Raises Invalid with code, sentence and file:line for the
    first error."""
    return PrivacyPolicy(
        promises=_promises(folder / "promises.yaml"),
        profiles=_privacy_profiles(folder / "profiles"),
    )


def _promises(path: Path) -> tuple[PrivacyPromise, ...]:
    found: dict[PrivacyUnit, PrivacyPromise] = {}
    for node in PolicyFields(read_yaml(path), ("promises",)).at("promises").items():
        promise = _promise(node)
        if promise.unit in found:
            raise node.wrong("duplicate-promise", f"There are two promises to the unit {promise.unit}.")
        found[promise.unit] = promise
    return tuple(found.values())


def _promise(node: LocatedValue) -> PrivacyPromise:
    mapping = PolicyFields(node, PROMISE_KEYS)
    accounting = mapping.choice("accounting", Accounting)
    delta, stated = (mapping.number(k) if mapping.has(k) else 0.0 for k in ("delta", "stated_delta"))
    # pure accounting has no delta, approximate accounting needs one, and zcdp may have one
    if (delta > 0) == (accounting is Accounting.PURE) and not (delta == 0 and accounting is Accounting.CONCENTRATED):
        raise node.wrong("policy-range", "A delta belongs to the accountings approximate and zcdp, not to pure.")
    if (stated > 0) != (accounting is Accounting.CONCENTRATED) or not (0 <= delta < 1 and 0 <= stated < 1):
        raise node.wrong("policy-range", "Accounting zcdp, and only that, needs a stated_delta between 0 and 1.")
    return PrivacyPromise(
        unit=mapping.choice("unit", PrivacyUnit),
        accounting=accounting,
        loss=_positive_field(mapping, "loss"),
        delta=delta,
        stated_delta=stated,
    )


def _privacy_profiles(folder: Path) -> tuple[PrivacyProfile, ...]:
    found: dict[str, PrivacyProfile] = {}
    for path in sorted(folder.glob("*.yaml")):
        mapping = PolicyFields(read_yaml(path), (f.name for f in fields(PrivacyProfile)))
        profile = _privacy_profile(mapping)
        if profile.name in found:
            raise mapping.wrong("name", "duplicate-profile", f"There are two privacy profiles {profile.name!r}.")
        found[profile.name] = profile
    if not found:
        raise Invalid("policy-file", "There is no privacy profile.", str(folder))
    return tuple(found.values())


def _privacy_profile(mapping: PolicyFields) -> PrivacyProfile:
    automatic, raised = _positive_field(mapping, "max_automatic"), _positive_field(mapping, "max_raised")
    if raised < automatic:
        raise mapping.wrong("max_raised", "policy-range", "max_raised is not less than max_automatic.")
    stated = (*WHOLE_NUMBER_KEYS, *(key for key in SCRIPT_KEYS if mapping.has(key)))
    whole = {key: mapping.whole(key, least=1) for key in stated}
    return PrivacyProfile(
        name=mapping.text("name"),
        source=mapping.text("source"),
        max_automatic=automatic,
        max_raised=raised,
        max_delta=_share(mapping, "max_delta", 0.0),
        display_floor=mapping.whole("display_floor"),
        level=_share(mapping, "level", 0.5),
        other_spends=tuple(_positive_number(n) for n in mapping.at("other_spends").items()),
        curve_sizes=tuple(int(_positive_number(n)) for n in mapping.at("curve_sizes").items()),
        **whole,
    )


def _positive_field(mapping: PolicyFields, key: str) -> float:
    value = mapping.number(key)
    if value <= 0:
        raise mapping.wrong(key, "policy-range", f"{key!r} has to be above 0.")
    return value


def _share(mapping: PolicyFields, key: str, least: float) -> float:
    value = mapping.number(key)
    if not least <= value < 1:
        raise mapping.wrong(key, "policy-range", f"{key!r} has to be at least {least} and under 1.")
    return value


def _positive_number(node: LocatedValue) -> float:
    if isinstance(node.value, bool) or not isinstance(node.value, int | float) or node.value <= 0:
        raise node.wrong("policy-range", "This has to be a number above 0.")
    return float(node.value)


DATASET_KEYS = ("table", "loss", "delta", "only_private")
BUDGET_KEYS = ("unit", "table", "loss", "delta")


def read_privacy(folder: Path, catalogue: Catalogue) -> PrivacyPolicy:
    """Promises, profiles and data sets. Without the folder nothing is promised, and no job can be private."""
    if not folder.is_dir():
        return PrivacyPolicy()
    found, path = load_promises_and_profiles(folder), folder / "datasets.yaml"
    return replace(found, datasets=_datasets(path, found, catalogue)) if path.is_file() else found


def _datasets(path: Path, privacy: PrivacyPolicy, catalogue: Catalogue) -> tuple[PrivacyDataset, ...]:
    found: dict[str, PrivacyDataset] = {}
    for node in PolicyFields(read_yaml(path), ("datasets",)).at("datasets").items():
        dataset = _dataset(PolicyFields(node, DATASET_KEYS), privacy, catalogue)
        if dataset.table in found:
            raise node.wrong("duplicate-dataset", f"The data set {dataset.table} stands here twice.")
        found[dataset.table] = dataset
    return tuple(found.values())


def _dataset(mapping: PolicyFields, privacy: PrivacyPolicy, catalogue: Catalogue) -> PrivacyDataset:
    table = person_table(mapping, catalogue)
    # without a loss, the table has no cap of its own
    loss, delta = _loss_and_delta(mapping, str(table.unit), privacy) if mapping.has("loss") else (0.0, 0.0)
    return PrivacyDataset(
        table=table.full_name, loss=loss, delta=delta, only_private=mapping.flag("only_private", False)
    )


def read_budgets(mapping: PolicyFields, catalogue: Catalogue, privacy: PrivacyPolicy) -> tuple[ProjectBudget, ...]:
    """Budgets of a project. Each unit or table has one at most."""
    found: dict[str, ProjectBudget] = {}
    for node in mapping.listed("budgets"):
        budget = _budget(node, catalogue, privacy)
        if (name := budget.table or budget.unit) in found:
            raise node.wrong("duplicate-budget", f"There are two budgets of {name}.")
        found[name] = budget
    return tuple(found.values())


def _budget(node: LocatedValue, catalogue: Catalogue, privacy: PrivacyPolicy) -> ProjectBudget:
    mapping = PolicyFields(node, BUDGET_KEYS)
    if mapping.has("unit") == mapping.has("table"):
        raise node.wrong("budget-of", "A budget is of a unit or of a table: write one of the two.")
    if mapping.has("unit"):
        unit = mapping.choice("unit", PrivacyUnit).value
        return ProjectBudget("", *_loss_and_delta(mapping, unit, privacy), unit)
    table = person_table(mapping, catalogue)
    return ProjectBudget(table.full_name, *_loss_and_delta(mapping, str(table.unit), privacy))


def person_table(mapping: PolicyFields, catalogue: Catalogue) -> CatalogueTable:
    table = catalogue.find(mapping.text("table"))
    if table is None:
        raise mapping.wrong("table", "unknown-table", f"The catalogue has no table {mapping.text('table')!r}.")
    if table.kind is not TableKind.PERSON or table.unit is None:
        raise mapping.wrong("table", "no-unit", f"{table.full_name} is about no unit: it has no budget.")
    return table


def _loss_and_delta(mapping: PolicyFields, unit: str, privacy: PrivacyPolicy) -> tuple[float, float]:
    """Loss and delta of a budget: above 0, and not more than is promised. A missing delta is 0, because Laplace noise
    spends none."""
    promise = privacy.promise(unit)
    if promise is None:
        raise mapping.node.wrong("no-promise", f"Nothing is promised to the unit {unit}, so nothing can be allotted.")
    loss, delta = mapping.number("loss"), mapping.number("delta") if mapping.has("delta") else 0.0
    if loss <= 0 or delta < 0:
        raise mapping.node.wrong("policy-range", "A budget needs a loss above 0 and a delta from 0 on.")
    if loss > promise.loss or delta > promise.delta:
        raise mapping.node.wrong("policy-range", f"This is more than the unit {unit} is promised to lose at most.")
    return loss, delta


def read_privacy_profile(mapping: PolicyFields, privacy: PrivacyPolicy, mode: ProtectionMode) -> str:
    """Privacy profile of a project. It is required if the project releases only under differential privacy, or has
    budgets."""
    name = mapping.text_or_none("privacy") or ""
    if name and name not in {p.name for p in privacy.profiles}:
        raise mapping.wrong("privacy", "unknown-profile", f"There is no privacy profile {name!r}.")
    # without a profile, no job of the project could be private
    if not name and (mode is ProtectionMode.DIFFERENTIAL_PRIVACY or mapping.has("budgets")):
        raise mapping.node.wrong("missing-key", "A project that may be private names its privacy profile in 'privacy'.")
    if name and mode is ProtectionMode.DISCLOSURE_CONTROL:
        raise mapping.wrong("privacy", "mode", "A project under disclosure control alone has no privacy profile.")
    return name

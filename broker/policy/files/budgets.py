"""Data sets and budgets from their files: what is allotted of each promise. What it comes to is computed elsewhere."""

from dataclasses import replace
from pathlib import Path

from broker.domain.projects import Budget, Mode
from broker.policy.catalogue import Catalogue
from broker.policy.files.fields import Fields
from broker.policy.files.privacy import load_privacy
from broker.policy.files.read import Located, read_yaml
from broker.policy.privacy import DataSet, PrivacyPolicies
from broker.policy.tables import Table, TableKind, Unit

DATASET_KEYS = ("table", "loss", "delta", "only_private")
BUDGET_KEYS = ("unit", "table", "loss", "delta")


def read_privacy(folder: Path, catalogue: Catalogue) -> PrivacyPolicies:
    """Promises, profiles and data sets. A set of policies without the folder promises nothing, and no job can be
    private under it."""
    if not folder.is_dir():
        return PrivacyPolicies()
    found, path = load_privacy(folder), folder / "datasets.yaml"
    return replace(found, datasets=_datasets(path, found, catalogue)) if path.is_file() else found


def _datasets(path: Path, privacy: PrivacyPolicies, catalogue: Catalogue) -> tuple[DataSet, ...]:
    found: dict[str, DataSet] = {}
    for node in Fields(read_yaml(path), ("datasets",)).at("datasets").items():
        dataset = _dataset(Fields(node, DATASET_KEYS), privacy, catalogue)
        if dataset.table in found:
            raise node.wrong("duplicate-dataset", f"The data set {dataset.table} stands here twice.")
        found[dataset.table] = dataset
    return tuple(found.values())


def _dataset(given: Fields, privacy: PrivacyPolicies, catalogue: Catalogue) -> DataSet:
    table = person_table(given, catalogue)
    loss, delta = _share(given, str(table.unit), privacy) if given.has("loss") else (0.0, 0.0)
    return DataSet(table=table.full_name, loss=loss, delta=delta, only_private=given.flag("only_private", False))


def read_budgets(given: Fields, catalogue: Catalogue, privacy: PrivacyPolicies) -> tuple[Budget, ...]:
    """What a project is allotted. A unit or a table has one budget."""
    found: dict[str, Budget] = {}
    for node in given.words("budgets"):
        budget = _budget(node, catalogue, privacy)
        if (name := budget.table or budget.unit) in found:
            raise node.wrong("duplicate-budget", f"There are two budgets of {name}.")
        found[name] = budget
    return tuple(found.values())


def _budget(node: Located, catalogue: Catalogue, privacy: PrivacyPolicies) -> Budget:
    given = Fields(node, BUDGET_KEYS)
    if given.has("unit") == given.has("table"):
        raise node.wrong("budget-of", "A budget is of a unit or of a table: write one of the two.")
    if given.has("unit"):
        unit = given.choice("unit", Unit).value
        return Budget("", *_share(given, unit, privacy), unit)
    table = person_table(given, catalogue)
    return Budget(table.full_name, *_share(given, str(table.unit), privacy))


def person_table(given: Fields, catalogue: Catalogue) -> Table:
    table = catalogue.find(given.text("table"))
    if table is None:
        raise given.wrong("table", "unknown-table", f"The catalogue has no table {given.text('table')!r}.")
    if table.kind is not TableKind.PERSON or table.unit is None:
        raise given.wrong("table", "no-unit", f"{table.full_name} is about no unit: it has no budget.")
    return table


def _share(given: Fields, unit: str, privacy: PrivacyPolicies) -> tuple[float, float]:
    """Loss and delta: something, and not more than is promised. No delta is 0, as Laplace noise spends none."""
    promise = privacy.promise(unit)
    if promise is None:
        raise given.node.wrong("no-promise", f"Nothing is promised to the unit {unit}, so nothing can be allotted.")
    loss, delta = given.number("loss"), given.number("delta") if given.has("delta") else 0.0
    if loss <= 0 or delta < 0:
        raise given.node.wrong("policy-range", "A budget needs a loss above 0 and a delta from 0 on.")
    if loss > promise.loss or delta > promise.delta:
        raise given.node.wrong("policy-range", f"This is more than the unit {unit} is promised to lose at most.")
    return loss, delta


def read_profile_of(given: Fields, privacy: PrivacyPolicies, mode: Mode) -> str:
    """The privacy profile of a project; needed by one that releases in no other way, and by one with budgets."""
    name = given.text_or_none("privacy") or ""
    if name and name not in {p.name for p in privacy.profiles}:
        raise given.wrong("privacy", "unknown-profile", f"There is no privacy profile {name!r}.")
    if not name and (mode is Mode.DIFFERENTIAL_PRIVACY or given.has("budgets")):
        raise given.node.wrong("missing-key", "A project that may be private names its privacy profile in 'privacy'.")
    if name and mode is Mode.DISCLOSURE_CONTROL:
        raise given.wrong("privacy", "mode", "A project under disclosure control alone has no privacy profile.")
    return name

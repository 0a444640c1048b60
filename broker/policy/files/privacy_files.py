"""Privacy policy files: promises to units, privacy profiles, data sets, and the budgets of projects."""

from dataclasses import replace
from functools import partial
from pathlib import Path

from broker.domain.model_reader import Readers, read_field, read_model, read_value
from broker.domain.projects.project import ProjectBudget
from broker.domain.stated_values import LocatedValue, Named
from broker.policy.data_catalogue import Catalogue, CatalogueTable, PrivacyUnit, TableKind
from broker.policy.files.yaml_reader import read_folder, read_yaml
from broker.policy.privacy_policy import PrivacyDataset, PrivacyPolicy


def read_privacy(folder: Path, catalogue: Catalogue) -> PrivacyPolicy:
    """Promises, profiles and data sets. Without the folder nothing is promised, and no job can be private."""
    if not folder.is_dir():
        return PrivacyPolicy()
    found, path = load_promises_and_profiles(folder), folder / "datasets.yaml"
    if not path.is_file():
        return found
    nodes = read_yaml(path).with_keys({"datasets"}).at("datasets")
    reader = partial(_dataset, privacy=found, catalogue=catalogue)
    return replace(found, datasets=read_field(nodes, PrivacyPolicy, "datasets", {PrivacyDataset: reader}))


def load_promises_and_profiles(folder: Path) -> PrivacyPolicy:
    """Promises and profiles of `folder` (policies/privacy). Raises Invalid with code, sentence and file:line for the
    first fault."""
    promises = read_yaml(folder / "promises.yaml").with_keys({"promises"}).at("promises")
    return read_model(
        LocatedValue({"promises": promises, "profiles": read_folder(folder / "profiles")}, str(folder)), PrivacyPolicy
    )


def _dataset(node: LocatedValue, privacy: PrivacyPolicy, catalogue: Catalogue) -> PrivacyDataset:
    found = read_model(node, PrivacyDataset, table_names(catalogue))
    if not node.has("loss"):  # the table has no cap of its own
        return replace(found, delta=0.0)
    _check_allotment(node, str(catalogue.table(found.table).unit), found, privacy)
    return found


def read_budget(node: LocatedValue, catalogue: Catalogue, privacy: PrivacyPolicy) -> ProjectBudget:
    """A budget of a project: of a unit or of a table."""
    if node.has("unit") == node.has("table"):
        raise node.wrong("budget-of", "A budget is of a unit or of a table: write one of the two.")
    known = {} if node.has("table") else {"table": ""}
    budget = read_model(node, ProjectBudget, table_names(catalogue), **known)
    unit = catalogue.table(budget.table).unit if budget.table else read_value(node.at("unit"), PrivacyUnit)
    _check_allotment(node, str(unit), budget, privacy)
    return budget


def table_names(catalogue: Catalogue) -> Readers:
    return {Named.PERSON_TABLE: lambda node: person_table(node, catalogue).full_name}


def named_table(node: LocatedValue, catalogue: Catalogue) -> CatalogueTable:
    table = catalogue.find(node.text())
    if table is None:
        raise node.wrong("unknown-table", f"The catalogue has no table {node.text()!r}.")
    return table


def person_table(node: LocatedValue, catalogue: Catalogue) -> CatalogueTable:
    table = named_table(node, catalogue)
    if table.kind is not TableKind.PERSON or table.unit is None:
        raise node.wrong("no-unit", f"{table.full_name} is about no unit: it has no budget.")
    return table


def _check_allotment(
    node: LocatedValue, unit: str, allotted: PrivacyDataset | ProjectBudget, privacy: PrivacyPolicy
) -> None:
    """Check loss and delta: above 0, and not more than is promised. A missing delta is 0, because Laplace noise spends
    none."""
    promise = privacy.promise(unit)
    if promise is None:
        raise node.wrong("no-promise", f"Nothing is promised to the unit {unit}, so nothing can be allotted.")
    if allotted.loss <= 0 or allotted.delta < 0:
        raise node.wrong("policy-range", "A budget needs a loss above 0 and a delta from 0 on.")
    if allotted.loss > promise.loss or allotted.delta > promise.delta:
        raise node.wrong("policy-range", f"This is more than the unit {unit} is promised to lose at most.")

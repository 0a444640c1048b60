"""Reads combination rules, and checks what they name against the catalogue."""

from functools import partial

from broker.domain.model_reader import read_model
from broker.domain.plans.variable_uses import VariableClass
from broker.domain.stated_values import LocatedValue, Named
from broker.policy.data_catalogue import Catalogue
from broker.policy.policy_set import CombinationRule


def read_combination(node: LocatedValue, catalogue: Catalogue) -> CombinationRule:
    rule = read_model(node, CombinationRule, {Named.COMBINATION_MEMBER: partial(_member, catalogue=catalogue)})
    for name in rule.replace:
        if not _is_variable(name, catalogue):
            raise node.at("replace").wrong("unknown-variable", f"No table has a variable {name!r}.", name)
    return rule


def _member(node: LocatedValue, catalogue: Catalogue) -> str:
    """One member of a side, in the spelling of the catalogue where that matters. Raises Invalid for unknown names."""
    kind, _, name = node.text().partition(":")
    match kind:
        case "class" if name in set(VariableClass):
            return node.text()
        case "table" if (table := catalogue.find(name)) is not None:
            return f"table:{table.full_name}"
        case "variable" if _is_variable(name, catalogue):
            return node.text()
    raise node.wrong("unknown-name", f"{node.text()!r} names nothing: write class:, table: or variable: and a name.")


def _is_variable(name: str, catalogue: Catalogue) -> bool:
    return any(table.find(name) for table in catalogue.tables)

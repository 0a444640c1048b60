"""The first demo project, for whose grants scope is checked, and uses of variables."""

from pathlib import Path

from broker.domain.plans.variable_uses import Usage, VariableUse
from broker.policy.files import load_policies

POLICIES = load_policies(Path(__file__).parents[3] / "policies")
(PROJECT,) = (p for p in POLICIES.projects if p.ident == "P0421")


def use(name: str, *years: int, how: tuple[Usage, ...] = (Usage.READ,), line: int = 1, column: int = 1) -> VariableUse:
    """Of these years; of all where none is given."""
    table, _, variable = name.rpartition(".")
    return VariableUse(table, variable, frozenset(years) or None, frozenset(how), line, column)

"""What several lines measure with: the demo's policies and its first project, and its catalogue as sqlglot's schema."""

from pathlib import Path

from broker.domain.projects.project import ResearchProject
from broker.policy.files import load_policies
from broker.policy.policy_set import PolicySet

Schema = dict[str, dict[str, dict[str, str]]]


def demo() -> tuple[PolicySet, ResearchProject]:
    policies = load_policies(Path("policies"))
    project = policies.project("P0421")
    if project is None:
        raise SystemExit("the demo project is gone")
    return policies, project


def schema_of(policies: PolicySet) -> Schema:
    """Variables with their types, by table and schema: what sqlglot qualifies names with."""
    schema: Schema = {}
    for table in policies.catalogue.tables:
        schema.setdefault(table.schema_name, {})[table.name] = {v.name: v.type.value for v in table.variables}
    return schema

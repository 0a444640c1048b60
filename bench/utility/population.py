"""A synthetic population, and queries judged on it as a rehearsal judges them: no service, no release history."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from broker.domain.findings import Assessment
from broker.domain.jobs.job import JobKind
from broker.domain.plans.plan import Plan
from broker.policy.files import load_policies
from broker.policy.policy_set import PolicySet
from broker.wiring.data_intake import synthetic_years
from broker.wiring.rehearsal_adapters import build_rehearsal_data
from broker.workflow.checking.submission_check import check_submission
from broker.workflow.rehearsal.query_rehearsal import rehearse_query
from broker.workflow.rehearsal.rehearsal_data import RehearsalData
from broker.workflow.rehearsal.synthetic_data import synthetic_data_spec

PROJECT, SEED = "P0421", 20261127
POLICIES = Path(__file__).resolve().parents[2] / "policies"
SHAPES = Path(__file__).with_name("shapes.sql")
HEADER = re.compile(r"^-- @@ (?P<name>[^|\n]+?) \| (?P<source>.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Shape:
    """A query of a published table, with whose statistics have such a one."""

    name: str
    source: str
    text: str


def shapes() -> Iterator[Shape]:
    written = SHAPES.read_text(encoding="utf-8")
    headers = list(HEADER.finditer(written))
    for header, end in zip(headers, [*(h.start() for h in headers[1:]), len(written)], strict=True):
        yield Shape(header["name"], header["source"], written[header.end() : end].strip())


@dataclass(frozen=True, slots=True)
class Population:
    """`folder`: with the snapshot and the vaults of the data."""

    policies: PolicySet
    data: RehearsalData
    folder: Path

    @property
    def t(self) -> int:
        project = self.policies.project(PROJECT)
        assert project is not None
        return self.policies.disclosure_rules(project.profile).t

    def judged(self, text: str, rules: str | None = None) -> tuple[Plan, tuple[Assessment, ...]]:
        """The plan of a text and what these disclosure rules, or those of the project, leave of its outputs. Raises
        ValueError with the refusals."""
        project = self.policies.project(PROJECT)
        assert project is not None
        project = replace(project, profile=rules or project.profile)
        checked = check_submission(text, JobKind.SQL, project.dialect, project, self.policies, datetime.now(UTC).date())
        if not checked.accepted or checked.plan is None:
            raise ValueError("; ".join(r.message for r in checked.refusals))
        context = self.data.context(checked, project, self.policies)
        return checked.plan, tuple(found.assessment for found in rehearse_query(context))


def population(pupils: int, folder: Path) -> Population:
    """So many synthetic pupils, made once in the folder."""
    policies = load_policies(POLICIES)
    project = policies.project(PROJECT)
    assert project is not None
    wanted = synthetic_data_spec(project, policies.catalogue, synthetic_years(), pupils, SEED)
    data = build_rehearsal_data(policies, PROJECT, wanted, folder, lambda what, done, total: None)
    return Population(policies, data, folder.resolve() / wanted.name)

"""What stands beside an output's evidence on a checker's page: rules, uses, thread, its submission."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from broker.disclosure.records.tried import Tried, rules_tried
from broker.domain.findings import Finding, Verdict
from broker.domain.messages import Message
from broker.domain.people import Person
from broker.domain.ports import Ports
from broker.domain.release_history import Source
from broker.domain.variables import Use
from broker.workflow.browse import explained
from broker.workflow.policies import policies_assessed
from broker.workflow.public_tables import named
from broker.workflow.relations import project_or_unknown
from broker.workflow.review import Look
from broker.workflow.reviewing.submission import Submitted, submitted_in
from broker.workflow.reviewing.thread import for_checker


@dataclass(frozen=True, slots=True)
class Context:
    """`rules` are those that the output was tried by: none for a script's file and for a private output. `published`
    are the names of the tables published elsewhere that its comparison speaks of, by their ids."""

    uses: tuple[Use, ...]
    rules: tuple[Tried, ...]
    profile: str
    thread: tuple[Message, ...]
    submitted: Submitted
    published: Mapping[str, str]


def context(ports: Ports, person: Person, look: Look, staff: Mapping[str, Any]) -> Context:
    """For whoever has just looked at the output: `look` is the permission, and is audited."""
    policies = policies_assessed(ports.store, look.job)
    profile = policies.profile(project_or_unknown(policies, look.job.submission.project).profile)
    judged = "rows" in staff and "privacy" not in staff
    found = [Finding(f["rule"], Verdict(f["verdict"]), "") for f in staff.get("findings", ())]
    return Context(
        uses=explained(ports, look.job)[1],
        rules=rules_tried(profile, found) if judged else (),
        profile=profile.name,
        thread=for_checker(ports, person, look.output),
        submitted=submitted_in(ports, person, look.job, look.relation),
        published=_published(ports, staff.get("memory") or {}),
    )


def _published(ports: Ports, told: Mapping[str, Any]) -> dict[str, str]:
    overlapping = [o["output"] for o in told.get("overlaps", ()) if o["source"] == Source.PUBLIC]
    return named(ports, [*overlapping, *told.get("numbers_only", ())])

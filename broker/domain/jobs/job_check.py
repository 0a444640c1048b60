"""What the check understood of a job's text, as it is stored beside the job, and its stored form."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from broker.domain.errors import Refusal, TextEdit
from broker.domain.plans.variable_uses import Usage, VariableUse


@dataclass(frozen=True, slots=True)
class CheckedOutput:
    """An output that the text names, and its key columns."""

    name: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class JobCheck:
    """The refusals and uses that its author was told of, and its outputs. `compiler`: the version of the broker's own
    text that understood it so; another version may understand it otherwise."""

    compiler: str
    refusals: tuple[Refusal, ...]
    uses: tuple[VariableUse, ...]
    outputs: tuple[CheckedOutput, ...]

    @property
    def tables(self) -> frozenset[str]:
        """The tables that the text reads."""
        return frozenset(use.table for use in self.uses)


def job_check_to_json(check: JobCheck) -> str:
    uses = [
        asdict(u) | {"years": None if u.years is None else sorted(u.years), "how": sorted(u.how)} for u in check.uses
    ]
    return json.dumps(asdict(check) | {"uses": uses})


def job_check_from_json(text: str) -> JobCheck:
    document: dict[str, Any] = json.loads(text)
    return JobCheck(
        document["compiler"],
        tuple(map(_refusal_from_json, document["refusals"])),
        tuple(map(_use_from_json, document["uses"])),
        tuple(CheckedOutput(o["name"], tuple(o["keys"])) for o in document["outputs"]),
    )


def _refusal_from_json(document: dict[str, Any]) -> Refusal:
    edit = document.get("edit")
    return Refusal(**document | {"edit": None if edit is None else TextEdit(**edit)})


def _use_from_json(document: dict[str, Any]) -> VariableUse:
    years, how = document["years"], frozenset(map(Usage, document["how"]))
    return VariableUse(**document | {"years": None if years is None else frozenset(years), "how": how})

"""The HTTP client of a running broker, for all roles. Raises the domain's errors."""

from collections.abc import Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import Any, cast

import httpx

from broker.client.api_answers import EvidenceAnswer, JobAnswer, SavedAnswer
from broker.client.connection import API_PREFIX, BrokerConnection, path_part
from broker.domain.errors import Forbidden, Unknown
from broker.domain.jobs.job import Submission
from broker.domain.jobs.reviews import VoteChoice
from broker.domain.signed_log import LogName


class AdministratorCalls(BrokerConnection):
    """Calls of administrators."""

    def policy_in_force(self) -> str:
        """Return the canonical JSON of the policy set in force."""
        return str(self._json("GET", f"{API_PREFIX}/policies/current")["content"])

    def apply_policy(self, fingerprint: str, content: str) -> str:
        """Apply a set that another administrator has proposed, or propose it. Returns "applied" or "proposed"."""
        try:
            self._send("POST", f"{API_PREFIX}/policies/{path_part(fingerprint)}/application")
        # Nobody has proposed this set yet.
        except Unknown:
            self._json("POST", f"{API_PREFIX}/policies", json={"content": content})
            return "proposed"
        except Forbidden as error:
            # This administrator proposed it before; a second one has to apply it.
            if error.code != "second-administrator":
                raise
            return "proposed"
        return "applied"

    def ledger(self) -> dict[str, Any]:
        """Return every account of the ledger."""
        return self._json("GET", f"{API_PREFIX}/ledger")

    def signed_head(self, log: LogName) -> dict[str, Any]:
        return self._json("GET", f"{API_PREFIX}/{log}/head")

    def restore_log(self, log: LogName, forgotten: dict[str, Any]) -> str:
        """Enter what a restored log lacks. Returns "asked", "entered", or "agreed" if a worker enters it."""
        return str(self._json("POST", f"{API_PREFIX}/{log}/reentries", json=forgotten)["state"])

    def attest_head(self, log: LogName, head: dict[str, Any]) -> str:
        """Attest an exported head as the last one. Returns "asked" or "taken"."""
        return str(self._json("POST", f"{API_PREFIX}/{log}/vouches", json=head)["state"])

    def caps(self, snapshot: str = "", search: str = "", page: int = 1) -> dict[str, Any]:
        """Return how much of the caps on exact figures is used, the fullest first."""
        return self._json(
            "GET", f"{API_PREFIX}/memory/caps", params={"snapshot": snapshot, "search": search, "page": page}
        )

    def public_tables(self) -> list[dict[str, Any]]:
        """Return the public tables, without recipes and figures."""
        return self._list("tables", f"{API_PREFIX}/public-tables")

    def public_table(self, ident: str) -> dict[str, Any]:
        return self._json("GET", f"{API_PREFIX}/public-tables/{path_part(ident)}")

    def add_public_table(self, given: dict[str, str]) -> dict[str, Any]:
        return self._json("POST", f"{API_PREFIX}/public-tables", json=given)

    def confirm_public_table(self, ident: str) -> None:
        self._send("POST", f"{API_PREFIX}/public-tables/{path_part(ident)}/confirmation")

    def withdraw_public_table(self, ident: str) -> None:
        self._send("POST", f"{API_PREFIX}/public-tables/{path_part(ident)}/withdrawal")


class CheckerCalls(BrokerConnection):
    """Calls of checkers."""

    def lookups(self) -> list[SavedAnswer]:
        """Return the lookups that wait for the caller's decision."""
        return self._list("saved", f"{API_PREFIX}/lookups")

    def lookup(self, ident: str) -> dict[str, Any]:
        return self._json("GET", f"{API_PREFIX}/lookups/{path_part(ident)}")

    def decide_lookup(self, ident: str, choice: str, reason: str) -> str:
        body = {"choice": choice, "reason": reason}
        return str(self._json("POST", f"{API_PREFIX}/lookups/{path_part(ident)}/decision", json=body)["state"])

    def inbox(self) -> list[dict[str, Any]]:
        return self._list("outputs", f"{API_PREFIX}/inbox")

    def evidence(self, output: str) -> EvidenceAnswer:
        return cast(EvidenceAnswer, self._json("GET", f"{API_PREFIX}/outputs/{path_part(output)}/evidence"))

    def staff_record(self, output: str) -> dict[str, Any]:
        return self._json("GET", f"{API_PREFIX}/outputs/{path_part(output)}/staff-record")

    def acro(self, job: str) -> dict[str, Any]:
        """Return a job's outputs for ACRO's viewer."""
        return self._json("GET", f"{API_PREFIX}/jobs/{path_part(job)}/acro")

    def vote(
        self,
        output: str,
        choice: VoteChoice | str,
        reason: str,
        seen: EvidenceAnswer,
        overrides: tuple[str, ...] = (),
        *,
        why: str = "",
        words: str = "",
        whys: Mapping[str, str] = MappingProxyType({}),
    ) -> str:
        """Vote on what was `seen` (an answer of `evidence`), and return the output's new state.

        `why` says for checkers why findings are set aside (`whys`: each of them); `words` is a message for the
        researchers.
        """
        body = {
            "choice": str(choice),
            "reason": reason,
            "staff_hash": seen["staff_hash"],
            "findings_hash": seen["findings_hash"],
            "memory_version": seen["memory_version"],
            "overrides": list(overrides),
            "why": why,
            "whys": dict(whys),
            "words": words,
        }
        return str(self._json("POST", f"{API_PREFIX}/outputs/{path_part(output)}/votes", json=body)["state"])

    def scripts_to_read(self) -> list[dict[str, Any]]:
        """Return the scripts that ran on real data and that nobody has read, oldest first."""
        return self._list("jobs", f"{API_PREFIX}/failures")

    def printed(self, job: str) -> bytes:
        """Return what a script printed on real data."""
        return self._send("GET", f"{API_PREFIX}/jobs/{path_part(job)}/failure").content

    def read_script(self, job: str) -> None:
        self._send("POST", f"{API_PREFIX}/jobs/{path_part(job)}/read")

    def report_script_failure(self, job: str, reason: str) -> None:
        self._send("POST", f"{API_PREFIX}/jobs/{path_part(job)}/failure", json={"reason": reason})

    def recall(self, output: str, reason: str) -> None:
        self._send("POST", f"{API_PREFIX}/outputs/{path_part(output)}/recall", json={"reason": reason})


class ResearcherCalls(BrokerConnection):
    """Calls of researchers."""

    def me(self) -> dict[str, Any]:
        return self._json("GET", f"{API_PREFIX}/me")

    def projects(self) -> list[dict[str, Any]]:
        return self._list("projects", f"{API_PREFIX}/projects")

    def check(self, project: str, kind: str, text: str, dialect: str = "") -> dict[str, Any]:
        body = {"project": project, "kind": kind, "text": text, "dialect": dialect}
        return self._json("POST", f"{API_PREFIX}/checks", json=body)

    def submit(self, submission: Submission) -> JobAnswer:
        """Return the new job, or the one that this client id made before. A refused job has `refusals`."""
        descriptions = [{"output": name, "text": text} for name, text in submission.descriptions]
        body = asdict(submission) | {"descriptions": descriptions}
        return cast(JobAnswer, self._json("POST", f"{API_PREFIX}/submissions", json=body))

    def job(self, ident: str) -> JobAnswer:
        return cast(JobAnswer, self._json("GET", f"{API_PREFIX}/jobs/{path_part(ident)}"))

    def jobs(self, project: str | None = None, after: str | None = None, limit: int = 50) -> list[JobAnswer]:
        params = {"project": project, "after": after, "limit": limit}
        return self._list("jobs", f"{API_PREFIX}/jobs", params={k: v for k, v in params.items() if v is not None})

    def withdraw(self, job: str) -> None:
        self._send("POST", f"{API_PREFIX}/jobs/{path_part(job)}/withdrawal")

    def download(self, output: str) -> bytes:
        return self._send("GET", f"{API_PREFIX}/outputs/{path_part(output)}/content").content

    def record(self, output: str) -> bytes:
        """Return the record of a released output. The manifest has the hash of these bytes."""
        return self._send("GET", f"{API_PREFIX}/outputs/{path_part(output)}/record").content

    def manifest(self, job: str) -> dict[str, Any]:
        return self._json("GET", f"{API_PREFIX}/jobs/{path_part(job)}/manifest")

    def saved(self, project: str) -> list[SavedAnswer]:
        """Return what a project has saved and proposed."""
        return self._list("saved", f"{API_PREFIX}/projects/{path_part(project)}/saved")

    def propose_lookup(self, project: str, name: str, about: str, text: str) -> SavedAnswer:
        """Propose a CSV text as the lookup `project.name`."""
        body = {"name": name, "about": about, "text": text}
        return cast(SavedAnswer, self._json("POST", f"{API_PREFIX}/projects/{path_part(project)}/saved", json=body))

    def drop_saved(self, project: str, name: str) -> None:
        self._send("DELETE", f"{API_PREFIX}/projects/{path_part(project)}/saved/{path_part(name)}")

    def budget(self, project: str) -> dict[str, Any]:
        """Return what the project may spend of each person's privacy, with its history."""
        return self._json("GET", f"{API_PREFIX}/projects/{path_part(project)}/budget")


class BrokerClient(ResearcherCalls, CheckerCalls, AdministratorCalls):
    """All calls for one person. The broker decides which of them this person may use."""

    def register(self) -> list[dict[str, Any]]:
        return self._list("releases", "/register.json")

    def ready(self) -> bool:
        """Whether the broker, its store and its queue answer."""
        try:
            return self._http.get("/readyz").status_code == 200
        except httpx.HTTPError:
            return False

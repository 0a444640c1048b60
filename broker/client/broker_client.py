"""The HTTP client of a running broker, for all roles. Raises the domain's errors."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, cast

import httpx

from broker.client.api_answers import (
    AcroAnswer,
    EvidenceAnswer,
    InboxAnswer,
    JobAnswer,
    LookupAnswer,
    ReleaseAnswer,
    SavedAnswer,
    ScriptAnswer,
)
from broker.client.connection import API_PREFIX, BrokerConnection, path_part
from broker.domain.errors import Forbidden, Unknown
from broker.domain.jobs.job import Submission
from broker.domain.jobs.reviews import VoteChoice


class AdministratorCalls(BrokerConnection):
    """Calls of administrators."""

    def stop(self, job: str) -> None:
        self._send("POST", f"{API_PREFIX}/jobs/{path_part(job)}/stop")

    def put_person(self, ident: str, name: str, roles: list[str], active: bool = True) -> None:
        """Make or change an account."""
        self._send(
            "PUT", f"{API_PREFIX}/people/{path_part(ident)}", json={"name": name, "roles": roles, "active": active}
        )

    def policy_in_force(self) -> str:
        """The canonical JSON of the policy set in force."""
        return str(self._json("GET", f"{API_PREFIX}/policies/current")["content"])

    def apply_policy(self, fingerprint: str, content: str) -> str:
        """Apply a set that another administrator has proposed, or propose it: "applied" or "proposed"."""
        try:
            self._send("POST", f"{API_PREFIX}/policies/{path_part(fingerprint)}/application")
        except Unknown:
            self._json("POST", f"{API_PREFIX}/policies", json={"content": content})
            return "proposed"
        except Forbidden as error:
            if error.code != "second-administrator":
                raise
            return "proposed"
        return "applied"

    def audit(self, first: int = 1, limit: int = 200) -> list[dict[str, Any]]:
        found = self._json("GET", f"{API_PREFIX}/audit", params={"first": first, "limit": limit})
        return cast(list[dict[str, Any]], found["lines"])

    def ledger(self) -> dict[str, Any]:
        """Every account of the ledger."""
        return self._json("GET", f"{API_PREFIX}/ledger")

    def account_history(self, unit: str, project: str = "", dataset: str = "") -> list[dict[str, Any]]:
        params = {"unit": unit, "project": project, "dataset": dataset}
        return cast(list[dict[str, Any]], self._json("GET", f"{API_PREFIX}/ledger/history", params=params)["history"])

    def verify_ledger(self, head: dict[str, Any] | None = None) -> dict[str, Any]:
        """Whether the ledger holds, and holds a head that was exported."""
        return self._json("GET", f"{API_PREFIX}/ledger/verification", params=head or {})

    def ledger_head(self) -> dict[str, Any]:
        return self._json("GET", f"{API_PREFIX}/ledger/head")

    def restore_ledger(self, forgotten: dict[str, Any]) -> str:
        """Enter what a restored ledger forgot: "asked" or "entered"."""
        return str(self._json("POST", f"{API_PREFIX}/ledger/reentries", json=forgotten)["state"])

    def attest_ledger(self, head: dict[str, Any]) -> str:
        """Take an exported head for the last one: "asked" or "taken"."""
        return str(self._json("POST", f"{API_PREFIX}/ledger/vouches", json=head)["state"])

    def caps(self, snapshot: str = "", search: str = "", page: int = 1) -> dict[str, Any]:
        """How full the caps on exact figures are, the fullest first."""
        return self._json(
            "GET", f"{API_PREFIX}/memory/caps", params={"snapshot": snapshot, "search": search, "page": page}
        )

    def memory_head(self) -> dict[str, Any]:
        return self._json("GET", f"{API_PREFIX}/memory/head")

    def restore_history(self, forgotten: dict[str, Any]) -> str:
        """Have a worker enter what a restored memory forgot: "asked" or "agreed"."""
        return str(self._json("POST", f"{API_PREFIX}/memory/reentries", json=forgotten)["state"])

    def attest_history(self, head: dict[str, Any]) -> str:
        """Take an exported head of the memory for the last one: "asked" or "taken"."""
        return str(self._json("POST", f"{API_PREFIX}/memory/vouches", json=head)["state"])

    def public_tables(self) -> list[dict[str, Any]]:
        """Tables that were published elsewhere, without recipes and figures."""
        return cast(list[dict[str, Any]], self._json("GET", f"{API_PREFIX}/public-tables")["tables"])

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
        """Lookups that wait for the caller's decision."""
        return cast(list[SavedAnswer], self._json("GET", f"{API_PREFIX}/lookups")["saved"])

    def lookup(self, ident: str) -> LookupAnswer:
        return cast(LookupAnswer, self._json("GET", f"{API_PREFIX}/lookups/{path_part(ident)}"))

    def decide_lookup(self, ident: str, choice: str, reason: str) -> str:
        body = {"choice": choice, "reason": reason}
        return str(self._json("POST", f"{API_PREFIX}/lookups/{path_part(ident)}/decision", json=body)["state"])

    def inbox(self) -> list[InboxAnswer]:
        return cast(list[InboxAnswer], self._json("GET", f"{API_PREFIX}/inbox")["outputs"])

    def evidence(self, output: str) -> EvidenceAnswer:
        return cast(EvidenceAnswer, self._json("GET", f"{API_PREFIX}/outputs/{path_part(output)}/evidence"))

    def staff_record(self, output: str) -> dict[str, Any]:
        return self._json("GET", f"{API_PREFIX}/outputs/{path_part(output)}/staff-record")

    def acro(self, job: str) -> AcroAnswer:
        """A job's outputs for ACRO's viewer."""
        return cast(AcroAnswer, self._json("GET", f"{API_PREFIX}/jobs/{path_part(job)}/acro"))

    def claim(self, output: str, take: bool = True) -> None:
        self._send("PUT" if take else "DELETE", f"{API_PREFIX}/outputs/{path_part(output)}/claim")

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
        """Vote on what was `seen` (an answer of `look`); gives the output's state after the vote. `why` findings are
        set aside (`whys`: each of them) is for checkers, `words` are for the researchers."""
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

    def scripts_to_read(self) -> list[ScriptAnswer]:
        """Scripts that ran on real data and that nobody has read, oldest first."""
        return cast(list[ScriptAnswer], self._json("GET", f"{API_PREFIX}/failures")["jobs"])

    def printed(self, job: str) -> bytes:
        """What a script printed on real data."""
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
        return cast(list[dict[str, Any]], self._json("GET", f"{API_PREFIX}/projects")["projects"])

    def catalogue(self, words: str = "", limit: int = 200) -> list[dict[str, Any]]:
        found = self._json("GET", f"{API_PREFIX}/catalogue", params={"q": words, "limit": limit})
        return cast(list[dict[str, Any]], found["variables"])

    def check(self, project: str, kind: str, text: str, dialect: str = "") -> dict[str, Any]:
        body = {"project": project, "kind": kind, "text": text, "dialect": dialect}
        return self._json("POST", f"{API_PREFIX}/checks", json=body)

    def submit(self, submission: Submission) -> JobAnswer:
        """The new job, or the one that this client id made before. A refused job carries `refusals`."""
        body = {
            "project": submission.project,
            "kind": submission.kind.value,
            "dialect": submission.dialect,
            "text": submission.text,
            "title": submission.title,
            "purpose": submission.purpose,
            "descriptions": [{"output": name, "text": text} for name, text in submission.descriptions],
            "client_id": submission.client_id,
            "replaces": submission.replaces,
        }
        return cast(JobAnswer, self._json("POST", f"{API_PREFIX}/submissions", json=body))

    def job(self, ident: str) -> JobAnswer:
        return cast(JobAnswer, self._json("GET", f"{API_PREFIX}/jobs/{path_part(ident)}"))

    def jobs(self, project: str | None = None, after: str | None = None, limit: int = 50) -> list[JobAnswer]:
        params = {"project": project, "after": after, "limit": limit}
        found = self._json("GET", f"{API_PREFIX}/jobs", params={k: v for k, v in params.items() if v is not None})
        return cast(list[JobAnswer], found["jobs"])

    def outputs(self, job: str) -> list[dict[str, Any]]:
        """What the caller may know of a job's outputs."""
        return cast(list[dict[str, Any]], self.job(job)["outputs"])

    def withdraw(self, job: str) -> None:
        self._send("POST", f"{API_PREFIX}/jobs/{path_part(job)}/withdrawal")

    def download(self, output: str) -> bytes:
        return self._send("GET", f"{API_PREFIX}/outputs/{path_part(output)}/content").content

    def record(self, output: str) -> bytes:
        """The record that goes with a released output, as it is hashed in the manifest."""
        return self._send("GET", f"{API_PREFIX}/outputs/{path_part(output)}/record").content

    def manifest(self, job: str) -> dict[str, Any]:
        return self._json("GET", f"{API_PREFIX}/jobs/{path_part(job)}/manifest")

    def saved(self, project: str) -> list[SavedAnswer]:
        """What a project keeps and has asked for."""
        return cast(list[SavedAnswer], self._json("GET", f"{API_PREFIX}/projects/{path_part(project)}/saved")["saved"])

    def propose_lookup(self, project: str, name: str, about: str, text: str) -> SavedAnswer:
        """Ask for a CSV to be kept as `project.name`."""
        body = {"name": name, "about": about, "text": text}
        return cast(SavedAnswer, self._json("POST", f"{API_PREFIX}/projects/{path_part(project)}/saved", json=body))

    def drop_saved(self, project: str, name: str) -> None:
        self._send("DELETE", f"{API_PREFIX}/projects/{path_part(project)}/saved/{path_part(name)}")

    def budget(self, project: str) -> dict[str, Any]:
        """What the project may spend of each person's privacy, with its history."""
        return self._json("GET", f"{API_PREFIX}/projects/{path_part(project)}/budget")


class BrokerClient(ResearcherCalls, CheckerCalls, AdministratorCalls):
    """One person's hand on a broker: the broker decides which of the calls are theirs."""

    def register(self) -> list[ReleaseAnswer]:
        return cast(list[ReleaseAnswer], self._json("GET", "/register.json")["releases"])

    def ready(self) -> bool:
        """Whether the broker and what it needs answer."""
        try:
            return self._http.get("/readyz").status_code == 200
        except httpx.HTTPError:
            return False

"""The HTTP client of a running broker, for the command line, the demo and tests. Raises the domain's errors."""

from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import quote

import httpx

from broker.client.answers import (
    AcroAnswer,
    InboxAnswer,
    JobAnswer,
    LookAnswer,
    LookupAnswer,
    ReleaseAnswer,
    SavedAnswer,
)
from broker.client.errors import error_of
from broker.domain.errors import Forbidden, Invalid, Unavailable, Unknown
from broker.domain.jobs import Submission
from broker.domain.reviews import Choice

API = "/api/v1"
SECONDS = 30.0


class BrokerClient:
    """One person's hand on a broker at `url`. `transport` is for tests: it takes the place of the network."""

    def __init__(self, url: str, token: str = "", transport: httpx.BaseTransport | None = None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if not url.startswith(("http://", "https://")):
            raise Invalid("url", "The broker's address must begin with http:// or https://.", "BROKER_URL")
        try:
            self._http = httpx.Client(
                base_url=url, headers=headers, timeout=SECONDS, transport=transport, trust_env=False
            )
        except (httpx.InvalidURL, UnicodeEncodeError) as error:
            raise Invalid("url", "The broker's address or the token cannot be used.", "BROKER_URL") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    # researchers

    def me(self) -> dict[str, Any]:
        return self._json("GET", f"{API}/me")

    def projects(self) -> list[dict[str, Any]]:
        return cast(list[dict[str, Any]], self._json("GET", f"{API}/projects")["projects"])

    def catalogue(self, words: str = "", limit: int = 200) -> list[dict[str, Any]]:
        found = self._json("GET", f"{API}/catalogue", params={"q": words, "limit": limit})
        return cast(list[dict[str, Any]], found["variables"])

    def check(self, project: str, kind: str, text: str, dialect: str = "") -> dict[str, Any]:
        body = {"project": project, "kind": kind, "text": text, "dialect": dialect}
        return self._json("POST", f"{API}/checks", json=body)

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
        return cast(JobAnswer, self._json("POST", f"{API}/submissions", json=body))

    def job(self, ident: str) -> JobAnswer:
        return cast(JobAnswer, self._json("GET", f"{API}/jobs/{_part(ident)}"))

    def jobs(self, project: str | None = None, after: str | None = None, limit: int = 50) -> list[JobAnswer]:
        params = {"project": project, "after": after, "limit": limit}
        found = self._json("GET", f"{API}/jobs", params={k: v for k, v in params.items() if v is not None})
        return cast(list[JobAnswer], found["jobs"])

    def outputs(self, job: str) -> list[dict[str, Any]]:
        """What the caller may know of a job's outputs."""
        return cast(list[dict[str, Any]], self.job(job)["outputs"])

    def withdraw(self, job: str) -> None:
        self._send("POST", f"{API}/jobs/{_part(job)}/withdrawal")

    def download(self, output: str) -> bytes:
        return self._send("GET", f"{API}/outputs/{_part(output)}/content").content

    def record(self, output: str) -> bytes:
        """The record that goes with a released output, as it is hashed in the manifest."""
        return self._send("GET", f"{API}/outputs/{_part(output)}/record").content

    def manifest(self, job: str) -> dict[str, Any]:
        return self._json("GET", f"{API}/jobs/{_part(job)}/manifest")

    def saved(self, project: str) -> list[SavedAnswer]:
        """What a project keeps and has asked for."""
        return cast(list[SavedAnswer], self._json("GET", f"{API}/projects/{_part(project)}/saved")["saved"])

    def propose_lookup(self, project: str, name: str, about: str, text: str) -> SavedAnswer:
        """Ask for a CSV to be kept as `project.name`."""
        body = {"name": name, "about": about, "text": text}
        return cast(SavedAnswer, self._json("POST", f"{API}/projects/{_part(project)}/saved", json=body))

    def drop_saved(self, project: str, name: str) -> None:
        self._send("DELETE", f"{API}/projects/{_part(project)}/saved/{_part(name)}")

    def budget(self, project: str) -> dict[str, Any]:
        """What the project may spend of each person's privacy, with its history."""
        return self._json("GET", f"{API}/projects/{_part(project)}/budget")

    # checkers

    def lookups(self) -> list[SavedAnswer]:
        """Lookups that wait for the caller's decision."""
        return cast(list[SavedAnswer], self._json("GET", f"{API}/lookups")["saved"])

    def lookup(self, ident: str) -> LookupAnswer:
        return cast(LookupAnswer, self._json("GET", f"{API}/lookups/{_part(ident)}"))

    def decide_lookup(self, ident: str, choice: str, reason: str) -> str:
        body = {"choice": choice, "reason": reason}
        return str(self._json("POST", f"{API}/lookups/{_part(ident)}/decision", json=body)["state"])

    def inbox(self) -> list[InboxAnswer]:
        return cast(list[InboxAnswer], self._json("GET", f"{API}/inbox")["outputs"])

    def look(self, output: str) -> LookAnswer:
        return cast(LookAnswer, self._json("GET", f"{API}/outputs/{_part(output)}/evidence"))

    def staff_record(self, output: str) -> dict[str, Any]:
        return self._json("GET", f"{API}/outputs/{_part(output)}/staff-record")

    def acro(self, job: str) -> AcroAnswer:
        """A job's outputs for ACRO's viewer."""
        return cast(AcroAnswer, self._json("GET", f"{API}/jobs/{_part(job)}/acro"))

    def claim(self, output: str, take: bool = True) -> None:
        self._send("PUT" if take else "DELETE", f"{API}/outputs/{_part(output)}/claim")

    def vote(
        self,
        output: str,
        choice: Choice | str,
        reason: str,
        seen: LookAnswer,
        overrides: tuple[str, ...] = (),
        *,
        why: str = "",
        words: str = "",
    ) -> str:
        """Vote on what was `seen` (an answer of `look`); gives the output's state after the vote. `why` findings are
        set aside is for checkers, `words` are for the researchers."""
        body = {
            "choice": str(choice),
            "reason": reason,
            "staff_hash": seen["staff_hash"],
            "findings_hash": seen["findings_hash"],
            "memory_version": seen["memory_version"],
            "overrides": list(overrides),
            "why": why,
            "words": words,
        }
        return str(self._json("POST", f"{API}/outputs/{_part(output)}/votes", json=body)["state"])

    def recall(self, output: str, reason: str) -> None:
        self._send("POST", f"{API}/outputs/{_part(output)}/recall", json={"reason": reason})

    # administrators

    def stop(self, job: str) -> None:
        self._send("POST", f"{API}/jobs/{_part(job)}/stop")

    def put_person(self, ident: str, name: str, roles: list[str], active: bool = True) -> None:
        """Make or change an account."""
        self._send("PUT", f"{API}/people/{_part(ident)}", json={"name": name, "roles": roles, "active": active})

    def policy_in_force(self) -> str:
        """The canonical JSON of the policy set in force."""
        return str(self._json("GET", f"{API}/policies/current")["content"])

    def apply_policy(self, fingerprint: str, content: str) -> str:
        """Apply a set that another administrator has proposed, or propose it: "applied" or "proposed"."""
        try:
            self._send("POST", f"{API}/policies/{_part(fingerprint)}/application")
        except Unknown:
            self._json("POST", f"{API}/policies", json={"content": content})
            return "proposed"
        except Forbidden as error:
            if error.code != "second-administrator":
                raise
            return "proposed"
        return "applied"

    def audit(self, first: int = 1, limit: int = 200) -> list[dict[str, Any]]:
        found = self._json("GET", f"{API}/audit", params={"first": first, "limit": limit})
        return cast(list[dict[str, Any]], found["lines"])

    def ledger(self) -> dict[str, Any]:
        """Every account of the ledger."""
        return self._json("GET", f"{API}/ledger")

    def account_history(self, unit: str, project: str = "", dataset: str = "") -> list[dict[str, Any]]:
        params = {"unit": unit, "project": project, "dataset": dataset}
        return cast(list[dict[str, Any]], self._json("GET", f"{API}/ledger/history", params=params)["history"])

    def verify_ledger(self, head: dict[str, Any] | None = None) -> dict[str, Any]:
        """Whether the ledger holds, and holds a head that was exported."""
        return self._json("GET", f"{API}/ledger/verification", params=head or {})

    def ledger_head(self) -> dict[str, Any]:
        return self._json("GET", f"{API}/ledger/head")

    def reenter(self, forgotten: dict[str, Any]) -> str:
        """Enter what a restored ledger forgot: "asked" or "entered"."""
        return str(self._json("POST", f"{API}/ledger/reentries", json=forgotten)["state"])

    def vouch(self, head: dict[str, Any]) -> str:
        """Take an exported head for the last one: "asked" or "taken"."""
        return str(self._json("POST", f"{API}/ledger/vouches", json=head)["state"])

    def caps(self, snapshot: str = "", search: str = "", page: int = 1) -> dict[str, Any]:
        """How full the caps on exact figures are, the fullest first."""
        return self._json("GET", f"{API}/memory/caps", params={"snapshot": snapshot, "search": search, "page": page})

    def memory_head(self) -> dict[str, Any]:
        return self._json("GET", f"{API}/memory/head")

    def reenter_memory(self, forgotten: dict[str, Any]) -> str:
        """Have a worker enter what a restored memory forgot: "asked" or "agreed"."""
        return str(self._json("POST", f"{API}/memory/reentries", json=forgotten)["state"])

    def vouch_memory(self, head: dict[str, Any]) -> str:
        """Take an exported head of the memory for the last one: "asked" or "taken"."""
        return str(self._json("POST", f"{API}/memory/vouches", json=head)["state"])

    def public_tables(self) -> list[dict[str, Any]]:
        """Tables that were published elsewhere, without recipes and figures."""
        return cast(list[dict[str, Any]], self._json("GET", f"{API}/public-tables")["tables"])

    def public_table(self, ident: str) -> dict[str, Any]:
        return self._json("GET", f"{API}/public-tables/{_part(ident)}")

    def add_public_table(self, given: dict[str, str]) -> dict[str, Any]:
        return self._json("POST", f"{API}/public-tables", json=given)

    def confirm_public_table(self, ident: str) -> None:
        self._send("POST", f"{API}/public-tables/{_part(ident)}/confirmation")

    def withdraw_public_table(self, ident: str) -> None:
        self._send("POST", f"{API}/public-tables/{_part(ident)}/withdrawal")

    # everybody

    def register(self) -> list[ReleaseAnswer]:
        return cast(list[ReleaseAnswer], self._json("GET", "/register.json")["releases"])

    def ready(self) -> bool:
        """Whether the broker and what it needs answer."""
        try:
            return self._http.get("/readyz").status_code == 200
        except httpx.HTTPError:
            return False

    def _json(self, method: str, path: str, **sent: Any) -> dict[str, Any]:
        try:
            found = self._send(method, path, **sent).json()
        except ValueError as error:
            raise Unavailable("The server's answer is not JSON: is BROKER_URL a broker?") from error
        if not isinstance(found, dict):
            raise Unavailable("The server's answer is not a broker's.")
        return found

    def _send(self, method: str, path: str, **sent: Any) -> httpx.Response:
        try:
            response = self._http.request(method, path, **sent)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            where, what = self._http.base_url, type(error).__name__
            start = "Start it with `make demo` or `broker serve`, or set BROKER_URL."
            raise Unavailable(f"The broker at {where} does not answer ({what}). {start}") from error
        if response.status_code >= 400:
            raise error_of(response)
        return response


def _part(ident: str) -> str:
    """An id as one part of a path, whatever is in it."""
    return quote(ident, safe="")

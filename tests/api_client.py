"""The client with calls that only tests and proofs make."""

from typing import Any, cast

from broker.client import BrokerClient
from broker.client.connection import API_PREFIX, path_part


class ApiClient(BrokerClient):
    """The broker's client, with more of the API."""

    def stop(self, job: str) -> None:
        self._send("POST", f"{API_PREFIX}/jobs/{path_part(job)}/stop")

    def put_person(self, ident: str, name: str, roles: list[str], active: bool = True) -> None:
        """Create or change an account."""
        self._send(
            "PUT", f"{API_PREFIX}/people/{path_part(ident)}", json={"name": name, "roles": roles, "active": active}
        )

    def audit(self, first: int = 1, limit: int = 200) -> list[dict[str, Any]]:
        return self._list("lines", f"{API_PREFIX}/audit", params={"first": first, "limit": limit})

    def account_history(self, unit: str, project: str = "", dataset: str = "") -> list[dict[str, Any]]:
        params = {"unit": unit, "project": project, "dataset": dataset}
        return self._list("history", f"{API_PREFIX}/ledger/history", params=params)

    def verify_ledger(self, head: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return whether the ledger holds, and has an exported head."""
        return self._json("GET", f"{API_PREFIX}/ledger/verification", params=head or {})

    def claim(self, output: str, take: bool = True) -> None:
        self._send("PUT" if take else "DELETE", f"{API_PREFIX}/outputs/{path_part(output)}/claim")

    def catalogue(self, words: str = "", limit: int = 200) -> list[dict[str, Any]]:
        return self._list("variables", f"{API_PREFIX}/catalogue", params={"q": words, "limit": limit})

    def outputs(self, job: str) -> list[dict[str, Any]]:
        """Return what the caller may know of a job's outputs."""
        return cast(list[dict[str, Any]], self.job(job)["outputs"])

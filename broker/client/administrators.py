"""What administrators ask a broker for: people, policies, the audit log, ledger and memory."""

from typing import Any, cast

from broker.client.calls import API, Calls, part
from broker.domain.errors import Forbidden, Unknown


class ForAdministrators(Calls):
    """Calls of administrators."""

    def stop(self, job: str) -> None:
        self._send("POST", f"{API}/jobs/{part(job)}/stop")

    def put_person(self, ident: str, name: str, roles: list[str], active: bool = True) -> None:
        """Make or change an account."""
        self._send("PUT", f"{API}/people/{part(ident)}", json={"name": name, "roles": roles, "active": active})

    def policy_in_force(self) -> str:
        """The canonical JSON of the policy set in force."""
        return str(self._json("GET", f"{API}/policies/current")["content"])

    def apply_policy(self, fingerprint: str, content: str) -> str:
        """Apply a set that another administrator has proposed, or propose it: "applied" or "proposed"."""
        try:
            self._send("POST", f"{API}/policies/{part(fingerprint)}/application")
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
        return self._json("GET", f"{API}/public-tables/{part(ident)}")

    def add_public_table(self, given: dict[str, str]) -> dict[str, Any]:
        return self._json("POST", f"{API}/public-tables", json=given)

    def confirm_public_table(self, ident: str) -> None:
        self._send("POST", f"{API}/public-tables/{part(ident)}/confirmation")

    def withdraw_public_table(self, ident: str) -> None:
        self._send("POST", f"{API}/public-tables/{part(ident)}/withdrawal")

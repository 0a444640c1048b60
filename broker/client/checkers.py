"""What checkers ask a broker for: what waits for them, what is behind it, and their votes."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, cast

from broker.client.answers import AcroAnswer, InboxAnswer, LookAnswer, LookupAnswer, SavedAnswer, ScriptAnswer
from broker.client.calls import API, Calls, part
from broker.domain.reviews import Choice


class ForCheckers(Calls):
    """Calls of checkers."""

    def lookups(self) -> list[SavedAnswer]:
        """Lookups that wait for the caller's decision."""
        return cast(list[SavedAnswer], self._json("GET", f"{API}/lookups")["saved"])

    def lookup(self, ident: str) -> LookupAnswer:
        return cast(LookupAnswer, self._json("GET", f"{API}/lookups/{part(ident)}"))

    def decide_lookup(self, ident: str, choice: str, reason: str) -> str:
        body = {"choice": choice, "reason": reason}
        return str(self._json("POST", f"{API}/lookups/{part(ident)}/decision", json=body)["state"])

    def inbox(self) -> list[InboxAnswer]:
        return cast(list[InboxAnswer], self._json("GET", f"{API}/inbox")["outputs"])

    def look(self, output: str) -> LookAnswer:
        return cast(LookAnswer, self._json("GET", f"{API}/outputs/{part(output)}/evidence"))

    def staff_record(self, output: str) -> dict[str, Any]:
        return self._json("GET", f"{API}/outputs/{part(output)}/staff-record")

    def acro(self, job: str) -> AcroAnswer:
        """A job's outputs for ACRO's viewer."""
        return cast(AcroAnswer, self._json("GET", f"{API}/jobs/{part(job)}/acro"))

    def claim(self, output: str, take: bool = True) -> None:
        self._send("PUT" if take else "DELETE", f"{API}/outputs/{part(output)}/claim")

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
        return str(self._json("POST", f"{API}/outputs/{part(output)}/votes", json=body)["state"])

    def scripts_to_read(self) -> list[ScriptAnswer]:
        """Scripts that ran on real data and that nobody has read, oldest first."""
        return cast(list[ScriptAnswer], self._json("GET", f"{API}/failures")["jobs"])

    def printed(self, job: str) -> bytes:
        """What a script printed on real data."""
        return self._send("GET", f"{API}/jobs/{part(job)}/failure").content

    def read_script(self, job: str) -> None:
        self._send("POST", f"{API}/jobs/{part(job)}/read")

    def tell_script(self, job: str, reason: str) -> None:
        self._send("POST", f"{API}/jobs/{part(job)}/failure", json={"reason": reason})

    def recall(self, output: str, reason: str) -> None:
        self._send("POST", f"{API}/outputs/{part(output)}/recall", json={"reason": reason})

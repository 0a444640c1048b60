"""The HTTP client of a running broker, for the command line, the demo and tests. Raises the domain's errors."""

from typing import cast

import httpx

from broker.client.administrators import ForAdministrators
from broker.client.answers import ReleaseAnswer
from broker.client.checkers import ForCheckers
from broker.client.researchers import ForResearchers


class BrokerClient(ForResearchers, ForCheckers, ForAdministrators):
    """One person's hand on a broker: the broker decides which of the calls are theirs."""

    def register(self) -> list[ReleaseAnswer]:
        return cast(list[ReleaseAnswer], self._json("GET", "/register.json")["releases"])

    def ready(self) -> bool:
        """Whether the broker and what it needs answer."""
        try:
            return self._http.get("/readyz").status_code == 200
        except httpx.HTTPError:
            return False

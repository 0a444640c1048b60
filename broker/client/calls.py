"""Calls to a running broker over HTTP: an answer as JSON or bytes, or the domain's error. Knows no route."""

from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from broker.client.errors import error_of
from broker.domain.errors import Invalid, Unavailable

API = "/api/v1"
SECONDS = 30.0


class Calls:
    """A connection to the broker at `url`. `transport` is for tests: it takes the place of the network."""

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


def part(ident: str) -> str:
    """An id as one part of a path, whatever is in it."""
    return quote(ident, safe="")

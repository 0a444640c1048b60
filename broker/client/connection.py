"""Calls to a running broker over HTTP: returns JSON or bytes, or raises the domain's error. Knows no route."""

from typing import Any
from urllib.parse import quote

import httpx

from broker.domain.errors import BrokerError, Conflict, Forbidden, Invalid, Refusal, Refused, Unavailable, Unknown

LOGIN_ADVICE = "BROKER_TOKEN takes an API token, not a password: `broker token ID`, on the server, prints one."


def error_of_response(response: httpx.Response) -> BrokerError:
    """Return the domain error for an answer with status 400 or higher."""
    body = _body(response)
    code, message = str(body.get("code", "")), str(body.get("message", ""))
    # Not from a broker, for example a proxy's error page.
    if not message:
        return Unavailable(f"The server answered {response.status_code} without a reason.")
    match response.status_code:
        case 401:
            return Forbidden(code, f"{message} {LOGIN_ADVICE}")
        case 403:
            return Forbidden(code, message)
        case 404:
            return _unknown(message)
        case 409:
            return Conflict(code, message)
        case 422:
            return Refused(_refusals(body))
        # Try again later: nothing was wrong with the request.
        case status if status >= 500 or status == 429:
            return Unavailable(message)
    return Invalid(code, message, str(body.get("pointer", "")))


def _body(response: httpx.Response) -> dict[str, object]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _unknown(message: str) -> Unknown:
    """Return the error with the server's sentence, which names what was requested."""
    error = Unknown("thing", "")
    error.args = (message,)
    return error


def _refusals(body: dict[str, object]) -> tuple[Refusal, ...]:
    found = body.get("errors")
    items = found if isinstance(found, list) else []
    entries = ([str(i.get(k, "")) for k in ("code", "message", "advice")] for i in items if isinstance(i, dict))
    return tuple(Refusal(code, message, advice) for code, message, advice in entries)


API_PREFIX = "/api/v1"
TIMEOUT_SECONDS = 30.0


class BrokerConnection:
    """A connection to the broker at `url`. Tests pass a `transport` instead of the network."""

    def __init__(self, url: str, token: str = "", transport: httpx.BaseTransport | None = None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if not url.startswith(("http://", "https://")):
            raise Invalid("url", "The broker's address must begin with http:// or https://.", "BROKER_URL")
        try:
            self._http = httpx.Client(
                base_url=url, headers=headers, timeout=TIMEOUT_SECONDS, transport=transport, trust_env=False
            )
        except (httpx.InvalidURL, UnicodeEncodeError) as error:
            raise Invalid("url", "The broker's address or the token is not valid.", "BROKER_URL") from error

    def close(self) -> None:
        self._http.close()

    def _json(self, method: str, path: str, **sent: Any) -> dict[str, Any]:
        try:
            found = self._send(method, path, **sent).json()
        except ValueError as error:
            raise Unavailable(
                "The server's answer is not JSON. Check that BROKER_URL is the address of a broker."
            ) from error
        if not isinstance(found, dict):
            raise Unavailable("The server's answer does not come from a broker. Check BROKER_URL.")
        return found

    def _list(self, name: str, path: str, **sent: Any) -> list[Any]:
        """Return the list of this name in an answer."""
        return list(self._json("GET", path, **sent)[name])

    def _send(self, method: str, path: str, **sent: Any) -> httpx.Response:
        try:
            response = self._http.request(method, path, **sent)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            where, what = self._http.base_url, type(error).__name__
            start = "Start it with `make demo` or `broker serve`, or set BROKER_URL."
            raise Unavailable(f"The broker at {where} does not answer ({what}). {start}") from error
        if response.status_code >= 400:
            raise error_of_response(response)
        return response


def path_part(ident: str) -> str:
    """Return an id as one part of a path, with every special character quoted."""
    return quote(ident, safe="")

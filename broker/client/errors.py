"""Problem JSON back to the domain's errors, so that a caller handles a server and the workflow alike."""

import httpx

from broker.domain.errors import BrokerError, Conflict, Forbidden, Invalid, Refusal, Refused, Unavailable, Unknown

HOW_TO_BE_KNOWN = "BROKER_TOKEN takes an API token, not a password: `broker token ID`, on the server, prints one."


def error_of(response: httpx.Response) -> BrokerError:
    """The domain error that an answer of 400 or more stands for."""
    body = _body(response)
    code, message = str(body.get("code", "")), str(body.get("message", ""))
    if not message:
        return Unavailable(f"The server answered {response.status_code} and did not say why.")
    match response.status_code:
        case 401:
            return Forbidden(code, f"{message} {HOW_TO_BE_KNOWN}")
        case 403:
            return Forbidden(code, message)
        case 404:
            return _unknown(message)
        case 409:
            return Conflict(code, message)
        case 422:
            return Refused(_refusals(body))
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
    """The server's sentence is kept: it names what was asked for."""
    error = Unknown("thing", "")
    error.args = (message,)
    return error


def _refusals(body: dict[str, object]) -> tuple[Refusal, ...]:
    found = body.get("errors")
    items = found if isinstance(found, list) else []
    told = ([str(i.get(k, "")) for k in ("code", "message", "advice")] for i in items if isinstance(i, dict))
    return tuple(Refusal(code, message, advice) for code, message, advice in told)

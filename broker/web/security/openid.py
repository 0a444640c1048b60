"""Sign-in by OpenID Connect: authorization code with PKCE, state and nonce. The only module that uses Authlib.

The provider says who somebody is. The broker decides whether they have an account and what they may do. State, nonce
and PKCE's verifier are in the signed form cookie for one attempt; the provider's tokens are not stored.
"""

from dataclasses import dataclass
from typing import Any

from authlib.common.errors import AuthlibBaseError  # type: ignore[import-untyped]  # it has no types
from authlib.integrations.flask_client import OAuth  # type: ignore[import-untyped]
from flask import Flask, current_app
from joserfc.errors import JoseError
from requests import RequestException
from werkzeug.wrappers import Response

from broker.domain.errors import Forbidden, Unavailable

OPENID_EXTENSION = "broker-openid"
ANSWER_SECONDS = 10
WELL_KNOWN = "/.well-known/openid-configuration"


@dataclass(frozen=True, slots=True)
class OpenIdProvider:
    """The sign-in provider. `claim` names the claim that has the id of an account here. `home` is this broker's
    address for browsers, and `name` is what people call the provider."""

    issuer: str
    client_id: str
    client_secret: str
    claim: str
    home: str
    name: str = "your organisation's account"

    @property
    def callback(self) -> str:
        return f"{self.home.rstrip('/')}/sign-in/openid/answer"


def install(app: Flask, provider: OpenIdProvider | None) -> None:
    if provider is None:
        return
    oauth = OAuth(app)
    oauth.register(
        "provider",
        client_id=provider.client_id,
        client_secret=provider.client_secret or None,
        server_metadata_url=provider.issuer.rstrip("/") + WELL_KNOWN,
        client_kwargs={
            "scope": "openid profile email",
            "code_challenge_method": "S256",
            "default_timeout": ANSWER_SECONDS,
            # Without a secret this broker is a public client, which PKCE protects.
            "token_endpoint_auth_method": "client_secret_basic" if provider.client_secret else "none",
        },
    )
    app.extensions[OPENID_EXTENSION] = (oauth, provider)


def provider() -> OpenIdProvider | None:
    found: tuple[Any, OpenIdProvider] | None = current_app.extensions.get(OPENID_EXTENSION)
    return None if found is None else found[1]


def check_installed() -> None:
    _installed()


def redirect_to_provider() -> Response:
    """Return the redirect to the provider's sign-in page. Raises Unavailable if the provider does not answer."""
    oauth, known = _installed()
    try:
        going: Response = oauth.provider.authorize_redirect(known.callback)
    except (RequestException, AuthlibBaseError, RuntimeError) as error:
        raise Unavailable("The sign-in provider does not answer.") from error
    return going


def confirmed_ident() -> str:
    """Return the id that the provider has confirmed. Raises Forbidden if it has not, or if the answer does not belong
    to this browser's request."""
    oauth, known = _installed()
    try:
        token = oauth.provider.authorize_access_token()
    except RequestException as error:
        raise Unavailable("The sign-in provider does not answer.") from error
    except (AuthlibBaseError, JoseError, ValueError, KeyError) as error:
        raise Forbidden("sign-in", "You were not signed in. Try again.") from error
    claims = token.get("userinfo") or {}
    # Anybody can enter somebody else's address at a provider that does not verify it.
    if known.claim == "email" and claims.get("email_verified") is not True:
        raise Forbidden("sign-in", "The sign-in provider has not verified your email address.")
    found = claims.get(known.claim)
    # A claim is external input.
    if not isinstance(found, str) or not found or "\x00" in found:
        raise Forbidden("sign-in", "The sign-in provider did not say who you are.")
    return found


def _installed() -> tuple[Any, OpenIdProvider]:
    found: tuple[Any, OpenIdProvider] | None = current_app.extensions.get(OPENID_EXTENSION)
    if found is None:
        raise Forbidden("no-provider", "This broker has no sign-in provider.")
    return found

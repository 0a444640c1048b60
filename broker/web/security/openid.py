"""Sign-in by OpenID Connect: authorization code with PKCE, state and nonce. The only module that uses Authlib.

The provider says who somebody is. The broker decides whether they have an account and what they may do. State, nonce
and PKCE's verifier are in the signed form cookie for one attempt; the provider's tokens are not stored.
"""

from authlib.common.errors import AuthlibBaseError  # type: ignore[import-untyped]  # it has no types
from authlib.integrations.flask_client import OAuth  # type: ignore[import-untyped]
from flask import Flask, current_app
from joserfc.errors import JoseError
from requests import RequestException
from werkzeug.wrappers import Response

from broker.domain.errors import Forbidden, Unavailable
from broker.settings import Settings
from broker.web.web_context import web_context

OPENID_EXTENSION = "broker-openid"
ANSWER_SECONDS = 10
WELL_KNOWN = "/.well-known/openid-configuration"


def install(app: Flask, settings: Settings) -> None:
    if not settings.oidc_issuer:
        return
    oauth, secret = OAuth(app), settings.oidc_client_secret.get_secret_value()
    oauth.register(
        "provider",
        client_id=settings.oidc_client_id,
        client_secret=secret or None,
        server_metadata_url=settings.oidc_issuer.rstrip("/") + WELL_KNOWN,
        client_kwargs={
            "scope": "openid profile email",
            "code_challenge_method": "S256",
            "default_timeout": ANSWER_SECONDS,
            # Without a secret this broker is a public client, which PKCE protects.
            "token_endpoint_auth_method": "client_secret_basic" if secret else "none",
        },
    )
    app.extensions[OPENID_EXTENSION] = oauth


def redirect_to_provider() -> Response:
    """Return the redirect to the provider's sign-in page. Raises Unavailable if the provider does not answer."""
    oauth, answer = check_installed(), f"{web_context().settings.public_url.rstrip('/')}/sign-in/openid/answer"
    try:
        going: Response = oauth.provider.authorize_redirect(answer)
    except (RequestException, AuthlibBaseError, RuntimeError) as error:
        raise Unavailable("The sign-in provider does not answer.") from error
    return going


def confirmed_ident() -> str:
    """Return the id that the provider has confirmed. Raises Forbidden if it has not, or if the answer does not belong
    to this browser's request."""
    oauth = check_installed()
    try:
        token = oauth.provider.authorize_access_token()
    except RequestException as error:
        raise Unavailable("The sign-in provider does not answer.") from error
    except (AuthlibBaseError, JoseError, ValueError, KeyError) as error:
        raise Forbidden("sign-in", "You were not signed in. Try again.") from error
    claims, claim = token.get("userinfo") or {}, web_context().settings.oidc_claim
    # Anybody can enter somebody else's address at a provider that does not verify it.
    if claim == "email" and claims.get("email_verified") is not True:
        raise Forbidden("sign-in", "The sign-in provider has not verified your email address.")
    found = claims.get(claim)
    # A claim is external input.
    if not isinstance(found, str) or not found or "\x00" in found:
        raise Forbidden("sign-in", "The sign-in provider did not say who you are.")
    return found


def check_installed() -> OAuth:
    """Return Authlib's client. Raises Forbidden if there is no sign-in provider."""
    found: OAuth | None = current_app.extensions.get(OPENID_EXTENSION)
    if found is None:
        raise Forbidden("no-provider", "This broker has no sign-in provider.")
    return found

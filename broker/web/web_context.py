"""Settings of the door, and what every view needs: ports, settings, the caller. Reads no request."""

from dataclasses import dataclass

from flask import current_app, g

from broker.domain.identity.people import Person
from broker.domain.ports import Ports
from broker.web.security.openid import OpenIdProvider

CONTEXT_EXTENSION = "broker"


@dataclass(frozen=True, slots=True)
class WebSettings:
    """`secret_key` signs form tokens. `demo_sign_in` allows password accounts (synthetic data only). `secure_cookies`
    is false only if the page is served without TLS. `openid` is the sign-in provider."""

    secret_key: bytes
    demo_sign_in: bool = False
    secure_cookies: bool = True
    openid: OpenIdProvider | None = None


@dataclass(frozen=True, slots=True)
class WebContext:
    """The arguments of `create_app`."""

    ports: Ports
    settings: WebSettings


def web_context() -> WebContext:
    found: WebContext = current_app.extensions[CONTEXT_EXTENSION]
    return found


def ports() -> Ports:
    return web_context().ports


def caller() -> Person:
    """Return the caller. Authentication has set them before any view runs."""
    found: Person = g.person
    return found

"""How the door is set up, and what every view reaches for: ports, settings, the person who asks. Reads no request."""

from dataclasses import dataclass

from flask import current_app, g

from broker.domain.identity.people import Person
from broker.domain.ports import Ports
from broker.web.security.openid import OpenIdProvider

CONTEXT_EXTENSION = "broker"


@dataclass(frozen=True, slots=True)
class WebSettings:
    """`secret_key` signs form tokens; `demo_sign_in` allows password accounts (synthetic data only); `secure_cookies`
    is false only where the page is served without TLS; `openid` is who signs people in."""

    secret_key: bytes
    demo_sign_in: bool = False
    secure_cookies: bool = True
    openid: OpenIdProvider | None = None


@dataclass(frozen=True, slots=True)
class WebContext:
    """What `create_app` was given."""

    ports: Ports
    settings: WebSettings


def web_context() -> WebContext:
    found: WebContext = current_app.extensions[CONTEXT_EXTENSION]
    return found


def ports() -> Ports:
    return web_context().ports


def caller() -> Person:
    """The person who asks; authentication has put them there before any view runs."""
    found: Person = g.person
    return found

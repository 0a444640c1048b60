"""Turns the environment into frozen settings. Refuses to start half-configured: unknown names and unsafe pairs are
errors."""

import os
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from broker.domain.errors import Invalid

PREFIX = "BROKER_"

NOT_SETTINGS = frozenset({"BROKER_URL", "BROKER_TOKEN"})
"""The command line reads these as a client. Servers do not have them."""


SEES_MACHINE_COUNTERS = "a job reads the counters of the whole machine, and so hears the jobs beside it"


def check_side_by_side(slots: int, runtime: str) -> None:
    """Raises ValueError if jobs would run at the same time under a runtime that hides nothing.

    This holds for synthetic data too, because people try a setup there first. The runtime that `auto` chooses is known
    only when a worker starts.
    """
    if slots > 1 and runtime not in {"auto", "runsc"}:
        raise ValueError(f"more than one slot needs the runtime runsc: under {runtime} {SEES_MACHINE_COUNTERS}")


class Settings(BaseSettings):
    """Settings of one broker. Every value has a default that needs nothing else.

    data            folder for store, snapshots, vaults, outputs and queue; mounted at the same path everywhere
    policies        folder of policy files to propose; a server reads policy from its store
    images          folder with what sandbox images are built from
    store_url       SQLAlchemy URL; empty: SQLite in `data`
    queue_url       Redis or Valkey URL; empty: an embedded Valkey that the worker starts in `data`
    runtime         isolation; auto: runsc if the engine has it, else runc; bubblewrap only for synthetic data
    slots           jobs that one worker runs at once; more than one needs runsc
    lease_seconds   how long a worker's right to run a job lasts without renewal
    demo_sign_in    password accounts; refused unless `synthetic_only`
    synthetic_only  this broker has synthetic data only
    secret_key      signs forms; empty: made once in `data`
    public_url      this broker's address for browsers (https://…): needed for sign-in by a provider and for mail
    oidc_issuer     the OpenID Connect provider that signs people in; empty: none
    oidc_client_id, oidc_client_secret   this broker's id and secret at the provider; no secret: a public client
    oidc_claim      claim that has the id of an account here: sub, preferred_username, or email (if verified)
    oidc_name       name of the provider on the sign-in page
    mail_url        mail server for notices: smtp://server:25, smtp+starttls://user:password@server:587 or
                    smtps://…:465; empty: notices are on the page only
    mail_from       sender of the mail
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    data: Path = Path("data")
    policies: Path = Path("policies")
    images: Path = Path("build/images")
    store_url: str = ""
    queue_url: str = ""
    runtime: Literal["auto", "runsc", "runc", "bubblewrap"] = "auto"
    slots: int = 1
    lease_seconds: int = 30
    host: str = "127.0.0.1"
    port: int = 8000
    secure_cookies: bool = True
    demo_sign_in: bool = False
    synthetic_only: bool = False
    secret_key: SecretStr = SecretStr("")
    public_url: str = ""
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret: SecretStr = SecretStr("")
    oidc_claim: str = "sub"
    oidc_name: str = "your organisation's account"
    mail_url: str = ""
    mail_from: str = ""

    @model_validator(mode="after")
    def _check_pairs(self) -> "Settings":
        # Passwords of the demo are printed, so they must never guard real data.
        if self.demo_sign_in and not self.synthetic_only:
            raise ValueError("demo sign-in is for synthetic data only: set BROKER_SYNTHETIC_ONLY=true with it")
        if self.runtime == "bubblewrap" and not self.synthetic_only:
            raise ValueError("bubblewrap is for synthetic data only: real data need Docker")
        if self.oidc_issuer and not (self.oidc_client_id and self.public_url):
            raise ValueError("sign-in by a provider needs BROKER_OIDC_CLIENT_ID and BROKER_PUBLIC_URL")
        # Otherwise somebody on the way could take over a sign-in.
        if self.oidc_issuer and not (_is_private(self.oidc_issuer) and _is_private(self.public_url)):
            raise ValueError("provider and broker need https addresses: only loopback may do without")
        if self.mail_url and not (self.mail_from and self.public_url):
            raise ValueError("mail needs BROKER_MAIL_FROM and BROKER_PUBLIC_URL")
        check_side_by_side(self.slots, self.runtime)
        if self.slots < 1 or self.lease_seconds < 1:
            raise ValueError("a worker needs at least one slot and a lease of at least one second")
        return self

    @property
    def root(self) -> Path:
        return self.data.resolve()

    @property
    def images_root(self) -> Path:
        return self.images.resolve()

    @property
    def database(self) -> str:
        return self.store_url or f"sqlite:///{self.root / 'broker.sqlite'}"


def _is_private(address: str) -> bool:
    """Whether nobody on the way can read along: https, or plain http to this machine."""
    url = urlsplit(address)
    return url.scheme == "https" or (url.scheme == "http" and url.hostname in {"localhost", "127.0.0.1", "::1"})


def read_settings(**overrides: object) -> Settings:
    """Return settings from the environment. Raises Invalid with a sentence that a person can act on."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | NOT_SETTINGS
    # A mistyped name would otherwise leave a default in force unnoticed.
    unknown = sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)
    if unknown:
        raise Invalid("settings", f"There is no setting {', '.join(unknown)}.", unknown[0])
    try:
        return Settings(**overrides)  # type: ignore[arg-type]  # values are validated by pydantic
    except ValidationError as error:
        first = error.errors()[0]
        name = PREFIX + "_".join(str(part) for part in first["loc"]).upper()
        raise Invalid("settings", f"{name}: {first['msg']}.", name) from error

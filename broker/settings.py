"""Environment to frozen settings. Refuses to start half-configured: unknown names and unsafe pairs are errors."""

import os
from pathlib import Path
from typing import Literal

from pydantic import SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from broker.domain.errors import Invalid

PREFIX = "BROKER_"

NOT_SETTINGS = frozenset({"BROKER_URL", "BROKER_TOKEN"})
"""Read by the command line as a client; no server has them."""


class Settings(BaseSettings):
    """How one broker is set up. Every value has a default that needs nothing.

    data            folder for store, snapshots, vaults, outputs and queue; mounted at the same path everywhere
    policies        folder of policy files, for what is proposed; a server reads its store
    images          folder that keeps what sandbox images are built from
    store_url       SQLAlchemy URL; empty: SQLite in `data`
    queue_url       Redis or Valkey URL; empty: an embedded Valkey that the worker starts in `data`
    runtime         isolation: auto takes runsc where the engine has it, else runc; bubblewrap only for synthetic data
    slots           jobs that one worker runs at once
    lease_seconds   how long a worker's promise to run a job holds without renewal
    demo_sign_in    password accounts; refused unless `synthetic_only`
    synthetic_only  this broker holds synthetic data only
    secret_key      signs forms; empty: made once in `data`
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

    @model_validator(mode="after")
    def _check_pairs(self) -> "Settings":
        if self.demo_sign_in and not self.synthetic_only:
            raise ValueError("demo sign-in is for synthetic data only: set BROKER_SYNTHETIC_ONLY=true with it")
        if self.runtime == "bubblewrap" and not self.synthetic_only:
            raise ValueError("bubblewrap is for synthetic data only: real data need Docker")
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


def read_settings(**overrides: object) -> Settings:
    """Settings from the environment; raises Invalid with a sentence a person can act on."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | NOT_SETTINGS
    unknown = sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)
    if unknown:
        raise Invalid("settings", f"There is no setting {', '.join(unknown)}.", unknown[0])
    try:
        return Settings(**overrides)  # type: ignore[arg-type]  # values are validated by pydantic
    except ValidationError as error:
        first = error.errors()[0]
        name = PREFIX + "_".join(str(part) for part in first["loc"]).upper()
        raise Invalid("settings", f"{name}: {first['msg']}.", name) from error

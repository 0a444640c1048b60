"""The shapes of the API about the memory of everything released: the caps, and bringing it back. No behaviour."""

from typing import Annotated

from pydantic import Field

from broker.web.models import Given, Ident, Shown, Text
from broker.web.models_ledger import HeadBody


class CapsQuery(Given):
    """A page of the reference populations of a snapshot (the newest, if none is named) that have every word of
    `search`."""

    snapshot: Annotated[Text, Field(max_length=64)] = ""
    search: Annotated[Text, Field(max_length=100)] = ""
    page: Annotated[int, Field(ge=1, le=100_000)] = 1


class CapShown(Shown):
    """A reference population: its persons have these `keys`, and `used` of at most `cap` exact figures that tell of
    them alone are released. `share` is used by cap."""

    name: str
    table: str
    year: int | None
    keys: str
    persons: int
    used: int
    cap: int
    share: float
    full: bool


class CapsShown(Shown):
    """The fullest first. Of all `populations` of at least `least` persons so many are `full`, and `found` have what was
    searched for; `unmeasured` have figures whose persons are not counted yet."""

    snapshot: str
    snapshots: list[str]
    fraction: float
    least: int
    populations: int
    full: int
    found: int
    page: int
    pages: int
    unmeasured: int
    caps: list[CapShown]


class FileBody(Given):
    """A file of members that no entry names, by its name and the SHA-256 of its bytes."""

    name: Annotated[Text, Field(pattern=r"^[0-9a-f]{32}$")]
    sha256: Annotated[Text, Field(pattern=r"^[0-9a-f]{64}$")]


class ForgottenTablesBody(Given):
    """What a restored memory does not know: the head that was signed last, and the files of what was released since, as
    `broker memory forgotten` tells them; `case` is the number of the decision."""

    lost: HeadBody
    files: Annotated[list[FileBody], Field(max_length=20_000)] = []
    case: Ident

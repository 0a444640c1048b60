"""The shapes of the API about what projects keep. No behaviour."""

from datetime import datetime

from broker.domain.reviews import Choice
from broker.web.models import Given, Ident, Shown, Text


class ProjectPath(Given):
    project: Ident


class SavedPath(Given):
    project: Ident
    name: Ident


class LookupPath(Given):
    lookup: Ident


class LookupBody(Given):
    """A CSV: a line of names, then rows. `about` says what it is and where it comes from."""

    name: Text
    about: Text
    text: Text


class DecisionBody(Given):
    choice: Choice
    reason: Text


class SavedShown(Shown):
    """A cohort with its text, or a lookup with the names and types of its columns."""

    ident: str
    project: str
    name: str
    kind: str
    state: str
    about: str
    by: str
    created: datetime
    reason: str | None
    dialect: str | None
    text: str | None
    columns: list[str]


class SavedListShown(Shown):
    saved: list[SavedShown]


class LookupShown(SavedShown):
    """With all its rows, as text."""

    rows: list[list[str | None]]

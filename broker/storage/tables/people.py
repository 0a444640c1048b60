"""People, their roles, and the tokens and sessions that let them in."""

from sqlalchemy import Boolean, Column, Date, ForeignKey, Table, Text

from broker.domain.people import Role
from broker.storage.tables.schema import metadata, one_of
from broker.storage.types import UtcTime

people = Table(
    "people",
    metadata,
    Column("ident", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("password_hash", Text),
    Column("accredited_from", Date),
    Column("accredited_until", Date),
    Column("email", Text),
)

person_roles = Table(
    "person_roles",
    metadata,
    Column("person", ForeignKey("people.ident"), primary_key=True),
    Column("role", Text, primary_key=True),
    one_of("role", Role),
)

tokens = Table(
    "tokens",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("person", ForeignKey("people.ident"), nullable=False, index=True),
    Column("expires", UtcTime),
    Column("revoked", Boolean, nullable=False),
    Column("made", UtcTime),
    Column("seen", UtcTime),
)
"""`seen` is there for sessions alone: an API token has no idle limit."""

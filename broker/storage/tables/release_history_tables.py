"""Tables of the release history: columns, keys and checks. No queries. No foreign keys, because it outlives projects
and jobs.

Triggers prevent every change and removal, except in the tables that only measure.
"""

from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, Table, Text

from broker.storage.tables.chain_tables import chain_tables
from broker.storage.tables.schema import UtcTime, columns, metadata


class HistoryLineKind(StrEnum):
    """A table was entered; or a restored back-up had lost a head, which the line names."""

    REMEMBERED = "remembered"
    RESTORED = "restored"


memory_lines, memory_head = chain_tables("memory_lines", "memory_head", HistoryLineKind)
"""Locking the row of the head is the one lock for changes of the release history, so releases wait for each other."""

memory_entries = Table(
    "memory_entries",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    *columns(Text, "release", "recipe", "snapshot", "entry", nullable=False),
    Column("file", Text, unique=True),
    Column("digest", Text),
    CheckConstraint("(file IS NULL) = (digest IS NULL)", name="file_whole"),
    Index(None, "recipe", "snapshot"),
    Index(None, "release"),
)
"""`number` is that of its line. `entry` is canonical JSON (`broker.domain.release_history`)."""

memory_figures = Table(
    "memory_figures",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("figures", Text, nullable=False),
)
"""Apart from entries, because entries are read without them."""

memory_splits = Table(
    "memory_splits",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    *columns(Text, "snapshot", "population", primary_key=True),
    Column("totals", Text, nullable=False),
    Index(None, "snapshot", "population", "number"),
)
"""For each cell of a reference population, the thousandths of figures counted so far, including this entry's. Entries
come one by one, so the newest row of a population is its count."""

memory_populations = Table(
    "memory_populations",
    metadata,
    *columns(Text, "snapshot", "population", primary_key=True),
    *columns(Text, "name", "held_in", nullable=False),
    Column("year", Integer),
    Column("least", Integer, nullable=False),
    *columns(Text, "cells", "sizes", nullable=False),
)
"""What the page on the cap shows: a reference population, its cells and their persons, as canonical JSON
(`broker.domain.population_caps`). Not part of the release history: a worker can measure it again at any time."""

memory_swept = Table(
    "memory_swept", metadata, Column("file", Text, primary_key=True), Column("at", UtcTime, nullable=False)
)
"""Files of members that were, or are about to be, removed. Nothing may name one of them any more."""

"""The shelf of snapshots: where they lie, what they say of themselves, how one goes. Makes none and reads no row."""

import json
import os
import shutil
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path

from broker.domain.errors import Unknown
from broker.domain.ports import Snapshot

DESCRIPTION = "snapshot.json"


def folder_of(data: Path, ident: str) -> Path:
    """The folder of a snapshot that exists."""
    folder = data / "snapshots" / ident
    if "/" in ident or ident.startswith(".") or not (folder / DESCRIPTION).is_file():
        raise Unknown("snapshot", ident)
    return folder


def write_description(folder: Path, snapshot: Snapshot) -> None:
    content = asdict(replace(snapshot, path="")) | {"created": snapshot.created.isoformat()}
    (folder / DESCRIPTION).write_text(json.dumps(content, sort_keys=True), encoding="utf-8")


def read_snapshot(data: Path, ident: str) -> Snapshot:
    """A snapshot that was made before."""
    folder = folder_of(data, ident)
    content = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    content |= {"created": datetime.fromisoformat(content["created"]), "path": str(folder)}
    return Snapshot(**content)


def remove_snapshot(data: Path, ident: str) -> None:
    """Remove the files of a snapshot; one that is not there is gone already. It is out of its place at once, so that
    nobody finds half of it."""
    gone = data / "snapshots" / f".half-{ident}"
    with suppress(Unknown):
        os.replace(folder_of(data, ident), gone)
    shutil.rmtree(gone, ignore_errors=True)

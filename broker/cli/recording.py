"""Staff's records written to files by `broker review`: ours, and a folder for ACRO's viewer. Judges nothing."""

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from broker.client import BrokerClient
    from broker.client.answers import AcroFileAnswer


def write_record(hand: "BrokerClient", output: str, file: Path) -> str:
    """The staff record of one output. Evidence: only the owner of the file may read it."""
    return _private(file, json.dumps(hand.staff_record(output), indent=2, ensure_ascii=False).encode() + b"\n")


def write_acro(hand: "BrokerClient", job: str, folder: Path) -> list[str]:
    """results.json, the files that it names and their checksums, as ACRO's viewer wants them in one folder."""
    found = hand.acro(job)
    results = json.dumps(found["results"], indent=4, ensure_ascii=False).encode() + b"\n"
    written = [_private(folder / "results.json", results)]
    return written + [path for f in found["files"] for path in _files(folder, f)]


def _files(folder: Path, file: "AcroFileAnswer") -> list[str]:
    if file["content_base64"] is None:
        return []
    name = Path(file["name"]).name
    checksum = (file["sha256"] or "").encode()
    return [
        _private(folder / name, base64.b64decode(file["content_base64"])),
        _private(folder / "checksums" / f"{name}.txt", checksum),
    ]


def _private(path: Path, content: bytes) -> str:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)
    path.write_bytes(content)
    return str(path)

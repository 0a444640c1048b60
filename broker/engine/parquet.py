"""A script's Parquet file to one container of trusted code, and its text back. Opens neither.

A reader of Parquet is a large program, and these bytes were written by whoever wrote the script. So none runs in the
broker: the container has no data mounted, no network and limits, as a script has; whoever took it over could say in its
text no more than a CSV of the script's own says, and the broker reads that text as it reads such a one.
"""

from dataclasses import asdict

from broker.domain.errors import Breach
from broker.domain.ports import HandedTo, Limits, Most, SandboxRequest
from broker.engine.verified import Frames, framed

IMAGE = "sql"
NOTHING: tuple[str, ...] = ()
"""What it may read of the vault."""


def prepare_parquet(to: HandedTo, limits: Limits, most: Most) -> SandboxRequest:
    job = {"kind": "parquet", "tables": [], "most": asdict(most), "settings": asdict(limits)}
    frames = (("job", framed(job, to.content)),)
    return SandboxRequest(to.job, to.attempt, IMAGE, to.vault.script, frames, limits, to.vault.synthetic, NOTHING)


def read_parquet(frames: Frames) -> bytes | None:
    """None where the bytes were no flat table."""
    kinds = [kind for kind, _ in frames if kind != "status"]
    if kinds not in ([], ["table"]):
        raise Breach("The Parquet file's container returned other frames than one.")
    return frames[0][1] if kinds else None

"""A script's picture to one container of trusted code, and the picture made anew back. Decodes nothing."""

from dataclasses import asdict

from broker.domain.errors import Breach
from broker.domain.ports import HandedTo, Limits, SandboxRequest
from broker.engine.verified import Frames, framed

IMAGE = "fit"
PNG = b"\x89PNG\r\n\x1a\n"


def prepare_picture(to: HandedTo, limits: Limits) -> SandboxRequest:
    """It sees no data at all."""
    job = {"kind": "picture", "tables": [], "settings": asdict(limits)}
    frames = (("job", framed(job, to.content)),)
    return SandboxRequest(to.job, to.attempt, IMAGE, to.vault.script, frames, limits, to.vault.synthetic, ())


def read_picture(frames: Frames) -> bytes | None:
    """None where the bytes were no picture."""
    kinds = [kind for kind, _ in frames if kind != "status"]
    if kinds not in ([], ["table"]):
        raise Breach("The picture's container returned other frames than one.")
    if not kinds:
        return None
    if not frames[0][1].startswith(PNG):
        raise Breach("The picture's container returned no picture.")
    return frames[0][1]

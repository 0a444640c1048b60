"""Attacks by what a script leaves: a message in what nobody looks at is gone once the broker has made the file anew."""

import struct
import zlib

import numpy as np
import pytest

from tests.attacks.script_town import picture

SIDE = 96


def png(pixels: np.ndarray) -> bytes:
    height, width, _ = pixels.shape
    lines = b"".join(b"\0" + line.tobytes() for line in pixels.astype(np.uint8))
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(lines)),
        (b"IEND", b""),
    ]
    chunks = (struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.docker
@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("shades", [2, 30])
def test_a_picture_of_few_colours_hides_nothing_between_them(shades: int) -> None:
    """A picture of fewer colours than a picture may have kept them all: whites that no eye tells apart were a megabyte."""
    plain = np.full((SIDE, SIDE, 3), 255, np.uint8)
    plain[20:40, 20:60] = (31, 119, 180)
    message = np.random.default_rng(3).integers(0, shades, plain.shape)
    hiding = np.where(plain == 255, 255 - message, plain)
    found = picture(png(plain))
    assert found is not None
    assert picture(png(hiding)) == found

"""Makes a picture anew: few fixed colours, bounded sides, no metadata. What low bits of pixels could carry is gone.

The bytes were made by a researcher's code: they are only ever decoded in here, and only as PNG.
"""

import io
import struct
import warnings

from PIL import Image

LEVELS = (0, 85, 170, 255)
COLOURS = [(r, g, b) for r in LEVELS for g in LEVELS for b in LEVELS]
"""The same for every picture. Colours that are chosen from the picture keep what it hides: two whites that differ by
one would both be chosen."""
SIDES = struct.Struct(">II")


def pixels(content: bytes, most: int, side: int) -> bytes:
    """Width, height and pixels of three bytes, at most `side` of them either way; nothing where the bytes are no
    picture, or one of more than `most` pixels."""
    Image.MAX_IMAGE_PIXELS = most
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with Image.open(io.BytesIO(content), formats=["PNG"]) as given:
                given.load()
                seen = on_white(given)
    except Exception:
        return b""
    seen.thumbnail((side, side), Image.Resampling.BOX)
    return SIDES.pack(*seen.size) + seen.tobytes()


def on_white(given: Image.Image) -> Image.Image:
    if given.mode == "RGB" and "transparency" not in given.info:
        return given
    seen = Image.new("RGB", given.size, "white")
    clear = given.convert("RGBA")
    seen.paste(clear, mask=clear.getchannel("A"))
    return seen


def drawn(found: bytes) -> bytes:
    """A PNG of these pixels in `COLOURS`."""
    seen = Image.frombytes("RGB", SIDES.unpack_from(found), found[SIDES.size :])
    colours = Image.new("P", (1, 1))
    colours.putpalette([level for colour in COLOURS for level in colour])
    target = io.BytesIO()
    seen.quantize(palette=colours, dither=Image.Dither.NONE).save(target, "PNG", optimize=True)
    return target.getvalue()

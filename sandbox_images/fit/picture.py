"""Makes a picture anew: few fixed colours, bounded sides, no metadata. What low bits of pixels could carry is gone.

The bytes were made by a researcher's code: they are only ever decoded in here, and only as PNG.
"""

import io
import warnings

from PIL import Image

SIDE, PIXELS = 1600, 40_000_000
LEVELS = (0, 85, 170, 255)
COLOURS = [(r, g, b) for r in LEVELS for g in LEVELS for b in LEVELS]
"""The same for every picture. Colours that are chosen from the picture keep what it hides: two whites that differ by
one would both be chosen."""


def remake(content: bytes) -> bytes | None:
    """A PNG of at most `SIDE` pixels a side in `COLOURS`; None where the bytes are no picture."""
    Image.MAX_IMAGE_PIXELS = PIXELS
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with Image.open(io.BytesIO(content), formats=["PNG"]) as given:
                given.load()
                seen = Image.new("RGB", given.size, "white")
                clear = given.convert("RGBA")
                seen.paste(clear, mask=clear.getchannel("A"))
    except Exception:
        return None
    seen.thumbnail((SIDE, SIDE), Image.Resampling.BOX)
    colours = Image.new("P", (1, 1))
    colours.putpalette([level for colour in COLOURS for level in colour])
    few = seen.quantize(palette=colours, dither=Image.Dither.NONE)
    target = io.BytesIO()
    few.save(target, "PNG", optimize=True)
    return target.getvalue()

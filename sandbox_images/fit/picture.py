"""Makes a picture anew: few colours, bounded sides, no metadata. What low bits of pixels could carry is gone.

The bytes were made by a researcher's code: they are only ever decoded in here, and only as PNG.
"""

import io
import warnings

from PIL import Image

SIDE, COLOURS, PIXELS = 1600, 64, 40_000_000


def remake(content: bytes) -> bytes | None:
    """A PNG of at most `SIDE` pixels a side and `COLOURS` colours; None where the bytes are no picture."""
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
    few = seen.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    target = io.BytesIO()
    few.save(target, "PNG", optimize=True)
    return target.getvalue()

"""docs/reference/pages.md shows each picture that `make docs` takes, and each is there, small, with words for who
cannot see it."""

import re

from docs.screenshots import PICTURES, SHOTS
from tests.docs.commands import ROOT

MOST_BYTES = 250_000


def test_every_picture_is_taken_shown_and_small():
    page = (ROOT / "docs" / "reference" / "pages.md").read_text()
    shown = re.findall(r"!\[([^\]]{10,})\]\(\.\./pages/([a-z-]+)\.png\)", page)
    assert sorted(name for _, name in shown) == sorted(SHOTS)
    assert sorted(file.stem for file in PICTURES.glob("*.png")) == sorted(SHOTS)
    for name in SHOTS:
        picture = (PICTURES / f"{name}.png").read_bytes()
        assert picture.startswith(b"\x89PNG"), name
        assert len(picture) < MOST_BYTES, name

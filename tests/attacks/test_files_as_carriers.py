"""Attacks by files of a script: the broker makes each file anew, and a hidden message is lost."""

import json
import struct
import zlib

import numpy as np
import pytest

from broker.disclosure.script_table_flags import table_flags
from broker.domain.errors import Invalid
from broker.domain.findings import Verdict
from broker.workflow.pipeline.draft_output import DraftOutput
from broker.workflow.pipeline.script_outputs import draft_file
from tests.attacks.script_town import picture, policies, profile
from tests.files import made as remade, remake

pytestmark = pytest.mark.long

SIDE = 96


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def header(width: int, height: int, depth: int = 8, kind: int = 2, data: bytes = b"", more: bytes = b"") -> bytes:
    """A picture as its header says, whatever the data are."""
    first = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + first + more + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def png(pixels: np.ndarray) -> bytes:
    height, width, _ = pixels.shape
    lines = b"".join(b"\0" + line.tobytes() for line in pixels.astype(np.uint8))
    return header(width, height, data=zlib.compress(lines))


@pytest.mark.docker
@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("shades", [2, 30])
def test_a_picture_of_few_colours_hides_nothing_between_them(shades: int) -> None:
    """Of no more colours than a picture may have, all were kept: whites that no eye tells apart were a megabyte."""
    plain = np.full((SIDE, SIDE, 3), 255, np.uint8)
    plain[20:40, 20:60] = (31, 119, 180)
    message = np.random.default_rng(3).integers(0, shades, plain.shape)
    hiding = np.where(plain == 255, 255 - message, plain)
    found = picture(png(plain))
    assert found is not None
    assert picture(png(hiding)) == found


SPELLED = ["00.123456789", ".123456789", "0.1234567890123456789012345678901234", "+0.123456789e0"]


@pytest.mark.parametrize("cell", SPELLED)
def test_no_spelling_of_a_number_saves_its_digits(cell: str) -> None:
    assert remake("t.csv", f"x\n{cell}\n".encode(), 5).content == b"x\n0.12346\n"


def test_a_number_has_one_spelling() -> None:
    assert remake("t.csv", b"x,y,z\n5.,05.0,0.50\n", 5).content == b"x,y,z\n5,5,0.5\n"


@pytest.mark.parametrize(
    ("text", "kept"),
    [("0.123456789 (0.000987654321)", "0.12346 (0.00098765)"), ("12.3456789%", "12.346%"),
     ("a123456789012345", "a123460000000000"), ("E09000001 in 24.11.2026", "E09000001 in 24.11.2026"),
     ("1.2.3456789", "1.20.34568")],
)  # fmt: skip
def test_numbers_inside_a_text_have_no_more_digits_either(text: str, kept: str) -> None:
    assert remake("t.csv", f"x\n{text}\n".encode(), 5).content.decode() == f"x\n{kept}\n"
    assert remake("t.txt", text.encode(), 5).content.decode() == kept + "\n"
    assert remake("t.json", b'{"%s": ["%s"]}' % (text.encode(), text.encode()), 5).content.decode().count(kept) == 2


def test_whole_numbers_have_an_end() -> None:
    assert remake("t.csv", b"x\n1234567890123456789012\n", 5).content == b"x\n1234600000000000000000\n"
    assert remake("t.txt", b"7" * 2_000_000 + b" " + b"." * 100_000, 5).content == b"# " + b"." * 100_000 + b"\n"
    with pytest.raises(Invalid):
        remake("t.json", b"[" + b"7" * 300 + b"]", 5)


@pytest.mark.parametrize("hidden", ["\ufe0f", "\U000e0142", "\u3164", "\uffa0", "\u034f", "\u2800", "\u115f"])
def test_characters_that_show_nothing_are_gone(hidden: str) -> None:
    """Variation selectors carry a byte each, count as printable, and no page shows them."""
    assert remake("t.csv", f"LA{hidden}\nBarnet{hidden * 9}\n".encode(), 5).content == b"LA\nBarnet\n"


def test_a_word_among_counts_does_not_hide_that_they_are_small() -> None:
    """One `c`, or one -1, and a column was no column of counts any more."""
    for word in ("c", "-1"):
        flags = table_flags(("LA", "n"), [("A", "3"), ("B", "40"), ("C", word), ("D", "200")], profile(), frozenset())
        assert [f.rule for f in flags] == ["F1"]


@pytest.mark.parametrize("disguise", ["id-{}", "{}.", "{} "])
def test_pseudonyms_in_other_words_are_seen(disguise: str) -> None:
    pseudonym = disguise.format("0A1B" * 8)
    assert [f.rule for f in table_flags(("who",), [(pseudonym,)], profile(), frozenset())] == ["T3"]


def prepared_file(name: str, content: bytes) -> DraftOutput:
    return draft_file(remade(name, content), policies(), profile())


def test_a_table_in_json_has_no_more_rows_than_a_csv() -> None:
    """A row a person, in small print: nobody counted rows that were not in a CSV."""
    rows = json.dumps([{"school": n % 7, "score": n} for n in range(5001)]).encode()
    assert prepared_file("t.json", rows).verdict is Verdict.REFUSE
    assert prepared_file("t.json", rows.replace(b'{"school": 0, "score": 0}, ', b"")).verdict is Verdict.REVIEW


@pytest.mark.parametrize("name", ["t.txt", "t.json"])
def test_pseudonyms_in_a_document_are_seen(name: str) -> None:
    found = prepared_file(name, b'{"who": {"in": ["' + b"0a1b" * 8 + b'"]}}')
    assert [rule for rule, _ in json.loads(found.findings)] == ["T2", "T3"]

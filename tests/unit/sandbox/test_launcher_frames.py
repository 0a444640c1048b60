"""Launcher frames: packed frames come out whole, in any pieces. The reader refuses any other bytes and reads no
further."""

import ast
import sys
from itertools import accumulate, pairwise

import pytest
from hypothesis import given, strategies as st

from broker.sandbox import launcher_frames
from broker.sandbox.launcher_frames import FrameError, FrameReader, pack
from tests.unit.sandbox.conftest import IMAGES as SOURCES

ALL = frozenset(launcher_frames.KINDS)

messages = st.lists(st.tuples(st.sampled_from(sorted(ALL)), st.binary(max_size=200)), max_size=6)


def pieces(data: bytes, sizes: list[int]) -> list[bytes]:
    cuts = [0, *accumulate(sizes)]
    return [*(data[start:end] for start, end in pairwise(cuts)), data[cuts[-1] :]]


@given(messages, st.lists(st.integers(0, 90), max_size=40))
def test_what_is_packed_comes_out_in_whatever_pieces_it_travels(sent, sizes):
    reader = FrameReader(ALL, 10_000, 100)
    wire = b"".join(pack(kind, payload) for kind, payload in sent)
    got = [frame for piece in pieces(wire, sizes) for frame in reader.feed(piece)]
    assert got == sent
    assert not reader.pending


@given(messages)
def test_who_reads_no_more_than_is_lacking_has_nothing_of_the_frame_that_follows(sent):
    reader, wire = FrameReader(ALL, 10_000, 100), b"".join(pack(kind, payload) for kind, payload in sent)
    for kind, payload in sent:
        found = []
        while not found:
            piece, wire = wire[: reader.lacks], wire[reader.lacks :]
            found = reader.feed(piece)
        assert found == [(kind, payload)]
        assert not reader.pending
    assert wire == b""


@given(st.binary(max_size=200), st.integers(0, 244), st.integers(1, 255))
def test_one_changed_byte_is_never_read_as_a_frame(payload, at, change):
    wire = bytearray(pack("table", payload))
    at %= len(wire)
    wire[at] ^= change
    reader = FrameReader(ALL, 10_000, 100)
    try:
        assert reader.feed(bytes(wire)) == []  # a longer length: it waits for more
        assert reader.pending
    except FrameError:
        pass


@given(st.binary(max_size=500))
def test_noise_raises_nothing_but_a_frame_error(noise):
    reader = FrameReader(ALL, 1000, 3)
    try:
        assert reader.feed(noise) == []
    except FrameError:
        with pytest.raises(FrameError):
            reader.feed(pack("table", b"good"))


def test_a_header_that_promises_too_much_is_refused_before_a_byte_of_it_comes():
    header = launcher_frames.HEADER.pack(launcher_frames.MAGIC, launcher_frames.KINDS["table"], 1 << 60, bytes(32))
    with pytest.raises(FrameError, match="more than was agreed"):
        FrameReader(ALL, 1000, 3).feed(header)


@pytest.mark.parametrize(("sent", "why"), [
    ([("table", b"x" * 60), ("table", b"x" * 60)], "bytes of all frames together"),
    ([("table", b"")] * 4, "number of frames"),
    ([("job", b"")], "a kind that may not come here"),
])  # fmt: skip
def test_limits(sent, why):
    reader = FrameReader(launcher_frames.OUTWARD, 100, 3)
    with pytest.raises(FrameError):
        reader.feed(b"".join(pack(kind, payload) for kind, payload in sent))


@pytest.mark.parametrize(("kind", "size"), [("other", 0), ("status", launcher_frames.SMALL + 1)])
def test_what_cannot_be_sent(kind, size):
    with pytest.raises(FrameError):
        pack(kind, b"x" * size)


def test_broker_and_images_share_one_file():
    assert (SOURCES / "common" / "frames.py").samefile(launcher_frames.__file__)


def imports(path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").split(".")[0])
    return found


def test_the_common_side_needs_only_the_standard_library():
    files = list((SOURCES / "common").glob("*.py"))
    own = {path.stem for path in files} | {"main"}
    for path in files:
        assert imports(path) <= sys.stdlib_module_names | own, path.name


def test_images_import_nothing_of_the_broker():
    """But `files`, which opens what scripts left by the broker's own pure modules: they are copied into it."""
    for path in SOURCES.rglob("*.py"):
        assert "broker" not in imports(path) or "files" in path.relative_to(SOURCES).parts, path.name

"""Frames from a sandbox: the launcher's last frame decides, and odd frames are `bad_frames`."""

import json

import pytest
from hypothesis import given, strategies as st

from broker.domain.ports import SandboxEnd, SandboxLimits
from broker.sandbox import launcher_exchange, launcher_frames

LIMITS = SandboxLimits(5, 1 << 20, 1000, 2, 4, 1, 1 << 20)
READY = b'{"image": "sql", "landlock": 7}'
ENDED = launcher_frames.pack("status", b'{"word": "ended"}')


def end_of(*pieces: bytes, **more) -> tuple[SandboxEnd, launcher_exchange.LauncherExchange]:
    """Feed pieces, then the end of the stream."""
    coming, ticks = iter([*pieces, b""]), iter(range(10_000))
    talk = launcher_exchange.LauncherExchange(LIMITS)
    return launcher_exchange.run_exchange(lambda left: next(coming), talk, lambda: float(next(ticks)), 10, **more), talk


def test_a_clean_end():
    frames = (("ready", READY), ("table", b"abc"), ("log", b"hello"))
    end, talk = end_of(b"".join(launcher_frames.pack(*frame) for frame in frames) + ENDED)
    assert end is SandboxEnd.ENDED
    assert talk.landlock == 7
    assert talk.frames(end) == (("table", b"abc"), ("status", b'{"word": "ended"}'))
    assert talk.log() == b"hello"


@pytest.mark.parametrize("word", sorted(launcher_frames.WORDS - {"ended"}))
def test_after_any_other_word_nothing_is_used(word):
    status = launcher_frames.pack("status", json.dumps({"word": word}).encode())
    end, talk = end_of(launcher_frames.pack("table", b"abc") + status)
    assert end == SandboxEnd(word)
    assert talk.frames(end) == ()


@pytest.mark.parametrize(("wire", "end"), [
    (b"", SandboxEnd.CRASHED),
    (launcher_frames.pack("table", b"abc"), SandboxEnd.CRASHED),
    (ENDED[:-1], SandboxEnd.BAD_FRAMES),
    (b"hello, world; I print on standard output " * 3, SandboxEnd.BAD_FRAMES),
    (ENDED + launcher_frames.pack("file", b"late"), SandboxEnd.BAD_FRAMES),
    (ENDED + b"x", SandboxEnd.BAD_FRAMES),
    (ENDED + ENDED, SandboxEnd.BAD_FRAMES),
    (launcher_frames.pack("job", b"{}") + ENDED, SandboxEnd.BAD_FRAMES),
    (launcher_frames.pack("status", b'{"word": "bad_frames"}'), SandboxEnd.BAD_FRAMES),
    (launcher_frames.pack("status", b'{"word": "ended", "n": 9}'), SandboxEnd.BAD_FRAMES),
    (launcher_frames.pack("status", b'{"word": ["ended"]}'), SandboxEnd.BAD_FRAMES),
    (launcher_frames.pack("status", b"[" * 4000), SandboxEnd.BAD_FRAMES),
    (launcher_frames.pack("table", b"x" * (1000 + launcher_exchange.SPARE_BYTES + 1)), SandboxEnd.BAD_FRAMES),
])  # fmt: skip
def test_odd_ends(wire, end):
    assert end_of(wire)[0] is end


def test_a_flood_ends_at_the_cap():
    frame = launcher_frames.pack("file", b"x" * (1 << 20))
    assert end_of(frame[:-1], b"y" * (2 << 20))[0] is SandboxEnd.OUTPUT_LIMIT


def test_silence_ends_at_the_clock():
    talk = launcher_exchange.LauncherExchange(LIMITS)
    ticks = iter([0.0, 3.0, 9.0])
    assert launcher_exchange.run_exchange(lambda left: None, talk, lambda: next(ticks), 5.0) is SandboxEnd.TIME_LIMIT


@given(st.binary(max_size=300))
def test_no_bytes_make_it_raise_or_claim_a_clean_end(noise):
    end, talk = end_of(noise)
    assert end in (SandboxEnd.CRASHED, SandboxEnd.BAD_FRAMES)
    assert talk.frames(end) == ()


@pytest.mark.parametrize("said", [b"sql", b"[]", b"{}", b'{"landlock": true}', b'{"landlock": "7"}', b"[" * 4000])
def test_a_first_frame_without_landlock_is_no_frame(said):
    end, talk = end_of(launcher_frames.pack("ready", said) + ENDED)
    assert (end, talk.landlock) == (SandboxEnd.BAD_FRAMES, None)


def test_the_last_frame_is_enough_where_it_is_requested():
    """Bytes that come later are not asked for."""
    assert end_of(launcher_frames.pack("table", b"abc") + ENDED, b"late", last=True)[0] is SandboxEnd.ENDED
    assert end_of(launcher_frames.pack("table", b"abc") + ENDED, b"late")[0] is SandboxEnd.BAD_FRAMES

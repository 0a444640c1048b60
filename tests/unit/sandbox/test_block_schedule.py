"""The schedule of blocks: one that is slow to go moves neither the end nor, for long, the beginning of later ones."""

from itertools import pairwise

import pytest

SECONDS, REST, SPARE, SLOTS = 0.5, 0.05, 2.0, 20
BLOCKS = 2 * SLOTS


class Hand:
    """A clock that only moves when somebody waits."""

    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


class Lane:
    """Its block number `slow` takes `extra` seconds to go away."""

    def __init__(self, clock, slow, extra):
        self.clock, self.slow, self.extra, self.began, self.lived = clock, slow, extra, [], []

    def begin(self, printing):
        self.began.append(self.clock.now)
        return len(self.began), len(self.began)

    def end(self, until):
        self.lived.append(max(until, self.clock.now) - self.began[-1])

    def ended(self):
        self.clock.sleep(self.extra if len(self.began) == self.slow else 0.0)


class Rows:
    lengths = (1,) * BLOCKS

    def next(self, length):
        return []


@pytest.fixture
def blocks(image_module):
    return image_module("blocks")


def schedule(blocks, monkeypatch, slow=0, extra=0.0):
    """When each slot began, and when all was over."""
    clock = Hand()
    lane, beside = Lane(clock, slow, extra), Lane(clock, 0, 0.0)
    monkeypatch.setattr(blocks, "time", clock)
    monkeypatch.setattr(blocks, "feed", lambda contents, until: None)
    asked = {"seconds": SECONDS, "rest_seconds": REST, "spare_seconds": SPARE}
    made = blocks.Schedule([lane, beside], asked, 1, None)
    monkeypatch.setattr(made, "_numbers_of", lambda answer: (1.0,))
    assert made.run(Rows()) == [1.0] * BLOCKS
    assert beside.lived == pytest.approx([SECONDS] * SLOTS), "a moment more beside one that is slow to go would tell"
    return lane.began, clock.now


def test_the_end_is_where_it_was_to_be_whatever_a_block_does(blocks, monkeypatch):
    began, end = schedule(blocks, monkeypatch)
    assert end == pytest.approx(100 + SLOTS * (SECONDS + REST) + SPARE)
    for slow in (1, 7, SLOTS):
        assert schedule(blocks, monkeypatch, slow, 0.4)[1] == pytest.approx(end)
    late, _ = schedule(blocks, monkeypatch, 5, 0.2)
    assert late[:5] == pytest.approx(began[:5])
    assert late[5] == pytest.approx(began[5] + 0.15)
    assert late[9:] == pytest.approx(began[9:]), "four rests later it is as if nothing had been"


def test_no_slot_is_shorter_for_it(blocks, monkeypatch):
    began, _ = schedule(blocks, monkeypatch, 3, 1.0)
    assert all(b - a >= SECONDS - 1e-9 for a, b in pairwise(began))

"""Frames and descriptions are read strictly: one form, and everything else is an error that says nothing."""

import io
import json
import random
from array import array

import pytest

from broker.domain.amounts import Accounting
from broker.domain.errors import Invalid
from broker.privacy.bounds import Sensitivity
from broker.privacy.mechanisms import Additive, Bundle, Family, Selection, Threshold
from broker.privacy.noise.described import from_text, to_text
from broker.privacy.noise.frames import BadFrame, Frame, Kind, encode, read
from broker.privacy.noise.serve import UNREADABLE, answer, serve

S = Sensitivity(1, 2, 4, 2)
BUNDLES = [
    Bundle(Accounting.PURE, (Additive(Family.LAPLACE, 0.1, S, 3), Selection(Family.LAPLACE, 1 / 3, (1, 2), 4))),
    Bundle(
        Accounting.APPROXIMATE, (Threshold(Family.LAPLACE, 2.0, 9, S), Additive(Family.GAUSSIAN, 1e300, S, 1, 0)), 1e-9
    ),
]
FRAME = Frame(Kind.DRAW, to_text(BUNDLES[0]), (array("q", [1, -2, 2**62]), array("q")))


@pytest.mark.parametrize("bundle", BUNDLES)
def test_a_bundle_comes_back_exactly(bundle: Bundle) -> None:
    assert from_text(to_text(bundle)) == bundle


@pytest.mark.parametrize(
    "change",
    [
        {"accounting": "none"}, {"extra": 1}, {"delta": "0"}, {"mechanisms": []}, {"mechanisms": [{"is": "os.system"}]},
        {"mechanisms": [{"is": "additive", "family": "laplace", "scale": True, "bounds": {}, "width": 1}]},
    ],
)  # fmt: skip
def test_a_bundle_that_is_not_exactly_one_is_refused(change: dict[str, object]) -> None:
    told = json.loads(to_text(BUNDLES[0])) | change
    with pytest.raises((ValueError, KeyError, TypeError, Invalid)):
        from_text(json.dumps(told))


def test_a_frame_comes_back_and_a_changed_byte_does_not() -> None:
    whole = encode(FRAME)
    assert read(io.BytesIO(whole).read) == FRAME
    rng = random.Random(5)
    for _ in range(200):
        broken = bytearray(whole)
        broken[rng.randrange(len(broken))] ^= 1 << rng.randrange(8)
        with pytest.raises(BadFrame):
            read(io.BytesIO(bytes(broken)).read)


def test_the_server_takes_one_form_only() -> None:
    wrong = [
        Frame(Kind.READY),
        Frame(Kind.DRAW, "{}"),
        Frame(Kind.DRAW, to_text(BUNDLES[0]), ()),
        Frame(Kind.DRAW, to_text(BUNDLES[0]), (array("q", [1]), array("q", [1, 2, 3]))),
        Frame(Kind.DRAW, to_text(BUNDLES[0]), (array("q", [1]), array("q", [1, 2, 3, 4]), array("q"))),
        Frame(Kind.DRAW, to_text(BUNDLES[1]), (array("q", [0, 0]), array("q", [1, 2]), array("q", [1, 2]))),
        Frame(Kind.DRAW, to_text(BUNDLES[1]), (array("q", [0, 5]), array("q", [1, 2]), array("q", [1, 2]))),
        Frame(Kind.DRAW, to_text(BUNDLES[1]), (array("q", [0, 1]), array("q", [1, 2]), array("q", [1]))),
    ]
    for frame in wrong:
        assert answer(frame) == Frame(Kind.FAILED, UNREADABLE)


def test_the_server_ends_with_its_source_and_at_a_broken_frame() -> None:
    told = io.BytesIO()
    serve(io.BytesIO(encode(Frame(Kind.READY))), told)
    told.seek(0)
    assert [read(told.read).kind for _ in range(2)] == [Kind.READY, Kind.FAILED]
    told = io.BytesIO()
    serve(io.BytesIO(b"\0" * 60 + encode(FRAME)), told)
    told.seek(0)
    assert [read(told.read).kind for _ in range(2)] == [Kind.READY, Kind.FAILED]
    assert told.read() == b"", "after a broken frame nothing is read any more"

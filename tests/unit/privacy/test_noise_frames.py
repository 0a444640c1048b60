"""Frames and descriptions are read strictly: one form, and everything else is an error that says nothing."""

import io
import json
import random
from array import array

import pytest

from broker.domain.errors import Invalid
from broker.domain.ledger.privacy_loss import Accounting
from broker.privacy.mechanisms import Additive, MechanismBundle, NoiseFamily, Selection, Threshold
from broker.privacy.noise.noise_protocol import (
    BadNoiseFrame,
    NoiseFrame,
    NoiseFrameKind,
    bundle_from_text,
    bundle_to_text,
    encode_frame,
    read_frame,
)
from broker.privacy.noise.noise_server import UNREADABLE, answer_request, serve
from broker.privacy.sensitivity import Sensitivity

S = Sensitivity(1, 2, 4, 2)
BUNDLES = [
    MechanismBundle(
        Accounting.PURE, (Additive(NoiseFamily.LAPLACE, 0.1, S, 3), Selection(NoiseFamily.LAPLACE, 1 / 3, (1, 2), 4))
    ),
    MechanismBundle(
        Accounting.APPROXIMATE,
        (Threshold(NoiseFamily.LAPLACE, 2.0, 9, S), Additive(NoiseFamily.GAUSSIAN, 1e300, S, 1, 0)),
        1e-9,
    ),
]
FRAME = NoiseFrame(NoiseFrameKind.DRAW, bundle_to_text(BUNDLES[0]), (array("q", [1, -2, 2**62]), array("q")))


@pytest.mark.parametrize("bundle", BUNDLES)
def test_a_bundle_comes_back_exactly(bundle: MechanismBundle) -> None:
    assert bundle_from_text(bundle_to_text(bundle)) == bundle


@pytest.mark.parametrize(
    "change",
    [
        {"accounting": "none"}, {"extra": 1}, {"delta": "0"}, {"mechanisms": []}, {"mechanisms": [{"is": "os.system"}]},
        {"mechanisms": [{"is": "additive", "family": "laplace", "scale": True, "bounds": {}, "width": 1}]},
    ],
)  # fmt: skip
def test_a_bundle_that_is_not_exactly_one_is_refused(change: dict[str, object]) -> None:
    told = json.loads(bundle_to_text(BUNDLES[0])) | change
    with pytest.raises((ValueError, KeyError, TypeError, Invalid)):
        bundle_from_text(json.dumps(told))


def test_a_frame_comes_back_and_a_changed_byte_does_not() -> None:
    whole = encode_frame(FRAME)
    assert read_frame(io.BytesIO(whole).read) == FRAME
    rng = random.Random(5)
    for _ in range(200):
        broken = bytearray(whole)
        broken[rng.randrange(len(broken))] ^= 1 << rng.randrange(8)
        with pytest.raises(BadNoiseFrame):
            read_frame(io.BytesIO(bytes(broken)).read)


def test_the_server_takes_one_form_only() -> None:
    wrong = [
        NoiseFrame(NoiseFrameKind.READY),
        NoiseFrame(NoiseFrameKind.DRAW, "{}"),
        NoiseFrame(NoiseFrameKind.DRAW, bundle_to_text(BUNDLES[0]), ()),
        NoiseFrame(NoiseFrameKind.DRAW, bundle_to_text(BUNDLES[0]), (array("q", [1]), array("q", [1, 2, 3]))),
        NoiseFrame(
            NoiseFrameKind.DRAW, bundle_to_text(BUNDLES[0]), (array("q", [1]), array("q", [1, 2, 3, 4]), array("q"))
        ),
        NoiseFrame(
            NoiseFrameKind.DRAW,
            bundle_to_text(BUNDLES[1]),
            (array("q", [0, 0]), array("q", [1, 2]), array("q", [1, 2])),
        ),
        NoiseFrame(
            NoiseFrameKind.DRAW,
            bundle_to_text(BUNDLES[1]),
            (array("q", [0, 5]), array("q", [1, 2]), array("q", [1, 2])),
        ),
        NoiseFrame(
            NoiseFrameKind.DRAW, bundle_to_text(BUNDLES[1]), (array("q", [0, 1]), array("q", [1, 2]), array("q", [1]))
        ),
    ]
    for frame in wrong:
        assert answer_request(frame) == NoiseFrame(NoiseFrameKind.FAILED, UNREADABLE)


def test_the_server_ends_with_its_source_and_at_a_broken_frame() -> None:
    told = io.BytesIO()
    serve(io.BytesIO(encode_frame(NoiseFrame(NoiseFrameKind.READY))), told)
    told.seek(0)
    assert [read_frame(told.read).kind for _ in range(2)] == [NoiseFrameKind.READY, NoiseFrameKind.FAILED]
    told = io.BytesIO()
    serve(io.BytesIO(b"\0" * 60 + encode_frame(FRAME)), told)
    told.seek(0)
    assert [read_frame(told.read).kind for _ in range(2)] == [NoiseFrameKind.READY, NoiseFrameKind.FAILED]
    assert told.read() == b"", "after a broken frame nothing is read any more"

"""Frames and descriptions are read strictly: one form, and everything else is an error that says nothing."""

import io
import json
import random
from array import array

import pytest

from broker.domain.errors import Invalid
from broker.domain.ledger.privacy_loss import Accounting
from broker.privacy.mechanisms import Additive, MechanismBundle, NoiseFamily, Selection, Threshold
from broker.privacy.noise import noise_protocol
from broker.privacy.noise.noise_protocol import NoiseFrame, NoiseFrameKind, bundle_to_text, encode_frame, read_frame
from broker.privacy.noise.noise_server import UNREADABLE, answer_request, serve
from broker.privacy.sensitivity import Sensitivity

S = Sensitivity(1, 2, 4, 2)
L, G = NoiseFamily.LAPLACE, NoiseFamily.GAUSSIAN
BUNDLES = [
    MechanismBundle(Accounting.PURE, (Additive(L, 0.1, S, 3), Selection(L, 1 / 3, (1, 2), 4))),
    MechanismBundle(Accounting.APPROXIMATE, (Threshold(L, 2.0, 9, S), Additive(G, 1e300, S, 1, 0)), 1e-9),
]
FRAME = NoiseFrame(NoiseFrameKind.DRAW, bundle_to_text(BUNDLES[0]), (array("q", [1, -2, 2**62]), array("q")))


@pytest.mark.parametrize("bundle", BUNDLES)
def test_a_bundle_comes_back_exactly(bundle: MechanismBundle) -> None:
    assert noise_protocol.bundle_from_text(bundle_to_text(bundle)) == bundle


@pytest.mark.parametrize("change", [
    {"accounting": "none"}, {"extra": 1}, {"delta": "0"}, {"mechanisms": []},
    {"mechanisms": [{"is": "os.system"}]},
    {"mechanisms": [{"is": "additive", "family": "laplace", "scale": True, "bounds": {}, "width": 1}]},
])  # fmt: skip
def test_a_bundle_that_is_not_exactly_one_is_refused(change: dict[str, object]) -> None:
    told = json.loads(bundle_to_text(BUNDLES[0])) | change
    with pytest.raises((ValueError, KeyError, TypeError, Invalid)):
        noise_protocol.bundle_from_text(json.dumps(told))


def test_a_frame_comes_back_and_a_changed_byte_does_not() -> None:
    whole = encode_frame(FRAME)
    assert read_frame(io.BytesIO(whole).read) == FRAME
    rng = random.Random(5)
    for _ in range(200):
        broken = bytearray(whole)
        broken[rng.randrange(len(broken))] ^= 1 << rng.randrange(8)
        with pytest.raises(noise_protocol.BadNoiseFrame):
            read_frame(io.BytesIO(bytes(broken)).read)


def draw(bundle: MechanismBundle, *vectors: list[int]) -> NoiseFrame:
    return NoiseFrame(NoiseFrameKind.DRAW, bundle_to_text(bundle), tuple(array("q", v) for v in vectors))


@pytest.mark.parametrize("wrong", [
    NoiseFrame(NoiseFrameKind.READY),
    NoiseFrame(NoiseFrameKind.DRAW, "{}"),
    draw(BUNDLES[0]),
    draw(BUNDLES[0], [1], [1, 2, 3]),
    draw(BUNDLES[0], [1], [1, 2, 3, 4], []),
    draw(BUNDLES[1], [0, 0], [1, 2], [1, 2]),
    draw(BUNDLES[1], [0, 5], [1, 2], [1, 2]),
    draw(BUNDLES[1], [0, 1], [1, 2], [1]),
])  # fmt: skip
def test_the_server_takes_one_form_only(wrong: NoiseFrame) -> None:
    assert answer_request(wrong) == NoiseFrame(NoiseFrameKind.FAILED, UNREADABLE)


@pytest.mark.parametrize("sent", [encode_frame(NoiseFrame(NoiseFrameKind.READY)), b"\0" * 60 + encode_frame(FRAME)])
def test_the_server_ends_with_its_source_and_at_a_broken_frame(sent: bytes) -> None:
    told = io.BytesIO()
    serve(io.BytesIO(sent), told)
    told.seek(0)
    assert [read_frame(told.read).kind for _ in range(2)] == [NoiseFrameKind.READY, NoiseFrameKind.FAILED]
    assert told.read() == b"", "after a broken frame nothing is read any more"

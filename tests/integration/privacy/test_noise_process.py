"""The noise process as it runs: a process of its own that draws what is described, holds nothing, and fails in one
constant sentence."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from broker.domain.errors import Breach, Unavailable
from broker.domain.ledger.privacy_loss import Accounting
from broker.privacy.mechanisms import Additive, MechanismBundle, NoiseFamily, Selection, Threshold
from broker.privacy.noise.noise_client import COMMAND, NO_ANSWER, ROOT, NoiseClient
from broker.privacy.noise.noise_protocol import BadNoiseFrame
from broker.privacy.sensitivity import Sensitivity
from tests.integration.expected_errors import expect

ONE = Sensitivity(1, 1, 1, 1)
COUNTS = MechanismBundle(Accounting.PURE, (Additive(NoiseFamily.LAPLACE, 2.0, ONE),))


@pytest.fixture(scope="module")
def process():
    with closing(NoiseClient(60)) as found:
        yield found


def test_noise_is_of_the_scale_that_was_described(process):
    drawn = process.draw(COUNTS, [[1000] * 20_000])[0].values
    assert sum(abs(v - 1000) for v in drawn) / 20_000 == pytest.approx(1.92, abs=0.08)  # integer Laplace of scale 2


def test_no_two_draws_are_alike(process):
    """No seed: neither within the process nor over two of them."""
    with closing(NoiseClient(60)) as other:
        found = [tuple(p.draw(COUNTS, [[0] * 200])[0].values) for p in (process, process, other)]
    assert len(set(found)) == 3


def test_every_mechanism_answers_in_its_place(process):
    """The thresholds of approximate accounting with Gaussian noise are composed last, and told where they stand."""
    bundle = MechanismBundle(
        Accounting.APPROXIMATE,
        (
            Threshold(NoiseFamily.LAPLACE, 1.0, 50, ONE),
            Additive(NoiseFamily.GAUSSIAN, 1.0, ONE, width=2, keys=0),
            Selection(NoiseFamily.GAUSSIAN, 0.1, (1,), 3, keys=0),
            Additive(NoiseFamily.GAUSSIAN, 1.0, ONE),
        ),
        1e-9,
    )
    keys, pairs, chosen, rest = process.draw(
        bundle, [[1000, 1, 2000], [100, 200, 300, 400, 500, 600], [9, 0, 9, 0, 9, 9, 9, 9, 0], [7000]]
    )
    assert list(keys.keys or ()) == [0, 2]
    assert [round(v, -3) for v in keys.values] == [1000, 2000]
    assert [round(v, -2) for v in pairs.values] == [100, 200, 500, 600], "what belongs to a key that stays, stays"
    assert list(chosen.values) == [1, 2]
    assert round(rest.values[0], -3) == 7000


def test_requests_of_many_threads_do_not_mix(process):
    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(lambda n: process.draw(COUNTS, [[n * 10**6]])[0].values[0], range(12)))
    assert [round(v / 10**6) for v in found] == list(range(12))


def test_bad_requests_are_refused_without_quoting_them(process):
    wrong = MechanismBundle(Accounting.PURE, (Selection(NoiseFamily.LAPLACE, 1.0, (1,), 3),))
    with pytest.raises(Breach) as caught:
        process.draw(wrong, [[424242, 1]])
    assert "424242" not in str(caught.value)
    assert process.draw(COUNTS, [[5]]), "the process goes on"


@pytest.mark.parametrize("values", [[2**63], [1.5], ["x"], [True]])
def test_only_integers_of_64_bits_are_sent(process, values):
    expect(BadNoiseFrame, process.draw, COUNTS, [values])


def test_a_process_that_dies_is_one_constant_and_the_next_request_starts_another():
    with closing(NoiseClient(60)) as found:
        found.warm()
        assert found._process is not None
        found._process.kill()
        found._process.wait()
        assert found.draw(COUNTS, [[1]]), "a process that died while idle is replaced"
    program = (
        "import sys; from broker.privacy.noise.noise_protocol import *; "
        "sys.stdout.buffer.write(encode_frame(NoiseFrame(NoiseFrameKind.READY))); "
        "sys.stdout.flush(); sys.stdin.buffer.read(10); sys.exit(3)"
    )
    dies = (sys.executable, "-c", program)
    with closing(NoiseClient(60, dies)) as found, pytest.raises(Unavailable) as caught:
        found.draw(COUNTS, [[1]])
    assert str(caught.value) == NO_ANSWER


@pytest.mark.parametrize(
    "code",
    [
        "import time; time.sleep(60)",
        "import sys; sys.stdout.buffer.write(b'NPN1' + bytes(80)); sys.stdout.flush(); import time; time.sleep(60)",
        "print('hello')",
    ],
)
def test_a_process_that_hangs_or_babbles_is_given_up(code):
    with closing(NoiseClient(1.0, (sys.executable, "-c", code))) as found, pytest.raises(Unavailable) as caught:
        found.draw(COUNTS, [[1]])
    assert str(caught.value) == NO_ANSWER
    assert found._process is None


def test_it_knows_no_scikit_learn_no_polars_and_no_researchers_code(tmp_path):
    """OpenDP's prelude would import scikit-learn where it is installed: seconds, and code that nobody asked for."""
    for name in ("sklearn", "polars", "pandas"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('imported')")
    unwanted = {"sklearn", "polars", "pandas", "duckdb", "sqlglot", "sqlalchemy", "flask", "random_seed"}
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); import broker.privacy.noise.noise_server; "
        f"print(sorted({{m.split('.')[0] for m in sys.modules}} & {unwanted}), 'opendp.extras' in sys.modules)"
    )
    command = [sys.executable, "-E", "-s", "-c", script, str(tmp_path)]
    found = subprocess.run(command, cwd=ROOT, env={}, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[] False"


def test_its_environment_is_empty(monkeypatch):
    monkeypatch.setenv("OPENDP_LIB_DIR", "/nowhere")
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    with closing(NoiseClient(60)) as found:
        assert found.draw(COUNTS, [[1]])
        assert found._process is not None
        environment = Path(f"/proc/{found._process.pid}/environ").read_bytes()
    assert environment == b""
    assert os.environ["OPENDP_LIB_DIR"] == "/nowhere"
    assert "serve" in COMMAND[-1]

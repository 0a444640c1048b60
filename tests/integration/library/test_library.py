"""The wheel: built from the checkout, installed into an environment of its own beside what researchers have at home,
and tested there."""

import os
import re
import subprocess
import zipfile
from pathlib import Path

import pytest
from uv import find_uv_bin

from broker.policy.files import load_policies
from broker.wiring.data_intake import make_extracts
from docs.generator.library_catalogue import library_catalogue

ROOT = Path(__file__).resolve().parents[3]
SOURCE = ROOT / "sandbox_images" / "python"
LOCK = SOURCE / "requirements.lock"
PAGE = ROOT / "docs" / "reference" / "python.md"
SCRIPTS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
PANDAS = {"of the image": (), "3": ("pandas==3.1.1",)}
TRIED = os.environ.get("PROOF_PANDAS", "of the image").split(",")
"""Every day that of the image; the proof of Python jobs tries the newest, too."""

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(find_uv_bin(), "build", "-q", "--wheel", "--out-dir", folder, SOURCE)
    (found,) = folder.glob("npd-*.whl")
    return found


def run(*command: object, cwd: Path = ROOT, **environment: str) -> str:
    """Bytecode is kept, whatever the machine says: each of the commands imports pandas."""
    words, env = [str(part) for part in command], os.environ | {"PYTHONDONTWRITEBYTECODE": ""} | environment
    done = subprocess.run(words, capture_output=True, text=True, cwd=cwd, env=env)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
    return done.stdout


def test_the_wheel_has_the_library_and_nothing_of_the_broker_or_the_image(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {"npd/__init__.py", "npd/catalogue.json", "npd/output.py"} <= set(names)
    assert all(name.startswith(("npd/", "npd-")) for name in names)
    metadata = zipfile.ZipFile(wheel).read(next(n for n in names if n.endswith("/METADATA"))).decode()
    needed = [line for line in re.findall(r"^Requires-Dist: (.*)$", metadata, re.MULTILINE) if "extra" not in line]
    assert [line.split(">")[0] for line in needed] == ["pyarrow"]


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `broker synth` makes, of the years that the page of the documentation reads."""
    folder = tmp_path_factory.mktemp("synthetic") / "npd-data"
    catalogue = load_policies(ROOT / "policies").catalogue
    make_extracts(catalogue, 500, (2018, 2022), 1, folder, lambda what, done, total: None)
    return folder


@pytest.mark.parametrize("which", TRIED)
def test_the_library_at_home(wheel, synthetic, tmp_path, which):
    """Its own tests, and every script of docs/reference/python.md, unchanged."""
    environment = tmp_path / "env"
    run(find_uv_bin(), "venv", "-q", environment)
    python = environment / "bin" / "python"
    pins = dict(re.findall(r"^([a-z0-9-]+)==([^ ]+)", LOCK.read_text(), re.MULTILINE))
    others = [f"{name}=={pins[name]}" for name in ("duckdb", "polars", "pyarrow")]
    pandas = PANDAS[which] or (f"pandas=={pins['pandas']}",)
    wanted = [f"npd[all] @ {wheel.as_uri()}", "pytest", *others, *pandas]
    run(find_uv_bin(), "pip", "install", "-q", "--python", python, *wanted)
    tests = ROOT / "tests" / "library"
    run(python, "-P", "-m", "pytest", "-q", "-c", "/dev/null", "--rootdir", tests, "--confcutdir", tests,
        "-p", "no:cacheprovider", "-W", "error::FutureWarning", tests, cwd=tmp_path)  # fmt: skip
    for number, script in enumerate(SCRIPTS):
        (tmp_path / f"script{number}.py").write_text(script, encoding="utf-8")
        told = run(python, "-m", "npd", f"script{number}.py", cwd=tmp_path, NPD_DATA=str(synthetic))
        assert "of synthetic data" in told


def test_the_library_alone_needs_pyarrow_only(wheel, tmp_path):
    environment = tmp_path / "env"
    run(find_uv_bin(), "venv", "-q", environment)
    python = environment / "bin" / "python"
    run(find_uv_bin(), "pip", "install", "-q", "--python", python, wheel)
    program = "import npd; print(npd.labels('Gender')['F'], len(npd.output.table.__doc__) > 100)"
    assert run(python, "-c", program, cwd=tmp_path) == "female True\n"


def test_the_librarys_catalogue_is_the_policies(wheel):
    """To write it anew: `make docs`."""
    wanted = library_catalogue(load_policies(ROOT / "policies").catalogue)
    assert (SOURCE / "npd" / "catalogue.json").read_text(encoding="utf-8") == wanted

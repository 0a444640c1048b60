"""Small data and short requests for tests that run real sandboxes."""

import json
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from decimal import Decimal
from pathlib import Path

import docker
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from broker.domain.ports import SandboxLimits, SandboxRequest
from broker.sandbox.bubblewrap_sandbox import BubblewrapSandbox
from broker.sandbox.docker_sandbox import DockerSandbox

MIB = 1 << 20
LIMITS = SandboxLimits(20, 1024 * MIB, 4 * MIB, 5, 24, 1, 32 * MIB)
TABLES = [{"schema": "npd", "name": "Absence", "paths": ["absence/schema.parquet", "absence/2021.parquet"]}]
Ask = Callable[..., SandboxRequest]


@pytest.fixture
def mount(tmp_path: Path) -> Path:
    """A vault of one table: a schema file without rows and one year; beside it a file that no view names."""
    data = pa.table(
        {"LA": ["301", "301", "302", None], "score": pa.array([Decimal("1.50"), None, Decimal("2.50"), Decimal("9")])}
    )
    folder = tmp_path / "vault" / "absence"
    folder.mkdir(parents=True)
    pq.write_table(data.slice(0, 0), folder / "schema.parquet")
    pq.write_table(data, folder / "2021.parquet")
    (folder / "other.csv").write_text("secret\n1\n")
    folder.parent.chmod(0o755)
    return folder.parent


@pytest.fixture
def api(engine: None) -> Iterator[docker.APIClient]:
    client = docker.APIClient()
    yield client
    client.close()


@pytest.fixture(params=["runc", "runsc", "bubblewrap"])
def sandbox(request: pytest.FixtureRequest, sandbox_root: Path):
    """Every isolation that there is."""
    return made(request.param, sandbox_root)


@pytest.fixture(params=["runc", "runsc"])
def docker_sandbox(request: pytest.FixtureRequest, sandbox_root: Path) -> DockerSandbox:
    return made(request.param, sandbox_root)


def made(runtime: str, root: Path):
    return BubblewrapSandbox(root) if runtime == "bubblewrap" else DockerSandbox(root, runtime)


@pytest.fixture
def sql(mount: Path, request: pytest.FixtureRequest) -> Ask:
    def make_request(*statements: str, **limits: int) -> SandboxRequest:
        named = [{"name": f"t{number}", "sql": text} for number, text in enumerate(statements)]
        return sandbox_request(request, mount, "sql", {"statements": named}, (), limits)

    return make_request


@pytest.fixture
def python(mount: Path, request: pytest.FixtureRequest) -> Ask:
    def make_request(program: str, **limits: int) -> SandboxRequest:
        frames = (("program", program.encode()),)
        return sandbox_request(request, mount, "python", {"allowed": [".csv", ".txt", ".png"]}, frames, limits)

    return make_request


def sandbox_request(request, mount: Path, image: str, more: dict, frames: tuple, changed: dict) -> SandboxRequest:
    """A request named after the test, so that tests that run side by side do not meet."""
    limits = replace(LIMITS, **changed)
    settings = {field.name: getattr(limits, field.name) for field in fields(SandboxLimits)}
    job = {"kind": image, "tables": TABLES, "settings": settings, **more}
    name = "".join(letter if letter.isalnum() else "." for letter in request.node.name)
    return SandboxRequest(name, 1, image, mount, (("job", json.dumps(job).encode()), *frames), limits, synthetic=True)

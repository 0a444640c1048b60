"""A script's sandbox request mounts only the script rendering, and lists only the tables and years of its inputs."""

import json
from pathlib import Path

import pytest

from broker.domain.errors import Breach
from broker.domain.plans.variable_uses import Usage, VariableUse
from broker.domain.ports import SandboxLimits, SandboxRequest, Vault, VaultTable
from broker.python_jobs.sandbox_requests import prepare_script

LIMITS = SandboxLimits(900, 2**30, 2**26, 50, 64, 2, 2**28)
TABLES = (
    ("npd.absence", {"schema": None, "2021": 2021, "2022": 2022}),
    ("ref.schools", {"schema": None, "all": None}),
    ("npd.cin", {"schema": None, "2022": 2022}),
)
VAULT = Vault(
    key="k", snapshot="s1", project="P0421", evidence=Path("/v/k/evidence"), script=Path("/v/k/script"), synthetic=True,
    tables=tuple(VaultTable(t, tuple(f"{t}/{f}.parquet" for f in files), (*files.values(),)) for t, files in TABLES),
)  # fmt: skip


def use(table: str, *years: int) -> VariableUse:
    return VariableUse(table, "x", frozenset(years) or None, frozenset({Usage.READ}))


def request(*inputs: VariableUse) -> SandboxRequest:
    return prepare_script("print('é')\n", inputs, VAULT, "J1", 2, LIMITS, (".csv",))


def test_frames_are_the_job_and_the_program() -> None:
    made = request(use("ref.schools"), use("npd.absence", 2022))
    (first, job), (second, program) = made.frames
    assert (first, second, program.decode()) == ("job", "program", "print('é')\n")
    content = json.loads(job)
    assert content["kind"] == "python"
    assert content["allowed"] == [".csv", ".arrow"]
    assert content["settings"]["wall_seconds"] == 900
    assert content["tables"] == [
        {"schema": "npd", "name": "absence", "paths": ["npd.absence/schema.parquet", "npd.absence/2022.parquet"]},
        {"schema": "ref", "name": "schools", "paths": ["ref.schools/schema.parquet", "ref.schools/all.parquet"]},
    ]


def test_only_the_script_rendering_is_mounted() -> None:
    made = request(use("npd.absence", 2022))
    assert (made.mount, made.image, made.job, made.attempt, made.synthetic) == (VAULT.script, "python", "J1", 2, True)
    assert b"evidence" not in b"".join(payload for _, payload in made.frames)


@pytest.mark.parametrize(("years", "files"), [([2022, 2021], ["schema", "2021", "2022"]), ([2018], ["schema"])])
def test_years_of_several_inputs_are_together_and_one_that_the_vault_lacks_gives_the_columns(years, files) -> None:
    content = json.loads(request(*(use("npd.absence", year) for year in years)).frames[0][1])
    assert content["tables"][0]["paths"] == [f"npd.absence/{name}.parquet" for name in files]


def test_an_input_that_the_vault_lacks_is_a_breach() -> None:
    with pytest.raises(Breach, match=r"npd\.cla"):
        request(use("npd.cla", 2020))

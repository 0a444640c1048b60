"""A script's sandbox request mounts only the script rendering, and lists only the tables and years of its inputs."""

import json
from pathlib import Path

import pytest

from broker.domain.errors import Breach
from broker.domain.plans.variable_uses import Usage, VariableUse
from broker.domain.ports import SandboxLimits, SandboxRequest, Vault, VaultTable
from broker.python_jobs.sandbox_requests import prepare_script

LIMITS = SandboxLimits(900, 2**30, 2**26, 50, 64, 2, 2**28)
VAULT = Vault(
    key="k",
    snapshot="s1",
    project="P0421",
    evidence=Path("/v/k/evidence"),
    script=Path("/v/k/script"),
    tables=(
        VaultTable(
            "npd.absence",
            ("npd.absence/schema.parquet", "npd.absence/2021.parquet", "npd.absence/2022.parquet"),
            (None, 2021, 2022),
        ),
        VaultTable("ref.schools", ("ref.schools/schema.parquet", "ref.schools/all.parquet"), (None, None)),
        VaultTable("npd.cin", ("npd.cin/schema.parquet", "npd.cin/2022.parquet"), (None, 2022)),
    ),
    synthetic=True,
)


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


def test_years_of_several_inputs_are_together() -> None:
    content = json.loads(request(use("npd.absence", 2022), use("npd.absence", 2021)).frames[0][1])
    assert len(content["tables"][0]["paths"]) == 3


def test_a_year_that_the_vault_lacks_still_gives_the_columns() -> None:
    content = json.loads(request(use("npd.absence", 2018)).frames[0][1])
    assert content["tables"][0]["paths"] == ["npd.absence/schema.parquet"]


def test_an_input_that_the_vault_lacks_is_a_breach() -> None:
    with pytest.raises(Breach, match=r"npd\.cla"):
        request(use("npd.cla", 2020))

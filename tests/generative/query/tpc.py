"""TPC-H's and TPC-DS's queries as texts to attribute: an engine of its own with them, and a catalogue of their tables.

The texts come out of the engine's packages when the proof runs and are kept nowhere.
"""

# ruff: noqa: E501 - one value a line reads as a table

import fcntl
import json
import re
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import query_kit
import uv

from broker.domain.plans.scalars import ScalarType
from broker.domain.plans.variable_uses import VariableClass
from broker.domain.projects.project import ProtectionMode, ResearchProject
from broker.policy.data_catalogue import Catalogue, CatalogueTable, PrivacyUnit, TableKind, Variable
from broker.query import compile_sql

ROOT = Path(__file__).resolve().parents[3]
HOME = ROOT / "build" / "tpc"
PACKAGES = ("duckdb==1.5.5", "duckdb-extension-tpch==1.5.5", "duckdb-extension-tpcds==1.5.5")
COUNTS = {"tpch": 22, "tpcds": 99}
TYPES = {"BIGINT": ScalarType.INT, "INTEGER": ScalarType.INT, "VARCHAR": ScalarType.TEXT, "DATE": ScalarType.DATE}
PERSON_KEYS = {
    "customer": ("c_custkey", "c_customer_sk"), "orders": ("o_custkey",), "store_sales": ("ss_customer_sk",),
    "store_returns": ("sr_customer_sk",), "catalog_sales": ("cs_bill_customer_sk",),
    "catalog_returns": ("cr_refunded_customer_sk",), "web_sales": ("ws_bill_customer_sk",),
    "web_returns": ("wr_refunded_customer_sk",),
}  # fmt: skip
"""The columns of a table of customers' rows that may hold the customer; every other table is public."""


def interpreter() -> Path:
    """The interpreter of an environment of its own, made once under build/: by one test, while others wait."""
    python = HOME / "bin" / "python"
    HOME.parent.mkdir(exist_ok=True)
    with HOME.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (HOME / "ready").exists():
            tool = uv.find_uv_bin()
            subprocess.run([tool, "venv", "-q", "--clear", "--python", "3.11", str(HOME)], check=True)
            subprocess.run([tool, "pip", "install", "-q", "--python", str(python), *PACKAGES], check=True)
            (HOME / "ready").touch()
    return python


def benchmark_queries(name: str, scale: float = 0.01) -> dict[str, Any]:
    """Texts, tables and scanned columns of one benchmark."""
    command = [str(interpreter()), str(Path(__file__).with_name("tpc_engine.py")), name, str(scale)]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert len(found["queries"]) == COUNTS[name]
    return found


def catalogue(tables: dict[str, list[tuple[str, str]]]) -> Catalogue:
    return Catalogue(version=1, codesets=(), tables=tuple(_table(n, c) for n, c in tables.items()))


def _table(name: str, columns: Sequence[tuple[str, str]]) -> CatalogueTable:
    key = next((c for c, _ in columns if c in PERSON_KEYS.get(name, ())), None)
    person: dict[str, Any] = {"unit": PrivacyUnit.PUPIL, "link_key": key, "key_domain": "CUSTOMER"}
    return CatalogueTable(
        schema_name="main", name=name, kind=TableKind.PERSON if key else TableKind.PUBLIC,
        variables=tuple(_variable(c, k, c == key, key is not None) for c, k in columns), **(person if key else {}),
        max_rows_per_unit_year=1000,
    )  # fmt: skip


def _variable(name: str, kind: str, is_key: bool, person: bool) -> Variable:
    plain = VariableClass.STANDARD if person else VariableClass.PUBLIC
    decimals = re.match(r"DECIMAL\((\d+),(\d+)\)", kind)
    return Variable(
        name=name, type=ScalarType.DECIMAL if decimals else TYPES[kind], decimals=int(decimals[2]) if decimals else None,
        cls=VariableClass.IDENTIFIER if is_key else plain, low=-1e6 if decimals else None, high=1e6 if decimals else None,
    )  # fmt: skip


PROJECT = ResearchProject(
    "TPC", "t", "o", "university", "g", "p", date(2030, 1, 1), ProtectionMode.DISCLOSURE_CONTROL, "default", 1, "duckdb",
    frozenset({"r"}), (), default_schema="main",
)  # fmt: skip
SERVICE = replace(query_kit.SERVICE, max_scans=200)


@dataclass(frozen=True)
class Attributed:
    """One query: what the engine scans that no use tells (`missing`), and the uses that it does not scan (`wider`)."""

    number: int
    accepted: bool
    codes: tuple[str, ...]
    missing: tuple[str, ...]
    wider: tuple[tuple[str, str], ...]


def attribute(found: dict[str, Any]) -> list[Attributed]:
    book = catalogue(found["tables"])
    return [_attribute(q, book) for q in found["queries"]]


def _attribute(query: dict[str, Any], book: Catalogue) -> Attributed:
    compiled = compile_sql(query["text"], "duckdb", book, PROJECT, SERVICE)
    used = {(u.table.removeprefix("main."), u.variable) for u in compiled.uses}
    scanned = {(t, c) for t, c in query["scanned"]}
    how = {(u.table.removeprefix("main."), u.variable): "+".join(sorted(h.value for h in u.how)) for u in compiled.uses}
    return Attributed(
        query["number"],
        compiled.plan is not None,
        tuple(dict.fromkeys(r.code for r in compiled.refusals)),
        tuple(f"{t}.{c}" for t, c in sorted(scanned - used)),
        tuple((f"{t}.{v}", how[t, v]) for t, v in sorted((t, v) for t, v in used - scanned if v is not None)),
    )


def figures(of: list[Attributed]) -> dict[str, object]:
    """What a proof writes down: nothing may be missing; what is wider is counted by how it is used."""
    return {
        "queries": len(of),
        "attributed": sum(not a.missing for a in of),
        "accepted": sum(a.accepted for a in of),
        "scanned_but_not_used": {a.number: list(a.missing) for a in of if a.missing},
        "used_but_not_scanned": dict(Counter(how for a in of for _, how in a.wider)),
    }

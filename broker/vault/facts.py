"""Facts about keys that the data prove, by table and year. Evidence may rely on them. They do not rely on the
catalogue."""
# ruff: noqa: S608 - SQL is put together from quoted names and literals (`broker.vault.duckdb_access`)

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from broker.domain.evidence import VaultProof, VaultProofs
from broker.policy.data_catalogue import CatalogueTable, Variable
from broker.vault.duckdb_access import Connection, parquet_of, quote, single_row
from broker.vault.extract_files import WITHOUT_YEAR
from broker.vault.extract_staging import stored_variables

Facts = dict[str, Any]
"""JSON: {table: {year or "all": {
    rows, nulls {variable: rows}, largest {number: max |x|}, smallest {number: min x},
    of a person table also: persons, max_rows (most rows of one person), one_row (max_rows is at most 1),
    rows_without_key, person_total {number: the largest sum of |x| over one person's rows},
    of a public table also: unique (its unique key proved)}}}. Decimals are text."""


def prove_facts(con: Connection, table: CatalogueTable, file: Path) -> Facts:
    """The facts of one finished snapshot file (person tables have the global number in `__person`)."""
    numbers = [v for v in stored_variables(table) if v.type.is_number and not table.is_link_key(v.name)]
    facts = _columns(con, table, file, numbers)
    if table.unit is None:
        facts["unique"] = table.unique_key is not None
        return facts
    totals = "".join(f", sum(abs({quote(v.name)}))" for v in numbers)
    outer = "".join(f", max(g{i})" for i in range(len(numbers)))
    named = "".join(f", g{i}" for i in range(len(numbers)))
    row = single_row(
        con,
        f"WITH per(p, n{named}) AS (SELECT __person, count(*){totals} FROM {parquet_of(file)} GROUP BY __person) "
        f"SELECT count(*), coalesce(max(n), 0){outer} FROM per",
    )
    facts["persons"], facts["max_rows"] = row[0], row[1]
    facts["one_row"] = row[1] <= 1
    # Each counts as a person.
    facts["rows_without_key"] = facts["nulls"][table.link_key] if table.link_key else facts["rows"]
    facts["person_total"] = {v.name: _plain(x) for v, x in zip(numbers, row[2:], strict=True)}
    return facts


def _columns(con: Connection, table: CatalogueTable, file: Path, numbers: list[Variable]) -> Facts:
    nulls = "".join(f", count_if({quote(v.name)} IS NULL)" for v in stored_variables(table))
    ends = "".join(f", max(abs({quote(v.name)}))" for v in numbers) + "".join(
        f", min({quote(v.name)})" for v in numbers
    )
    row = single_row(con, f"SELECT count(*){nulls}{ends} FROM {parquet_of(file)}")
    split, third = 1 + len(stored_variables(table)), 1 + len(stored_variables(table)) + len(numbers)
    return {
        "rows": row[0],
        "nulls": {v.name: n for v, n in zip(stored_variables(table), row[1:split], strict=True)},
        "largest": {v.name: _plain(x) for v, x in zip(numbers, row[split:third], strict=True)},
        "smallest": {v.name: _plain(x) for v, x in zip(numbers, row[third:], strict=True)},
    }


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Decimal) else value


def restrict_facts(facts: Facts, granted: dict[str, dict[str, frozenset[str]]]) -> Facts:
    """Only the facts of granted variables. `granted` is {table: {year: variables}}."""
    restricted: Facts = {}
    for table, years in granted.items():
        for year, variables in years.items():
            if year not in facts.get(table, {}):
                continue
            found = facts[table][year]
            narrow = {
                k: {v: x for v, x in f.items() if v in variables} if isinstance(f, dict) else f
                for k, f in found.items()
            }
            restricted.setdefault(table, {})[year] = narrow
    return restricted


def proofs_of(facts: Facts) -> VaultProofs:
    """The facts of person tables in the form that evidence uses. Floats prove nothing, because their sums depend on the
    order."""
    return {
        table: {None if year == WITHOUT_YEAR else int(year): _proof(found) for year, found in years.items()}
        for table, years in facts.items()
        if all("max_rows" in found for found in years.values())  # only person tables have it
    }


def _proof(found: Facts) -> VaultProof:
    return VaultProof(found["max_rows"], _exact(found["person_total"]), _exact(found.get("smallest", {})))


def _exact(numbers: Mapping[str, object]) -> dict[str, int | Decimal]:
    plain = {v: Decimal(x) if isinstance(x, str) else x for v, x in numbers.items()}
    return {v: x for v, x in plain.items() if isinstance(x, int | Decimal)}


def facts_json(facts: Facts) -> str:
    return json.dumps(facts, sort_keys=True, separators=(",", ":"))

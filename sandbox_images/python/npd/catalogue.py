"""What the catalogue says publicly: tables, variables, code lists and labels. Generated data; none of it secret."""

import json
from functools import cache
from pathlib import Path

from npd.errors import NpdError, nearest

HERE = Path(__file__).parent


@cache
def catalogue() -> dict[str, dict]:
    return json.loads((HERE / "catalogue.json").read_text(encoding="utf-8"))


def keys_of(table: str) -> list[str]:
    """The columns of a table that hold pseudonyms; none for a table that the catalogue does not know."""
    return catalogue()["tables"].get(table.lower(), {}).get("keys", [])


def all_keys() -> frozenset[str]:
    return frozenset(key for table in catalogue()["tables"].values() for key in table["keys"])


def labels(variable: str) -> dict[str, str]:
    """Code to label, in the order of the code list: `frame["x"].map(npd.labels("EthnicGroupMinor"))`.

    `variable` may say its table too: "absence.EthnicGroupMinor". A code without a label is its own."""
    codes = _codes(variable)
    lists = catalogue()["lists"]
    return dict(lists[codes]) if isinstance(codes, str) else {code: code for code in codes}


def codes(variable: str) -> list[str]:
    """The codes of a variable, in the order in which tables show them."""
    return list(labels(variable))


def variables(table: str) -> dict[str, str]:
    """What a table's variables mean: name to a few words. The catalogue's, granted or not."""
    name = _table_name(table)
    return {name: found["about"] for name, found in catalogue()["tables"][name]["variables"].items()}


def _table_name(table: str) -> str:
    tables, wanted = catalogue()["tables"], table.strip().lower()
    found = [name for name in tables if wanted in (name, name.partition(".")[2])]
    if len(found) == 1:
        return found[0]
    if found:
        raise NpdError(f"{table!r} stands for several tables: write one of {', '.join(found)}.")
    raise NpdError(f"The catalogue has no table {table!r}.{nearest(table, tables)}")


def _codes(variable: str) -> str | list[str]:
    """The name of a variable's code list, or its codes."""
    table, _, name = variable.strip().rpartition(".")
    tables = [_table_name(table)] if table else list(catalogue()["tables"])
    found = [about for each in tables for about in [_variable(each, name)] if about is not None]
    if not found:
        known = [v for each in tables for v in catalogue()["tables"][each]["variables"]]
        raise NpdError(f"The catalogue has no variable {variable!r}.{nearest(name, known)}")
    lists = [about["codes"] for about in found if "codes" in about]
    if not lists:
        raise NpdError(f"{variable} has no code list: its values are of type {found[0]['type']}.")
    if any(each != lists[0] for each in lists):
        raise NpdError(f"{name} has another code list in each of several tables: write table.{name}.")
    return lists[0]


def _variable(table: str, name: str) -> dict | None:
    known = catalogue()["tables"][table]["variables"]
    return next((about for each, about in known.items() if each.lower() == name.lower()), None)

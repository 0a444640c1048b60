"""The public part of the catalogue, as the researcher's library carries it: names, meanings, codes. No grants."""

import json

from broker.policy.code_lists import Codeset
from broker.policy.data_catalogue import Catalogue, CatalogueTable, Variable


def library_catalogue(catalogue: Catalogue) -> str:
    """The text of `npd/catalogue.json`. A code without a label is its own label."""
    content = {
        "lists": {codeset.name: _labels(codeset) for codeset in catalogue.codesets},
        "tables": {table.full_name: _table(table) for table in catalogue.tables},
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _labels(codeset: Codeset) -> dict[str, str]:
    return {code: (codeset.labels or {}).get(code, code) for code in codeset.codes}


def _table(table: CatalogueTable) -> dict[str, object]:
    return {
        "about": table.description,
        "keys": [key for key in (table.link_key, table.second_key) if key],
        "variables": {v.name: _variable(v) for v in table.variables if v.name in table.suggestable_names},
    }


def _variable(variable: Variable) -> dict[str, object]:
    """A code list by its name, or the variable's own codes."""
    found: dict[str, object] = {"about": variable.description, "type": variable.type.value}
    if variable.codes is not None:
        found["codes"] = variable.codeset or list(variable.codes)
    return found

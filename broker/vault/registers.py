"""Value lists from public registers in a snapshot. Reads public tables only, never a person's row."""
# ruff: noqa: S608 - SQL is put together from quoted names and literals (`broker.vault.duck`)

from datetime import date
from decimal import Decimal
from pathlib import Path

from broker.domain.scalars import Value
from broker.policy.catalogue import Catalogue
from broker.policy.tables import TableKind
from broker.vault.duck import connection, name, parquet_of
from broker.vault.files import WHOLE


def registers(snapshot: Path, catalogue: Catalogue) -> dict[str, tuple[Value, ...]]:
    """{`schema.table.variable`: sorted values} for each variable whose catalogue entry names a register column.

    `snapshot` is the snapshot's folder. A register that the snapshot does not hold gives no list.
    """
    wanted = {
        f"{t.full_name}.{v.name}": v.register_key
        for t in catalogue.tables
        for v in t.variables
        if v.register_key is not None
    }
    lists = {column: _values(snapshot, catalogue, column) for column in sorted(set(wanted.values()))}
    return {variable: values for variable, column in wanted.items() if (values := lists[column])}


def _values(snapshot: Path, catalogue: Catalogue, column: str) -> tuple[Value, ...]:
    table_name, _, variable_name = column.rpartition(".")
    table = catalogue.find(table_name)
    variable = table.find(variable_name) if table else None
    if table is None or variable is None or table.kind is not TableKind.PUBLIC:
        return ()
    path = snapshot / table.full_name / f"{WHOLE}.parquet"
    if not path.is_file():
        return ()
    with connection(snapshot / "none") as con:
        found = name(variable.name)
        rows = con.execute(
            f"SELECT DISTINCT {found} FROM {parquet_of(path)} WHERE {found} IS NOT NULL ORDER BY 1"
        ).fetchall()
    return tuple(_value(row[0]) for row in rows)


def _value(value: object) -> Value:
    assert isinstance(value, (int, float, Decimal, str, date))
    return value

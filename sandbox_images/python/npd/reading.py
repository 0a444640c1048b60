"""Mounted tables as Arrow: some variables, some years. Decimals come as floats, whatever reads them afterwards."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from npd.errors import NpdError, listed, nearest
from npd.place import Mounted
from npd.years import Years, years_of


def read(table: Mounted, variables: Sequence[str] | None = None, years: Years | None = None) -> pa.Table:
    """Rows in order of file; columns in the order asked for, or in the table's."""
    files = _files_of(table, years)
    schema = _schema(table)
    names = schema.names if variables is None else _names(table, schema, variables)
    wanted = pa.schema([schema.field(name) for name in names])
    parts = [_part(file, wanted) for file in files]
    return pa.concat_tables(parts) if parts else wanted.empty_table()


def names_of(table: Mounted, variables: Sequence[str]) -> list[str]:
    """The table's own spelling of its variables."""
    return _names(table, _schema(table), variables)


def _part(file: Path, wanted: pa.Schema) -> pa.Table:
    """One file's rows with all columns that are wanted: what a year lacks is missing in its rows."""
    held = set(pq.read_schema(file).names)
    found = pq.read_table(file, columns=[name for name in wanted.names if name in held], partitioning=None)
    rows = pq.read_metadata(file).num_rows
    columns = [_as(found[f.name], f.type) if f.name in held else pa.nulls(rows, f.type) for f in wanted]
    return pa.table(columns, schema=wanted)


def _as(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    return column if column.type == kind else column.cast(kind)


def _schema(table: Mounted) -> pa.Schema:
    """All columns of all years; a type that widened over the years is the widest."""
    plain = [pa.schema([_plain(f) for f in pq.read_schema(file)]) for file in table.files]
    return pa.unify_schemas(plain, promote_options="permissive")


def _plain(field: pa.Field) -> pa.Field:
    """A column's name and the type that a script sees."""
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    return pa.field(field.name, pa.float64() if pa.types.is_decimal(kind) else kind)


def _files_of(table: Mounted, years: Years | None) -> list[Path]:
    if years is None:
        return list(table.files)
    if not table.years:
        raise NpdError(f"{table.full_name} has no years: leave years= out.")
    wanted = years_of(years)
    absent = sorted(wanted - set(table.years))
    if absent or not wanted:
        here = ", ".join(map(str, table.years))
        raise NpdError(f"{table.full_name} is not here for {listed(map(str, absent))}. Its years here: {here}.")
    return [file for file in table.files if file.stem.isdecimal() and int(file.stem) in wanted]


def _names(table: Mounted, schema: pa.Schema, variables: Iterable[str]) -> list[str]:
    """The columns' spelling for names in any case, each once."""
    if isinstance(variables, str):
        raise NpdError(f'variables= is a list: write variables=["{variables}"].')
    spelled = {name.lower(): name for name in schema.names}
    found: dict[str, None] = {}
    for name in variables:
        if not isinstance(name, str) or name.lower() not in spelled:
            hint = nearest(str(name), schema.names)
            raise NpdError(f"{table.full_name} has no variable {name!r} here.{hint} It has: {listed(schema.names)}.")
        found[spelled[name.lower()]] = None
    if not found:
        raise NpdError("variables= names nothing: leave it out for all of them.")
    return list(found)

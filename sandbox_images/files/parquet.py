"""Reads a Parquet file that a script left, and writes it as comma-separated text, in a process of its own.

Its bytes were made by a researcher's code, and a reader of such a format is large: so they are opened in here, where no
data are mounted, and nowhere else. What comes out is believed no more than text that the script could have left itself.
"""

import csv
import io
from datetime import datetime

import pyarrow as pa
import pyarrow.parquet as pq

BATCH, PARTS = 1000, 100_000
PLAIN = (
    pa.types.is_null, pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal,
    pa.types.is_string, pa.types.is_large_string, pa.types.is_date, pa.types.is_timestamp,
)  # fmt: skip


def text_of(content: bytes, most: dict[str, int]) -> bytes:
    """The table as text, up to the first row or value that is too many: whoever makes it anew counts again. Nothing
    where it is no Parquet file of flat columns, or one that this process has no room for."""
    try:
        with pq.ParquetFile(pa.BufferReader(content), pre_buffer=False, thrift_container_size_limit=PARTS) as file:
            return written(file, most) if is_flat(file, most["columns"]) else b""
    except Exception:
        return b""


def is_flat(file: pq.ParquetFile, columns: int) -> bool:
    """Asked of what the file says of itself, before any page of it is unpacked."""
    schema = file.schema_arrow
    return 0 < len(schema) == file.metadata.num_columns <= columns and all(is_plain(kind) for kind in schema.types)


def is_plain(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return any(of(kind) for of in PLAIN)


def written(file: pq.ParquetFile, most: dict[str, int]) -> bytes:
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(file.schema_arrow.names)
    left = most["rows"] + 1
    for batch in file.iter_batches(batch_size=BATCH, use_threads=False):
        rows = zip(*(texts(column) for column in batch.columns), strict=True)
        for row in rows:
            writer.writerow(row)
            left -= 1
            if not left or target.tell() > 2 * most["made_bytes"]:
                return target.getvalue().encode()
    return target.getvalue().encode()


def texts(column: pa.Array) -> list[str]:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_timestamp(column.type):  # to seconds: what is finer would need another library to be read
        column = column.cast(pa.timestamp("s"), safe=False)
    return [text(value) for value in column.to_pylist()]


def text(value) -> str:
    """As pandas writes it to CSV."""
    if value is None or value != value:  # not a number
        return ""
    if isinstance(value, datetime) and value.time() == datetime.min.time():
        return str(value.date())
    return repr(value) if isinstance(value, float) else str(value)

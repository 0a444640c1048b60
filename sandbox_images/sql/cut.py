"""Cuts tables into blocks of persons, for a script that sees one block at a time. Trusted code: the statements are the
broker's, each gives its rows in order of their block, which is the first column and leaves with none of them.

Gives one run of bytes: a line of JSON with the lengths, what all blocks share, then block by block. A table is an Arrow
stream behind its length.
"""

import json
import struct

import pyarrow as pa
import pyarrow.compute as pc
from hardened import OutputLimitReached

LENGTH = struct.Struct(">Q")
PACKED = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)


def cut(connection, asked: dict, left: int) -> bytes:
    """`asked`: {"blocks": how many, "public": [SQL], "persons": [SQL]}, of tables in order."""
    shared = b"".join(packed(plain(connection.execute(sql).to_arrow_table())) for sql in asked["public"])
    blocks = [bytearray() for _ in range(asked["blocks"])]
    for sql in asked["persons"]:
        for own, table in zip(blocks, parted(connection.execute(sql).to_arrow_table(), len(blocks)), strict=True):
            own += packed(table)
        if len(shared) + sum(map(len, blocks)) > left:
            raise OutputLimitReached
    head = {"shared": len(shared), "blocks": [len(own) for own in blocks]}
    return json.dumps(head).encode() + b"\n" + shared + b"".join(blocks)


def parted(table: pa.Table, count: int):
    """The rows of each block, blocks without any too."""
    numbers, rows = table.column(0), plain(table.remove_column(0)).combine_chunks()
    found = {c["values"]: c["counts"] for c in pc.value_counts(numbers).to_pylist()}
    start = 0
    for block in range(count):
        yield rows.slice(start, found.get(block, 0))
        start += found.get(block, 0)


def plain(table: pa.Table) -> pa.Table:
    """Types as scripts see them: decimals are floats."""
    fields = [f.with_type(pa.float64()) if pa.types.is_decimal(f.type) else f for f in table.schema]
    return table.cast(pa.schema(fields))


def packed(table: pa.Table) -> bytes:
    target = pa.BufferOutputStream()
    with pa.ipc.new_stream(target, table.schema, options=PACKED) as writer:
        writer.write_table(table)
    content = target.getvalue().to_pybytes()
    return LENGTH.pack(len(content)) + content

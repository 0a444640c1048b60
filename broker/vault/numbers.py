"""Numbers that only the evidence rendering carries: a project's institutions, persons' record keys. No grants here."""

# ruff: noqa: S608 - SQL is put together from quoted names and literals (`broker.vault.duck`)

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from broker.vault.duck import Connection, text
from broker.vault.pseudonyms import ProjectKey

KEY_DIGITS = 8
"""Hexadecimal digits of a record key: 32 bits."""


def record_key(secret: str) -> str:
    """SQL for the record key of the person with the number `global`: the same wherever the owner's secret is.

    Sums of record keys decide about noise, so they must be uniform and nobody's guess: a cryptographic hash.
    """
    return f"('0x' || substr(sha256({text(secret)} || ':' || global::VARCHAR), 1, {KEY_DIGITS}))::UINTEGER"


def number_institutions(con: Connection, codes: Sequence[tuple[str, str]], key: ProjectKey) -> None:
    """Make the table `institutions` (code, key, number) from (code, SQL for keys): numbers from 1, in keyed order.

    An institution has one number in all tables and years that name it by the same code.
    """
    con.execute("CREATE TABLE institutions (code VARCHAR, key VARCHAR, number UINTEGER)")
    con.execute("CREATE TEMP TABLE named (code VARCHAR, key VARCHAR)")
    for code, keys in codes:
        con.execute(
            f"INSERT INTO named SELECT DISTINCT {text(code)}, k::VARCHAR FROM ({keys}) t(k) WHERE k IS NOT NULL"
        )
    found = con.execute("SELECT DISTINCT code, key FROM named ORDER BY code, key").fetchall()
    order = np.random.Generator(np.random.Philox(np.random.SeedSequence(int(key.salt("institution numbers"), 16))))
    numbers = order.permutation(len(found)).astype(np.uint32) + np.uint32(1)
    columns = {
        "code": pa.array([c for c, _ in found], pa.string()),
        "key": pa.array([k for _, k in found], pa.string()),
    }
    con.register("numbered", pa.table({**columns, "number": numbers}))
    con.execute("INSERT INTO institutions SELECT code, key, number FROM numbered")
    con.unregister("numbered")

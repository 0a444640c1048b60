"""A private script at home: its `answer` over blocks of a synthetic NPD, one after the other, without noise. A
courtesy: the broker reads the line itself, cuts under a key of its own and keeps blocks apart."""

import hashlib
import re
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean, median, pstdev
from typing import Any

import pyarrow as pa

from npd.blocks import numbers_of, tables_of
from npd.catalogue import keys_of
from npd.errors import NpdError
from npd.header import declared_inputs
from npd.place import Mounted, Place
from npd.reading import read

LINE = re.compile(r"^[ \t\f]*#[ \t]*private[ \t]*:(.*)$", re.IGNORECASE | re.MULTILINE)
BLOCKS = re.compile(r"\bblocks[ \t]+(\d+)", re.IGNORECASE)
RANGE = re.compile(r"\brange(?:[ \t]+([A-Za-z]\w*))?[ \t]*\[[ \t]*([^,\]]+),([^\]]+)\]", re.IGNORECASE)
FORM = "# private: epsilon 0.5, blocks 500, range [-20, 10]"


@dataclass(frozen=True)
class Asked:
    blocks: int
    ranges: tuple[tuple[str, float, float], ...]
    middle: Callable[[list[float]], float]


def asked_in(text: str) -> Asked | None:
    """What the script's line says; None where it has none."""
    line = LINE.search(text)
    if line is None:
        return None
    blocks, ranges = BLOCKS.search(line[1]), RANGE.findall(line[1])
    try:
        found = tuple((name or f"answer {n}", float(low), float(high)) for n, (name, low, high) in enumerate(ranges, 1))
        if blocks is None or not found:
            raise ValueError
        return Asked(int(blocks[1]), found, median if re.search(r"\bmedian\b", line[1], re.IGNORECASE) else fmean)
    except ValueError as fault:
        raise NpdError(f"The line of a private script is written like  {FORM}.") from fault


def over_blocks(place: Place, asked: Asked, answer: Callable[[Any], Any]) -> None:
    """Print what the blocks' answers come to, and the first fault."""
    found, fault = [], ""
    for tables in blocks_of(place, asked.blocks):
        try:
            found.append(numbers_of(answer(tables), len(asked.ranges)))
        except Exception:
            fault = fault or traceback.format_exc()
    if fault:
        print(f"{asked.blocks - len(found)} of {asked.blocks} blocks have no answer. The first:\n{fault}")
    for number, (name, low, high) in enumerate(asked.ranges):
        own = [one[number] for one in found] or [(low + high) / 2]
        failed = [(low + high) / 2] * (asked.blocks - len(found))
        clamped = [min(max(value, low), high) for value in own] + failed
        beyond = sum(not low <= value <= high for value in own)
        print(
            f"{name}: {asked.middle(clamped):g} without noise, over {asked.blocks} blocks; they spread by "
            f"{pstdev(own):g}, {beyond} of them beyond the range"
        )


def blocks_of(place: Place, blocks: int) -> Any:
    """The tables of each block: of persons those of its own, public ones whole."""
    inputs = declared_inputs(place.text)
    tables = [place.find(name) for name in inputs] or list(place.tables.values())
    wanted = {place.find(name).full_name: names for name, names in inputs.items()}
    parts = {t.full_name: _parts(t, wanted.get(t.full_name), blocks) for t in tables}
    if all(isinstance(part, pa.Table) for part in parts.values()):
        raise NpdError("No table of persons is among the inputs.")
    for block in range(blocks):
        held = [part if isinstance(part, pa.Table) else part[block] for part in parts.values()]
        yield tables_of(tuple(parts), held)


def _parts(table: Mounted, names: list[str] | None, blocks: int) -> pa.Table | list[pa.Table]:
    """A public table, or the rows of each block."""
    whole, keys = read(table), keys_of(table.full_name)
    spelled = {name.lower(): name for name in whole.column_names}
    shown = whole if names is None else whole.select([spelled[n.lower()] for n in names if n.lower() in spelled])
    key = next((k for k in keys if k in whole.column_names), None)
    if key is None:
        return shown
    rows: list[list[int]] = [[] for _ in range(blocks)]
    for row, value in enumerate(whole[key].to_pylist()):
        rows[_block(value if value is not None else f"row {row}", blocks)].append(row)
    return [shown.take(pa.array(own, pa.int64())) for own in rows]


def _block(key: Any, blocks: int) -> int:
    return int.from_bytes(hashlib.blake2b(str(key).encode(), digest_size=8).digest()) % blocks

"""What a script left as Parquet, retold as the CSV that it leaves as. Pure; opens none: trusted code elsewhere does."""

import json
from collections.abc import Mapping
from dataclasses import replace

from broker.python_jobs.left import Frame, Left, named

PARQUET, TABLE = ".parquet", ".csv"


def leaves_as(name: str) -> str:
    """A table leaves as text, which checkers can read as it is, whatever it was written as."""
    stem, dot, ending = name.rpartition(".")
    return stem + TABLE if f"{dot}{ending}".lower() == PARQUET else name


def parquet_files(left: Left) -> dict[str, bytes]:
    """By name. One that has a CSV of its name beside it stays where it is: both would be one output."""
    every = {name: content for name, content in map(named, left.files) if name is not None}
    return {n: content for n, content in every.items() if n.endswith(PARQUET) and leaves_as(n) not in every}


def retold(left: Left, texts: Mapping[str, bytes]) -> Left:
    """`texts` by the names of the files that they were made of; what the script said of these goes with them."""
    return replace(
        left,
        files=tuple(_retold(frame, texts) for frame in left.files),
        described={leaves_as(n) if n in texts else n: said for n, said in left.described.items()},
        claims={leaves_as(n) if n in texts else n: claim for n, claim in left.claims.items()},
    )


def _retold(frame: Frame, texts: Mapping[str, bytes]) -> Frame:
    name, _ = named(frame)
    if name is None or name not in texts:
        return frame
    return "file", json.dumps({"name": leaves_as(name)}).encode() + b"\n" + texts[name]

"""The same private question on one million rows, put to smartnoise-sql and to OpenDP's Polars context: count and mean
in some 3,000 cells, one row a person, epsilon 1. Each is in an environment of its own under build/, locked by hash.

Our side is the whole way: request, statement on the Parquet file, exact vectors, noise, stored answer, figures with
intervals; the noise process is warm, as a worker keeps it. Theirs: imports are done, and the file is read in the timed
part, but for smartnoise's PandasReader, which has the frame in memory. They get the cells that the data have; we answer
every cell of the public lists, some more.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from bench.environments import environment
from bench.evidence import AUTHORITIES, DAYS, ETHNICITIES
from bench.harness import Line, Side, compare
from bench.private_job import TABLE, Data, sides
from bench.sides import Other

HERE = Path(__file__).parent
DATA, ROWS, EPSILON = Data(1_000_000, 1), 1, "1"
NOTE = "a ratio of 0.1 or less is promised: the other at least ten times slower"
HIGH = 400
"""Days are cut to 0 to 400, as the catalogue says."""


@dataclass(frozen=True)
class Rival:
    """`tool` names lock and side; `way` is what its side is told to do."""

    tool: str
    way: str
    words: str
    rounds: int


RIVALS = (
    Rival("smartnoise", "pre_aggregated", "smartnoise-sql 1.0.10, pre-aggregated by DuckDB", 3),
    Rival("smartnoise", "pandas", "smartnoise-sql 1.0.10, PandasReader", 3),
    Rival("opendp", "contributions", "OpenDP 0.16 Polars, contributions=1 trusted", 3),
    Rival("opendp", "identifier", "OpenDP 0.16 Polars, identifier and truncation", 3),
)


def rival_lines() -> list[Line]:
    """One line a rival; all on the same file, in the same run."""
    with sides(DATA, EPSILON, ROWS) as ours:
        asked = {
            "file": str(DATA.files[-1]), "table": TABLE, "person": "__p", "keys": ["LA", "EthnicGroupMinor"],
            "lists": [list(AUTHORITIES), sorted(ETHNICITIES)], "value": DAYS, "high": HIGH, "epsilon": float(EPSILON),
        }  # fmt: skip
        return [_line(rival, asked, ours.figures) for rival in RIVALS]


def _line(rival: Rival, asked: dict[str, object], ours: Side) -> Line:
    python = environment(Path(f"build/bench-{rival.tool}").absolute(), HERE / f"private_{rival.tool}.lock")
    command = [str(python), "-P", str(HERE / f"private_{rival.tool}_side.py"), json.dumps(asked | {"way": rival.way})]
    with Other(command) as other:
        return compare(
            f"private count and mean of a million rows: {rival.tool}, {rival.way}",
            ("the whole way, file to figures", ours), (rival.words, other.ask), rival.rounds, NOTE,
        )  # fmt: skip

"""A count and a mean of one million rows by authority and ethnicity: `broker assess` against acro's crosstab.

Ours reads the file, counts persons, applies every rule, repairs and audits; acro has the frame in memory, counts rows.
It is installed, locked by hash, into an environment of its own under build/, when the bench is run first.
"""

from pathlib import Path

import duckdb

from bench.environments import environment
from bench.harness import Line, compare
from bench.sides import Other
from broker.disclosure.microdata.judge_microdata import judge_microdata
from broker.domain.plans.plan import EvidenceNeeds
from broker.engine.duckdb_tabulation import tabulate
from broker.evidence.tabulation import TabulationRequest
from broker.policy.files import load_policies

ROUNDS = 3
ROWS = 1_000_000
HERE = Path(__file__).parent
LOCK = HERE / "acro.lock"
FOLDER = Path("build/bench-acro").absolute()
FRAME = FOLDER / "pupils.parquet"
PUPILS = f"""
    SELECT 'p' || ((i * 7919) % 1000003) AS pupil, 'LA' || (200 + hash(i) % 152) AS la,
        'E' || (hash(i * 31) % 20) AS ethnicity, (hash(i * 17) % 900) / 10.0 AS score
    FROM range({ROWS}) numbers(i)
"""


def acro_lines() -> list[Line]:
    python = environment(FOLDER, LOCK)
    if not FRAME.exists():
        with duckdb.connect() as con:
            con.execute(f"COPY ({PUPILS}) TO '{FRAME}' (FORMAT parquet)")
    profile = load_policies(Path("policies")).disclosure_rules("npd-default")
    needs = EvidenceNeeds(profile.t, digits=profile.mean_digits)
    asked = TabulationRequest("pupil", ("la", "ethnicity"), count=True, means=("score",), needs=needs)
    figures = len(judge_microdata(tabulate(FRAME, asked), profile)["cells"])
    # -P: this folder has a module of the same name as acro.
    command = [str(python), "-P", str(HERE / "acro_side.py"), str(FRAME), "la", "ethnicity", "score"]
    with Other(command) as other:
        line = compare(
            "count and mean of a million rows",
            ("broker assess, reading included", lambda: judge_microdata(tabulate(FRAME, asked), profile)),
            ("acro's crosstab, frame in memory", other.ask),
            ROUNDS,
            note=f"{figures} figures; a ratio of 0.1 or less is promised: acro at least ten times slower",
        )
    return [line]

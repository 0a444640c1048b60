"""Smartnoise's side of `bench.private_rivals`, run by the Python of an environment of its own: for each line read, the
private answer. `pre_aggregated`: DuckDB makes the exact aggregates, as its rewriter writes them; `pandas`: it makes
them itself, in SQLite, from a frame in memory."""

import contextlib
import json
import logging
import sys
import warnings

import duckdb
import snsql

ASKED = json.loads(sys.argv[1])
LA, ETHNICITY = ASKED["keys"]
PERSON, VALUE, HIGH = ASKED["person"], ASKED["value"], ASKED["high"]
DELTA = 1e-9
PARTS = 3  # it spends its epsilon on each of two counts and a sum
COLUMNS = f"{PERSON} AS person, {LA} AS la, {ETHNICITY} AS ethnicity, {VALUE} AS value"
QUERY = "SELECT la, ethnicity, COUNT(*) AS n, AVG(value) AS mean FROM npd.pupils GROUP BY la, ethnicity"
EXACT = f"""SELECT la, ethnicity, COUNT(*) AS count_star, SUM(value) AS sum_value, COUNT(value) AS count_value
FROM (SELECT la, ethnicity, CASE WHEN value < 0 THEN 0 WHEN value > {HIGH} THEN {HIGH} ELSE value END AS value
      FROM (SELECT {COLUMNS} FROM read_parquet('{ASKED["file"]}')))
GROUP BY la, ethnicity"""


def metadata() -> dict:
    table = {
        "max_ids": 1,
        "sample_max_ids": False,
        "censor_dims": False,
        "clamp_columns": True,
        "person": {"type": "int", "private_id": True},
        "la": {"type": "int"},
        "ethnicity": {"type": "string"},
        "value": {"type": "int", "lower": 0, "upper": HIGH},
    }
    return {"": {"npd": {"pupils": table}}}


def main() -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    con = duckdb.connect()
    frame = con.sql(f"SELECT {COLUMNS} FROM read_parquet('{ASKED['file']}')").df()
    privacy = snsql.Privacy(epsilon=ASKED["epsilon"] / PARTS, delta=DELTA)
    reader = snsql.from_df(frame, privacy=privacy, metadata=metadata())

    def answer() -> list:
        if ASKED["way"] == "pandas":
            return reader.execute(QUERY)
        return reader.execute(QUERY, pre_aggregated=con.sql(EXACT).df())

    tell("ready")
    for _ in sys.stdin:
        with contextlib.redirect_stdout(sys.stderr):
            rows = answer()
        tell("done" if len(rows) > 2000 and len(rows[1]) == 4 else "wrong")


def tell(word: str) -> None:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

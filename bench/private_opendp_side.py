"""The side of OpenDP's Polars context in `bench.private_rivals`, run by the Python of an environment of its own: for
each line read, a count and a sum in the cells of public lists, and the mean of them. `contributions`: one row a person
is trusted; `identifier`: rows a person are cut to one."""

import json
import sys
import warnings
from itertools import product

import opendp.prelude as dp
import polars as pl

ASKED = json.loads(sys.argv[1])
KEYS, PERSON, VALUE = ASKED["keys"], ASKED["person"], ASKED["value"]
BOUNDS = (0, ASKED["high"])
MOST_ROWS = 3_000_000


def answer(keys: pl.LazyFrame) -> pl.DataFrame:
    identified = ASKED["way"] == "identifier"
    unit = dp.unit_of(contributions=1, identifier=pl.col(PERSON)) if identified else dp.unit_of(contributions=1)
    context = dp.Context.compositor(
        data=pl.scan_parquet(ASKED["file"]).select(PERSON, *KEYS, VALUE),
        privacy_unit=unit,
        privacy_loss=dp.loss_of(epsilon=ASKED["epsilon"]),
        split_evenly_over=1,
        margins=[dp.polars.Margin(max_length=MOST_ROWS)],
    )
    query = context.query()
    if identified:
        query = query.truncate_per_group(1)
    total = pl.col(VALUE).fill_null(0).dp.sum(BOUNDS)
    found = query.group_by(*KEYS).agg(dp.len(), total).with_keys(keys).release().collect()
    return found.with_columns(mean=pl.col(VALUE) / pl.max_horizontal(pl.col("len"), 1))


def main() -> None:
    warnings.simplefilter("ignore")
    dp.enable_features("contrib", "honest-but-curious")
    rows = [dict(zip(KEYS, values, strict=True)) for values in product(*ASKED["lists"])]
    keys = pl.LazyFrame(rows, schema={KEYS[0]: pl.Int64, KEYS[1]: pl.String})
    tell("ready")
    for _ in sys.stdin:
        tell("done" if answer(keys).height == len(rows) else "wrong")


def tell(word: str) -> None:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

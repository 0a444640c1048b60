"""Acro's side of `bench.acro`, run by the Python of an environment of its own: for each line read, the two tables."""

import contextlib
import logging
import os
import sys
import tempfile
import warnings

import pandas as pd

FILE, KEYS, VALUE = sys.argv[1], sys.argv[2:4], sys.argv[4]


def main() -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    os.chdir(tempfile.mkdtemp(prefix="bench-acro-"))
    with contextlib.redirect_stdout(sys.stderr):
        from acro import ACRO

        frame = pd.read_parquet(FILE)
        checked = ACRO(suppress=False)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for _ in sys.stdin:
        with contextlib.redirect_stdout(sys.stderr):
            rows, columns = (frame[k] for k in KEYS)
            checked.crosstab(rows, columns)
            checked.crosstab(rows, columns, values=frame[VALUE], aggfunc="mean")
        sys.stdout.write("done\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

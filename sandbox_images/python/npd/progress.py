"""A line in the log of how far a script is. Rehearsals show it to its author; of a real run, only checkers see it."""

import time

_began = time.monotonic()


def progress(text: object) -> None:
    """`npd.progress("matched the cohort")`"""
    print(f"[{time.monotonic() - _began:7.1f} s] {text}", flush=True)

"""`python -m tests.prove NAME [WORD …]` runs a proof, or those of its lines whose names hold one of the words, and
prints what it measures. It writes nothing into the tree."""

import sys

from tests.prove.proof import lines_of
from tests.prove.proofs import named, names


def main(words: list[str]) -> int:
    if not words or words[0] not in names():
        print(f"usage: python -m tests.prove NAME [WORD …]; the names are {', '.join(names())}", file=sys.stderr)
        return 1
    is_met = True
    for line in lines_of(named(words[0]), words[1:]):
        print(line, flush=True)
        is_met = is_met and line.met
    return 0 if is_met else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

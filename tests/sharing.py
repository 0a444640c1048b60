"""How files of tests are shared out among pytest's workers: the longest first, so that none is left for the end, and
tests that ask one broker together, so that it is made once. Nothing here decides which tests run."""

from pathlib import Path

from xdist.scheduler import LoadScopeScheduling

LONGEST = (Path(__file__).parent / "longest_first.txt").read_text(encoding="utf-8").split()
"""Files that take longest, in order; all others come after them as they are found."""

RUNTIMES = ("runc", "runsc")
END_TO_END = "tests/e2e/"


def place(file: str) -> int:
    """Where a file stands among all."""
    return LONGEST.index(file) if file in LONGEST else len(LONGEST)


def share_of(test: str) -> str:
    """A file goes to one worker, whole; what end-to-end tests ask of a broker on one runtime, too."""
    file, _, rest = test.partition("::")
    runtime = next((r for r in RUNTIMES if r in rest.partition("[")[2].rstrip("]").split("-")), None)
    return f"{END_TO_END}[{runtime}]" if runtime and file.startswith(END_TO_END) else file


class Sharing(LoadScopeScheduling):
    """Shares in the order in which their tests were collected, not by how many tests they have."""

    def __init__(self, config, log=None):
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return share_of(nodeid)

"""`python -m npd script.py`: runs a script at home as the sandbox would, on the folder that NPD_DATA names."""

import builtins
import runpy
import sys
from pathlib import Path

import npd
from npd.blocks_at_home import asked_in, over_blocks
from npd.place import here


def main() -> int:
    if len(sys.argv) < 2:
        print("usage: python -m npd script.py", file=sys.stderr)
        return 2
    sys.argv = sys.argv[1:]
    builtins.load = npd.load
    npd._script(Path(sys.argv[0]).read_text(encoding="utf-8"))
    made = runpy.run_path(sys.argv[0], run_name="__main__")
    asked = asked_in(here().text)
    if asked is not None:
        if not callable(made.get("answer")):
            raise npd.NpdError("A private script has a function answer(tables) at its top level.")
        over_blocks(here(), asked, made["answer"])
    return 0


if __name__ == "__main__":
    sys.exit(main())

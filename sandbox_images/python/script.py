"""Runs a script inside the child, as `python script.py` would. Everything it does is untrusted from here on."""

import builtins
import gc
import os
import sys
import traceback
import types

import npd

PATH = "/tmp/script.py"
MEMORY_EXIT = 83


def run(program: bytes) -> int:
    """The exit code: 0 for an end without an uncaught error."""
    os.umask(0o022)
    builtins.load, builtins.exit, builtins.quit = npd.load, sys.exit, sys.exit
    with open(PATH, "wb") as file:
        file.write(program)
    os.chdir("/out")
    npd._script(program.decode("utf-8", "replace"))
    main = types.ModuleType("__main__")
    main.__file__ = PATH
    sys.modules["__main__"], sys.argv = main, [PATH]
    sys.path[:] = [path for path in sys.path if path != "/sandbox"]
    try:
        exec(compile(program, PATH, "exec"), main.__dict__)
        code = 0
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except MemoryError:
        main.__dict__.clear()
        gc.collect()
        code = MEMORY_EXIT
    except BaseException:
        traceback.print_exc()
        code = 1
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return code & 0xFF

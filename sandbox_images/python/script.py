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
    sys.stdout.reconfigure(line_buffering=True)  # so that an error stands after what was printed before it
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
    except BaseException as fault:
        traceback.print_exception(type(fault), fault, own_frames(fault))
        code = 1
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return code & 0xFF


def own_frames(fault: BaseException) -> types.TracebackType | None:
    """The trace from the script's first line on; of what the library npd refuses, to the script's last."""
    first = fault.__traceback__
    while first is not None and first.tb_frame.f_code.co_filename != PATH:
        first = first.tb_next
    last, each = None, first
    while each is not None:
        last, each = each if each.tb_frame.f_code.co_filename == PATH else last, each.tb_next
    if last is not None and isinstance(fault, npd.NpdError):
        last.tb_next = None
    return first or fault.__traceback__

"""The life of one block: its rows in, the researcher's `answer` over them, its numbers out. Everything from the
script's first line on is untrusted; whatever it does, the one thing that leaves is what lies in its pipe when its
slot is over."""

import builtins
import os
import random
import struct
import sys
import traceback
import types
from dataclasses import dataclass

import apart
import npd
import numpy as np
import pyarrow as pa
from npd.blocks import numbers_of, tables_of

PATH = "/tmp/script.py"
SEED = 0
LENGTH = struct.Struct(">Q")

ALONE = pa.ipc.IpcReadOptions(use_threads=False)
"""Where threads of all blocks are counted together a block has one, and none can be started for reading."""


@dataclass(frozen=True)
class Kind:
    """What is the same for all blocks of a job: the compiled script, how many numbers it answers, tables, limits."""

    code: types.CodeType
    numbers: int
    tables: tuple[str, ...]
    settings: dict


def live(kind: Kind, rows: int, answer: int, printing: int) -> None:
    """Never returns. `rows` and `answer` are descriptors; `printing` one for what it prints, or -1."""
    try:
        close_others({rows, answer, printing})
        own_streams()
        if printing >= 0:
            for handle in (1, 2):
                os.dup2(printing, handle)
        become(kind.settings)
        found = tables_of(kind.tables, received(rows))
        numbers = run(kind, found)
        os.write(answer, struct.pack(f"<{len(numbers)}d", *numbers))
    except BaseException as fault:
        if printing >= 0:
            traceback.print_exception(type(fault), fault, fault.__traceback__)
    finally:
        flush()
        os._exit(0)


def become(settings: dict) -> None:
    """Put this process apart. The order matters: what gives power comes before what takes it. (A signal to its process
    group would reach the lane's too, whatever namespaces say: so it has one of its own.)"""
    os.setsid()
    apart.fresh_scratch(settings["scratch_bytes"])
    apart.limit(settings["address_bytes"], settings["seconds"], settings["scratch_bytes"], settings["tasks"])
    apart.close_off(settings["threads"])


def close_others(kept: set[int]) -> None:
    """Nothing of the lane's is open here but these and the three standard streams."""
    last = 2
    for handle in sorted(kept - {-1}):
        os.closerange(last + 1, handle)
        last = handle
    os.closerange(last + 1, 1024)


def own_streams() -> None:
    """Standard streams that lead nowhere, opened by this block. Flags belong to what was opened, not to who holds it:
    on streams that the lane had opened, one block could leave a flag that the next one reads."""
    null = os.open(os.devnull, os.O_RDWR)
    for handle in (0, 1, 2):
        os.dup2(null, handle)
    os.close(null)


def received(rows: int) -> list[pa.Table]:
    """The block's tables, each an Arrow stream behind its length."""
    with os.fdopen(rows, "rb") as source:
        content = source.read()
    found, at = [], 0
    while at < len(content):
        (length,) = LENGTH.unpack_from(content, at)
        at += LENGTH.size
        found.append(pa.ipc.open_stream(pa.py_buffer(content)[at : at + length], options=ALONE).read_all())
        at += length
    return found


def run(kind: Kind, tables: dict) -> list[float]:
    """The script's own numbers. Chance is the same for every block: what draws, draws alike."""
    random.seed(SEED)
    np.random.seed(SEED)
    builtins.load, builtins.exit, builtins.quit = npd.load, sys.exit, sys.exit
    main = types.ModuleType("__main__")
    main.__file__ = PATH
    sys.modules["__main__"], sys.argv = main, [PATH]
    sys.path[:] = [path for path in sys.path if path != "/sandbox"]
    exec(kind.code, main.__dict__)
    return numbers_of(main.__dict__["answer"](tables), kind.numbers)


def flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # a script may have put anything in their place
            return

"""Defences removed, one at a time: the test of each must pass with it, and fail without it. The lists are beside:
`disclosure_defences`, `private_defences`, `script_defences`.

`python -m tests.prove.defences disclosure|private|script [PLACE …]` tries those of a list, or of some of its places, in
this process, and prints what was not caught.
"""

import __future__

import builtins
import dis
import importlib
import inspect
import json
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from types import CodeType, FunctionType, ModuleType
from typing import Any
from unittest import mock

Removed = Callable[[], AbstractContextManager[Any]]
"""Makes a context in which the defence is not there."""
Faults = tuple[type[BaseException], ...]
"""How a test fails that has seen it. A removal that does not fit the code any more is a LookupError or a TypeError, and
belongs in no list."""


@dataclass(frozen=True, slots=True)
class Defence:
    """What stops an attack, how to take that away, and the test that must fail then: the beginning of its name, up to
    an underscore, in a module. `given` are its arguments."""

    what: str
    removed: Removed
    test: str
    module: str
    given: tuple[Any, ...] = ()

    @property
    def place(self) -> str:
        """The number of a finding, or the first word of a test's name; where a module is an attack, its own name."""
        name = self.module.rpartition(".test_")[2]
        return self.test.split("_")[1] if name.startswith(("findings_of", "traps_of")) else name


def caught(defence: Defence, faults: Faults) -> bool:
    """Whether the test passes as things are, and fails with the defence removed."""
    module = importlib.import_module(defence.module)
    test = getattr(module, next(n for n in vars(module) if f"{n}_".startswith(f"{defence.test}_")))
    test(*defence.given)
    with defence.removed():
        try:
            test(*defence.given)
        except faults:
            return True
    return False


def run(defences: Sequence[Defence], faults: Faults, places: frozenset[str] = frozenset()) -> dict[str, object]:
    tried = [d for d in defences if not places or d.place in places]
    missed = [f"{d.test}: {d.what}" for d in tried if not caught(d, faults)]
    return {"places": len({d.place for d in tried}), "defences": len(tried), "missed": missed}


def put(where: str, value: Any) -> Removed:
    """Another value under a dotted name."""
    return lambda: mock.patch(where, value)


def edited(where: str, old: str, new: str) -> Removed:
    """A function in which a piece of its text is another: seen by whoever holds the function already, too."""

    @contextmanager
    def context() -> Iterator[None]:
        function = _function(where)
        source = textwrap.dedent(inspect.getsource(function)).removeprefix("@property\n")
        if source.count(old) != 1:
            raise LookupError(f"{where} has {source.count(old)} times {old!r}: where is the defence now?")
        namespace: dict[str, Any] = {}
        flags = __future__.annotations.compiler_flag
        exec(compile(source.replace(old, new), where, "exec", flags, True), function.__globals__, namespace)
        code = namespace[function.__name__].__code__
        if unknown := sorted(_unknown_to(vars(builtins) | function.__globals__, code)):
            raise LookupError(f"{where} knows no {unknown}, which {new!r} names.")
        was, function.__code__ = function.__code__, code
        try:
            yield
        finally:
            function.__code__ = was

    return context


def _unknown_to(names: Mapping[str, Any], code: CodeType) -> Iterator[str]:
    """The names that a code, and those within it, look up among `names`, or in a module there, and do not find."""
    instructions = list(dis.get_instructions(code))
    for found, then in zip(instructions, [*instructions[1:], None], strict=True):
        if found.opname != "LOAD_GLOBAL":
            continue
        if found.argval not in names:
            yield found.argval
        elif then is not None and then.opname in {"LOAD_ATTR", "LOAD_METHOD"}:
            module = names[found.argval]
            if isinstance(module, ModuleType) and not hasattr(module, then.argval):
                yield f"{found.argval}.{then.argval}"
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _unknown_to(names, inner)


def _function(where: str) -> FunctionType:
    module, _, name = where.partition(":")
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    found = found.fget if isinstance(found, property) else found
    assert isinstance(found, FunctionType)
    return found


def together(*removed: Removed) -> Removed:
    @contextmanager
    def context() -> Iterator[None]:
        with ExitStack() as stack:
            for each in removed:
                stack.enter_context(each())
            yield

    return context


def nothing(*_: Any, **__: Any) -> None:
    """Where a check was."""


if __name__ == "__main__":
    listed = importlib.import_module(f"tests.prove.{sys.argv[1]}_defences")
    print(json.dumps(run(listed.DEFENCES, listed.CAUGHT, frozenset(sys.argv[2:])), indent=2))

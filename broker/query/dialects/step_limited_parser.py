"""A sqlglot parser that stops after a number of steps, and records how the text names a call. Each dialect derives its
own parser from it."""

from collections.abc import Callable
from typing import Any

from sqlglot import exp
from sqlglot.parser import Parser

from broker.query.diagnostics import WRITTEN_NAME

AROUND_CALLS = (exp.Window, exp.WithinGroup, exp.Filter, exp.IgnoreNulls, exp.RespectNulls)


class TooManySteps(Exception):
    """The parser has used all its steps. It parses some nestings repeatedly, so each level can double its time."""


class StepLimitedParser(Parser):
    """A parser that stops after a number of steps."""

    steps_left = 0

    def _advance(self, times: int = 1) -> None:
        self.steps_left -= 1
        if self.steps_left < 0:
            raise TooManySteps
        super()._advance(times)

    def _parse_parameter(self) -> exp.Parameter:
        """Parse a parameter and record its position in the text, which the base class does not keep."""
        start = self._prev.start
        parameter = super()._parse_parameter()
        parameter.meta["start"] = start
        return parameter

    def _parse_function_call(
        self, functions: dict[str, Callable[..., Any]] | None = None, anonymous: bool = False,
        optional_parens: bool = True, any_token: bool = False,
    ) -> exp.Expr | None:  # fmt: skip
        """Parse a call and record its name as written, which the base class replaces by a name of its own."""
        written = self._curr.text if self._curr else ""
        found = super()._parse_function_call(functions, anonymous, optional_parens, any_token)
        call = found
        while isinstance(call, AROUND_CALLS):
            call = call.this
        if isinstance(call, exp.Expr):
            call.meta.setdefault(WRITTEN_NAME, written)
        return found

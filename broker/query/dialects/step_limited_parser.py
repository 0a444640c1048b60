"""A sqlglot parser that stops after a number of steps. Each dialect counts its own parser with it."""

from sqlglot import exp
from sqlglot.parser import Parser


class TooManySteps(Exception):
    """The parser used all its steps. It tries some nestings again and again: each level can double its time."""


class StepLimitedParser(Parser):
    """A parser that stops after a number of steps."""

    steps_left = 0

    def _advance(self, times: int = 1) -> None:
        self.steps_left -= 1
        if self.steps_left < 0:
            raise TooManySteps
        super()._advance(times)

    def _parse_parameter(self) -> exp.Parameter:
        """A parameter with its place in the text, which the parser itself does not keep."""
        start = self._prev.start
        parameter = super()._parse_parameter()
        parameter.meta["start"] = start
        return parameter

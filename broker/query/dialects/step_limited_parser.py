"""A sqlglot parser that stops after a number of steps. Each dialect derives its own parser from it."""

from sqlglot import exp
from sqlglot.parser import Parser


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

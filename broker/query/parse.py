"""Text to exactly one sqlglot tree, or refusals. The only place where sqlglot's parser is called."""

import logging

import sqlglot
from sqlglot import ErrorLevel, exp
from sqlglot.errors import ParseError, SqlglotError

from broker.query.looks import Look
from broker.query.refusing import NOWHERE, Report, refuse_node

DIALECTS = ("tsql", "duckdb")

# sqlglot warns with the text of the query; queries belong to the store, not to logs.
logging.getLogger("sqlglot").setLevel(logging.CRITICAL)


def parse(look: Look, dialect: str, report: Report) -> exp.Expr | None:
    """The first statement of the text as a tree. More statements than one are refused, and the first is still
    returned, so that its uses can be told."""
    try:
        found = sqlglot.parse(look.text, dialect=dialect, error_level=ErrorLevel.RAISE)
    except RecursionError:
        report.add("too-deep", "The query is nested too deeply.", "Use WITH to name the parts.")
        return None
    except ParseError as error:
        _refuse_parse(error, report)
        return None
    except (SqlglotError, ValueError, AttributeError, TypeError, IndexError, KeyError):
        # Beside its own errors the parser has been seen to fail in these ways on broken text.
        report.add("syntax", f"The text is not {dialect} SQL.", "Check quotes and brackets.")
        return None
    trees = [t for t in found if t is not None and not isinstance(t, exp.Semicolon)]
    if not trees:
        report.add("empty", "There is no query in the text.", "Write one SELECT.")
        return None
    if len(trees) > 1:
        report.add(
            "statements", "There is more than one statement.", "Send each SELECT as a job.", report.place(trees[1])
        )
    for parameter in trees[0].find_all(exp.Parameter, exp.Placeholder, exp.SessionParameter):
        if isinstance(parameter.parent, exp.Alias | exp.TableAlias):
            report.stopped(refuse_node(parameter))  # the parser takes a parameter for a column's name
    return trees[0]


def _refuse_parse(error: ParseError, report: Report) -> None:
    """Only places are taken from the parser: its words quote the text."""
    places = [(e.get("line"), e.get("col")) for e in error.errors] or [NOWHERE]
    report.add("syntax", "The text cannot be understood from here on.", "Check the words before this place.", places[0])


def canonical_text(tree: exp.Expr, dialect: str, output: str) -> str:
    """A text that means the same, without comments; it compiles to the same plan."""
    return f"-- output: {output}\n{tree.sql(dialect=dialect, comments=False, copy=False)}"

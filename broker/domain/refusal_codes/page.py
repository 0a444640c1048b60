"""The page of the documentation that lists every refusal: generated from the table, so that the two cannot differ."""

from broker.domain.refusal_codes import SECTIONS, Code

NAMED = {"tsql": "T-SQL", "duckdb": "DuckDB SQL", "python": "Python"}
OPENING = """# Refusals

Generated from the table in `broker/domain/refusal_codes` by `make docs`; a test keeps it equal. A submission is refused
before anything runs, with every reason at once: a code, the place in the text, a sentence, and what to do instead. The
codes are stable; the sentences may become better. Each example is refused with the code that it stands under.
"""


def refusals_page() -> str:
    """The text of docs/refusals.md."""
    index = "\n".join(f"- {title}: {', '.join(_link(c) for c in codes)}" for title, codes in SECTIONS.items())
    sections = (f"## {title}\n\n" + "\n".join(_entry(c) for c in codes) for title, codes in SECTIONS.items())
    return "\n".join((OPENING, index + "\n", *sections))


def _link(code: Code) -> str:
    return f"[{code.code}](#{code.code})"


def _entry(code: Code) -> str:
    text = f"### {code.code}\n\n**{code.title}.** {code.means}\n\nWhat to do: {code.do}\n"
    if code.example is None:
        return text
    where = f"{NAMED.get(code.dialect, code.dialect)}, project {code.project}"
    fence = "python" if code.dialect == "python" else "sql"
    return f"{text}\n{where}:\n\n```{fence}\n{code.example.rstrip()}\n```\n"

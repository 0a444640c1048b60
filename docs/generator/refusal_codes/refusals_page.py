"""The page of the documentation that lists every refusal: generated from the table and the broker's own answers, so that
they cannot differ."""

from broker.domain.sql_dialects import DIALECT_TITLES
from docs.generator.refusal_codes import SECTIONS, RefusalCode
from docs.generator.refusal_codes.example_refusals import advice_of

LANGUAGE_TITLES = {**DIALECT_TITLES, "python": "Python"}
OPENING = """# Refusals

Generated from the table in `docs/generator/refusal_codes` by `make docs`; a test keeps it equal. A submission is refused
before anything runs, with every reason at once: a code, the place in the text, a sentence, and what to do instead. The
codes are stable; the sentences may become better. Each example is refused with the code that it stands under, and what
to do about it is what the broker advises. The projects are those of `policies`, except P0815, whose approval has ended:
it is one of `tests/policies`.
"""


def refusals_page() -> str:
    """The text of docs/reference/refusals.md."""
    index = "\n".join(f"- {title}: {', '.join(_code_link(c) for c in codes)}" for title, codes in SECTIONS.items())
    sections = (f"## {title}\n\n" + "\n".join(_code_section(c) for c in codes) for title, codes in SECTIONS.items())
    return "\n".join((OPENING, index + "\n", *sections))


def _code_link(code: RefusalCode) -> str:
    return f"[{code.code}](#{code.code})"


def _code_section(code: RefusalCode) -> str:
    text = f"### {code.code}\n\n**{code.title}.** {code.explanation}\n"
    advice = f"What to do: {advice_of(code)}\n"
    if code.example is None:
        return f"{text}\n{advice}"
    where = f"{LANGUAGE_TITLES.get(code.dialect, code.dialect)}, project {code.project}"
    fence = "python" if code.dialect == "python" else "sql"
    return f"{text}\n{where}:\n\n```{fence}\n{code.example.rstrip()}\n```\n\n{advice}"

"""Prints what `broker check --fix` made of a text: the text on standard output, what is left on standard error."""

import sys
from dataclasses import asdict
from pathlib import Path

from broker.cli.output.check_document import check_document
from broker.cli.output.check_output import refusal_lines
from broker.cli.output.console import err, print_json
from broker.domain.errors import Invalid
from broker.workflow.checking.text_edits import FixedText


def print_fixed(file: str, fixed: FixedText, in_place: bool, as_json: bool) -> int:
    """Print or write the text. Returns 0 if it is accepted now, else 2."""
    if in_place and file == "-":
        raise Invalid("in-place", "Standard input has no file to write into: leave out --in-place.", "--in-place")
    if in_place:
        Path(file).write_bytes(fixed.text.encode("utf-8", "surrogateescape"))
    document = check_document(fixed.checked) | {"text": fixed.text, "edits": [asdict(e) for e in fixed.edits]}
    if as_json:
        print_json(document)
    elif in_place:
        sys.stdout.write(f"{file}: wrote {len(fixed.edits)} edit{'' if len(fixed.edits) == 1 else 's'}\n")
    else:
        sys.stdout.write(fixed.text)
    for edit in fixed.edits:
        err.print(f"{edit.line}:{edit.column}: wrote {edit.replacement.strip()}", markup=False)
    for line in refusal_lines(document["refusals"], fixed.text):
        err.print(line.text, markup=False)
    return 0 if fixed.checked.accepted else 2

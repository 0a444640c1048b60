"""A script's rehearsal as a JSON document (a contract that other programs rely on) and as text for people."""

from typing import TYPE_CHECKING, Any

from broker.cli.check_document import check_document
from broker.cli.show import say
from broker.cli.show_rehearsal import output_document, print_output
from broker.domain.ports import SandboxEnd
from broker.workflow.check import Checked
from broker.workflow.rehearse_script import RehearsedScript

if TYPE_CHECKING:
    from broker.workflow.rehearsal_data import Wanted

WORDS = {
    SandboxEnd.ENDED: "It ran to its end.",
    SandboxEnd.CRASHED: "It failed: the error is the last of what it printed.",
    SandboxEnd.TIME_LIMIT: "It reached the limit of time that every job has.",
    SandboxEnd.MEMORY_LIMIT: "It reached the limit of memory that every job has.",
    SandboxEnd.OUTPUT_LIMIT: "It left or printed more than a job may.",
}
KINDS = {
    "table": "rows of which the broker makes a table by its rules, and a person looks at it",
    "regression": "rows on which the broker fits a model, and a person looks at it",
    "figure": "a figure that the broker draws of a released table",
    "file": "a file of the script's own: a person looks at it",
}


def script_document(
    checked: Checked, ran: RehearsedScript, wanted: "Wanted", seconds: dict[str, float]
) -> dict[str, Any]:
    first, last = wanted.years
    data = {"pupils": wanted.pupils, "years": list(range(first, last + 1)), "seed": wanted.seed}
    left = [
        {
            "name": o.name,
            "kind": o.kind,
            "bytes": o.size,
            "declared": o.declared,
            "problem": o.problem,
            "look_at": list(o.look_at),
        }
        for o in ran.outputs
    ]
    told = {"end": ran.end.value, "runtime": ran.runtime, "log": ran.log, "left": left, "absent": list(ran.absent)}
    told |= {"outputs": [output_document(table) for table in ran.tables]}
    return check_document(checked) | told | {"data": data, "seconds": seconds}


def print_script(document: dict[str, Any]) -> None:
    data = document["data"]
    years = data["years"]
    say(f"accepted; rehearsed on a synthetic NPD of {data['pupils']:,} pupils, {years[0]}-{years[-1]}")
    for sentence in document["review"]:
        say(f"note: {sentence}")
    say("")
    say(f"what it printed (in {document['runtime']}; of a real run, only checkers see it):")
    for line in document["log"].rstrip("\n").split("\n"):
        say(f"  {line}")
    say("")
    say(WORDS.get(SandboxEnd(document["end"]), f"It ended badly: {document['end']}."))
    for output in document["left"]:
        undeclared = "" if output["declared"] else "; the header does not declare it, so it stays where it is"
        say(f"output {output['name']}: {KINDS[output['kind']]}; {output['bytes']:,} bytes{undeclared}")
        if output["problem"]:
            say(f"  nothing would come of it: {output['problem']}")
        for sentence in output["look_at"]:
            say(f"  a checker would be told: {sentence}")
    for name in document["absent"] if document["end"] == SandboxEnd.ENDED.value else ():
        say(f"output {name}: declared, and not left")
    for output in document["outputs"]:
        print_output(output)
    say("")
    say(", ".join(f"{part} {spent:.2f} s" for part, spent in document["seconds"].items()))

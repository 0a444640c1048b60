"""The types of answers that the client's commands read, written from the schemas of the API."""

from typing import Any

from pydantic import TypeAdapter

from broker.web.schemas.api_schemas import JobShown, SavedShown
from broker.web.schemas.staff_schemas import EvidenceShown
from broker.workflow.views.job_views import OutputView

ANSWERS: dict[type, str] = {
    OutputView: "OutputAnswer",
    JobShown: "JobAnswer",
    EvidenceShown: "EvidenceAnswer",
    SavedShown: "SavedAnswer",
}
WORDS = {"string": "str", "integer": "int", "boolean": "bool", "null": "None", "object": "dict[str, Any]"}

HEAD = '''\
"""Answers of the API that several commands read, as typed dictionaries: the JSON as it came. `/openapi.json` describes
every answer. Written from the API's schemas by `make docs`; a test keeps them equal."""

from typing import Any, TypedDict
'''


def client_answers() -> str:
    """The text of broker/client/api_answers.py."""
    return HEAD + "".join(f"\n\n{_typed_dictionary(schema, name)}" for schema, name in ANSWERS.items())


def _typed_dictionary(schema: type, name: str) -> str:
    fields = TypeAdapter(schema).json_schema(mode="serialization")["properties"]
    lines = [f"    {field}: {_type_of(found)}\n" for field, found in fields.items()]
    return f'class {name}(TypedDict):\n    """{schema.__doc__}"""\n\n{"".join(lines)}'


def _type_of(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " | ".join(map(_type_of, schema["anyOf"]))
    if "$ref" in schema:
        known = {kind.__name__: name for kind, name in ANSWERS.items()}
        return known.get(schema["$ref"].rpartition("/")[2], WORDS["object"])
    return f"list[{_type_of(schema['items'])}]" if schema["type"] == "array" else WORDS[schema["type"]]

"""The shapes of the records as JSON schemas, written from docs/reference/records.md and from ACRO 1.0.1's
`finalise_json`."""

from typing import Any

TEXT = {"type": "string"}
COUNT = {"type": "integer", "minimum": 0}
TEXTS = {"type": "array", "items": TEXT}
WORD = {"enum": ["publish", "suppress", "review", "refuse"]}


def closed(**fields: Any) -> dict[str, Any]:
    """An object with exactly these fields."""
    return {"type": "object", "properties": fields, "required": sorted(fields), "additionalProperties": False}


def list_of(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item}


def named(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": item}


PLACES = {"type": "array", "items": {"type": "array", "prefixItems": [COUNT, {"type": "integer", "minimum": -1}],
                                     "minItems": 2, "maxItems": 2}}  # fmt: skip
ACRO_SUMMARY = {"type": "object", "properties": {"suppressed": {"type": "boolean"}}, "additionalProperties": COUNT}
ACRO = closed(
    version={"type": "string", "pattern": r"^\d+\.\d+\.\d+$"},
    tool=TEXT,
    results={
        "type": "object",
        "propertyNames": {"pattern": r"^output_\d+$"},
        "minProperties": 1,
        "additionalProperties": closed(
            uid={"type": "string", "pattern": r"^output_\d+$"},
            status={"enum": ["pass", "review", "fail"]},
            type=TEXT,
            properties={"type": "object", "required": ["method"]},
            files={"type": "array", "minItems": 1, "items": closed(
                name={"type": "string", "pattern": r"^[^/\\]+$"},
                sdc=closed(summary=ACRO_SUMMARY, cells=named(PLACES)),
            )},
            outcome=named(named(TEXT)),
            command=TEXT,
            summary=TEXT,
            timestamp={"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT"},
            comments=TEXTS,
            exception=TEXT,
            fair={"type": "object"},
        ),
    },
)  # fmt: skip
"""`fair` is what `load_records` asks for; `files` may not be empty for the viewer."""

STAFF = closed(
    record={"const": "npd-broker staff record"},
    version={"const": 1},
    name=TEXT,
    columns=TEXTS,
    verdict=WORD,
    small={"type": "boolean"},
    profile=closed(name=TEXT, source=TEXT),
    rules=list_of(closed(id=TEXT, sentence=TEXT, parameters={"type": "object"}, findings=COUNT)),
    cells=list_of(closed(
        keys=TEXTS,
        persons=COUNT,
        figures=list_of(closed(
            column=TEXT, exact=TEXT, released={"type": ["string", "null"]},
            max_error={"type": ["string", "null"]}, verdict=WORD, rules=TEXTS,
            hole={"enum": [None, "primary", "secondary"]}, behind=list_of({"type": "integer"}),
        )),
    )),
    findings=list_of(closed(
        rule=TEXT, verdict=WORD, sentence=TEXT, figures=named(TEXT), cell={"type": ["array", "null"]},
        column={"type": ["string", "null"]},
    )),
    evidence=list_of(closed(
        keys=TEXTS,
        shown={"type": "boolean"},
        statistics=list_of(closed(id={"type": "integer"}, measure=TEXT)),
        cells=list_of(closed(
            keys=TEXTS, rows=COUNT, persons=COUNT,
            statistics=list_of(closed(
                id={"type": "integer"}, evidence={"type": "object"}, rules=TEXTS, verdict=WORD,
                hidden={"type": "boolean"},
            )),
        )),
    )),
    pattern=closed(shown=COUNT, primary=COUNT, secondary=COUNT),
    audit={"anyOf": [{"type": "null"}, closed(targets=COUNT, exact=COUNT, narrow=COUNT)]},
    symbols=named(TEXT),
    notes=TEXTS,
)  # fmt: skip

RELEASED = closed(
    record={"const": "npd-broker released record"},
    version={"const": 1},
    name=TEXT,
    columns=TEXTS,
    method=TEXT,
    profile={"type": ["string", "null"]},
    parameters=named({"type": ["integer", "number", "string", "boolean"]}),
    additive={"type": ["boolean", "null"]},
    max_errors=named(list_of({"type": ["string", "null"]})),
    symbols=named(TEXT),
    notes=TEXTS,
)

"""The stored form of a staff record: JSON from which an equal record is read back. The only reader and writer of it."""

import json
from collections.abc import Mapping
from typing import Any

from broker.disclosure.records.assessment_json import assessment_from_json, assessment_to_json
from broker.domain import staff_records
from broker.domain.findings import Finding, Verdict
from broker.domain.release_history import HistorySource, OverlapKind


def staff_record_to_bytes(record: staff_records.StaffRecord) -> bytes:
    return json.dumps(staff_record_to_json(record)).encode()


def staff_record_to_json(record: staff_records.StaffRecord) -> dict[str, Any]:
    content = record.content
    document = _file_to_json(content) if isinstance(content, staff_records.FileRecord) else assessment_to_json(content)
    document |= {} if record.privacy is None else {"privacy": dict(record.privacy)}
    return document | ({} if record.comparison is None else {"memory": comparison_to_json(record.comparison)})


def staff_record_from_bytes(content: bytes) -> staff_records.StaffRecord:
    """Read a stored record. Raises Invalid("bad-assessment") if it is none."""
    document: dict[str, Any] = json.loads(content)
    compared = document.get("memory")
    return staff_records.StaffRecord(
        assessment_from_json(document) if "rows" in document else _file_from_json(document),
        None if compared is None else _comparison_from_json(compared),
        document.get("privacy"),
    )


def comparison_to_json(comparison: staff_records.ComparisonRecord) -> dict[str, Any]:
    return {
        "version": comparison.version,
        "overlaps": [
            {"release": o.release, "output": o.output, "table": o.table, "source": o.source.value, "how": o.kind.value,
             "words": o.words, "persons": o.persons, "exact": o.exact}
            for o in comparison.overlaps
        ],
        "others": comparison.others,
        "numbers_only": list(comparison.numbers_only),
        "standard": [{"name": p.name, "about": p.about, "where": p.where} for p in comparison.standard],
        **({"refused": comparison.refused} if comparison.refused else {}),
    }  # fmt: skip


def _comparison_from_json(document: Mapping[str, Any]) -> staff_records.ComparisonRecord:
    return staff_records.ComparisonRecord(
        document["version"],
        tuple(
            staff_records.OverlapRecord(
                *(o["release"], o["output"], o["table"], HistorySource(o["source"]), OverlapKind(o["how"])),
                *(o["persons"], o["exact"]),
            )
            for o in document.get("overlaps", ())
        ),
        document.get("others", False),
        tuple(document.get("numbers_only", ())),
        tuple(staff_records.NearPopulationRecord(**p) for p in document.get("standard", ())),
        document.get("refused", ""),
    )


def _file_to_json(file: staff_records.FileRecord) -> dict[str, Any]:
    document = {"file": file.name, "problem": file.problem, "summary": dict(file.facts)}
    if file.problem is not None:
        return document  # nobody has read its content
    notes = [{"rule": f.rule, "sentence": f.sentence, "figures": dict(f.figures)} for f in file.notes]
    aside = [{"finding": finding, "sentence": sentence} for finding, sentence in file.set_aside]
    return document | {"summary": {**file.facts, "look_at": notes}, "set_aside": aside}


def _file_from_json(document: Mapping[str, Any]) -> staff_records.FileRecord:
    facts = dict(document["summary"])
    return staff_records.FileRecord(
        document["file"],
        document["problem"],
        facts,
        tuple(
            Finding(n["rule"], Verdict.REVIEW, n["sentence"], tuple(n["figures"].items()))
            for n in facts.pop("look_at", ())
        ),
        tuple((a["finding"], a["sentence"]) for a in document.get("set_aside", ())),
    )

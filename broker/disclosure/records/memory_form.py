"""The form in which a remembered table is kept with its members: JSON that gives an equal value back. No persons."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from broker.disclosure.records.stored_values import value_from_json, value_to_json
from broker.domain.errors import Breach
from broker.domain.memory import Entry, KnownFigure, Source


def entry_to_json(entry: Entry) -> dict[str, Any]:
    return {**asdict(entry), "source": entry.source.value, "when": entry.when.isoformat(), "within": dict(entry.within)}


def entry_from_json(document: Mapping[str, Any]) -> Entry:
    try:
        when = datetime.fromisoformat(document["when"])
        return Entry(**{**document, "source": Source(document["source"]), "when": when})
    except (KeyError, TypeError, ValueError) as error:
        raise Breach("A kept entry of the memory cannot be read.") from error


def figure_to_json(figure: KnownFigure) -> dict[str, Any]:
    return {
        "statistic": figure.statistic,
        "amount": figure.amount,
        "once": figure.once,
        "told": figure.told,
        "reads": sorted(figure.reads),
        "shown": [[cell, value_to_json(value)] for cell, value in sorted(figure.shown.items())],
    }


def figure_from_json(document: Mapping[str, Any]) -> KnownFigure:
    try:
        return KnownFigure(
            statistic=document["statistic"],
            amount=document["amount"],
            once=document["once"],
            told=document["told"],
            reads=frozenset(document["reads"]),
            shown={cell: value_from_json(value) for cell, value in document["shown"]},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Breach("A kept figure of the memory cannot be read.") from error

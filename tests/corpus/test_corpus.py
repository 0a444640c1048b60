"""The broker answers every submission of the corpus as recorded: states, codes, places and figures."""

import json

import pytest

from tests.corpus.recording import RECORDED, answers

pytestmark = pytest.mark.long

FEWEST = 500


def test_every_submission_is_answered_as_recorded() -> None:
    recorded = json.loads(RECORDED.read_text())
    found = json.loads(json.dumps(dict(answers()), default=str))
    assert len(recorded) >= FEWEST
    assert recorded.keys() == found.keys()
    differing = {
        name: {"recorded": recorded[name], "found": told} for name, told in found.items() if told != recorded[name]
    }
    assert not differing, next(iter(differing.items()))


def test_the_corpus_has_answers_of_every_kind() -> None:
    recorded = json.loads(RECORDED.read_text()).values()
    refused = [a for a in recorded if a["refusals"]]
    assert len(refused) > 100
    assert len({code for a in refused for code, *_ in a["refusals"]}) > 40
    assert sum("leaves" in a for a in recorded) > 100
    assert sum("forecast" in a for a in recorded) > 5
    assert sum(a["person"] for a in recorded) > 30

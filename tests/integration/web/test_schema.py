"""The OpenAPI document against the door itself: drawn requests get documented answers only, and never a 5xx."""

import warnings

import pytest
from hypothesis import HealthCheck, Phase, given, settings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import schemathesis

from tests.integration.web.conftest import ADA, CLEO, ROSA

pytestmark = pytest.mark.long

DRAWN = settings(
    max_examples=8, database=None, deadline=None, derandomize=True, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


def test_the_document_is_31_and_closed(site):
    found = site.http().get("/openapi.json").json
    assert found["openapi"] == "3.1.0"
    assert found["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    for path, item in found["paths"].items():
        for method, operation in item.items():
            assert operation["security"] == [{"token": []}], path
            assert operation["summary"], (path, method)
            assert "401" in operation["responses"]


@pytest.mark.parametrize("person", [ROSA, CLEO, ADA])
def test_drawn_requests_get_documented_answers(site, person):
    schema = schemathesis.openapi.from_wsgi("/openapi.json", site.app)
    site.released()
    operations = [found.ok() for found in schema.get_all_operations()]
    asked = sum(probe(site, person, o) for o in operations if not o.path.endswith("/tokens/current"))
    assert asked >= 150


def probe(site, person, operation) -> int:
    """Draw requests for one operation; how many were sent."""
    documented = operation.definition.raw["responses"]
    answers = []

    @DRAWN
    @given(case=operation.as_strategy())
    def check(case):
        response = case.call(headers={"Authorization": f"Bearer {site.tokens[person]}"})
        answers.append(response.status_code)
        assert response.status_code < 500, (case.method, case.path, response.text)
        assert str(response.status_code) in documented, (case.method, case.path, response.status_code)
        if response.status_code >= 400:
            assert set(response.json()) == {"code", "message", "pointer", "errors"}

    check()
    return len(answers)

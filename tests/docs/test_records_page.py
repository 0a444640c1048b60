"""docs/reference/records.md is written from the code, and names every field that the records have."""

import pytest

from docs.generator.records_page import records_page
from tests.docs.commands import ROOT
from tests.spec.disclosure.record_shapes import RELEASED, STAFF


def test_the_page_is_what_the_code_says():
    assert (ROOT / "docs" / "reference" / "records.md").read_text() == records_page(), "run `make docs`"


@pytest.mark.parametrize("shape", [STAFF, RELEASED])
def test_every_field_of_a_record_is_named(shape):
    assert {f for f in shape["properties"] if f"`{f}`" not in records_page()} == set()

"""Writes the pages that are generated from tables of the source, the types of the client's answers, and the library's
copy of the catalogue. Run by `make docs`."""

from pathlib import Path

from broker.policy.files import load_policies
from docs.generator.client_answers import client_answers
from docs.generator.library_catalogue import library_catalogue
from docs.generator.records_page import records_page
from docs.generator.refusal_codes.refusals_page import refusals_page
from docs.generator.sql_page import sql_page
from docs.generator.state_diagrams import states_page
from docs.generator.utility_page import utility_page

HERE = Path(__file__).parent
REFERENCE = HERE / "reference"
(REFERENCE / "states.md").write_text(states_page())
(REFERENCE / "refusals.md").write_text(refusals_page())
POLICIES = load_policies(HERE.parent / "policies")
(REFERENCE / "sql.md").write_text(sql_page(POLICIES.memory.standard))
(REFERENCE / "records.md").write_text(records_page())
(REFERENCE / "utility.md").write_text(utility_page())

(HERE.parent / "broker" / "client" / "api_answers.py").write_text(client_answers())

LIBRARY = HERE.parent / "sandbox_images" / "python" / "npd" / "catalogue.json"
LIBRARY.write_text(library_catalogue(POLICIES.catalogue), encoding="utf-8")

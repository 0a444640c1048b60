"""The commands about tables published elsewhere: what they print, how they end."""

import json

import pytest

from tests.docs.commands import blocks
from tests.integration.web.conftest import ADA, AMIR, ROSA, SQL, missing
from tests.integration.web.every_page import public_tables_of


def test_one_adds_another_confirms_and_both_list(at, site, tmp_path):
    public_tables_of(site)
    recipe, figures = tmp_path / "recipe.sql", tmp_path / "figures.csv"
    recipe.write_text(SQL)
    figures.write_text("NCyearActual,n\n7,100\n8,\n")
    words = ("history", "public")
    told = ("--name", "By hand", "--source", "https://example.org", "--snapshot", "s1", "--dialect", "tsql")
    code, out, _ = at(ADA, *words, "add", str(recipe), str(figures), *told, "--rounding", "5", "--json")
    made = json.loads(out)
    assert (code, made["state"]) == (0, "asked")
    assert at(ADA, *words, "confirm", made["ident"])[0] == 1
    code, out, _ = at(AMIR, *words, "confirm", made["ident"])
    assert (code, out) == (0, f"public table {made['ident']}: to be run\n")
    assert at(ADA, *words, "withdraw", made["ident"])[0] == 1
    code, out, _ = at(ADA, *words, "list", "--json")
    assert {t["name"]: t["state"] for t in json.loads(out)} == {
        "One": "asked", "Two": "numbers only", "By hand": "to be run",
    }  # fmt: skip
    code, out, _ = at(AMIR, *words, "list")
    assert (code, "1 of 2" in out) == (0, True)
    code, out, _ = at(AMIR, *words, "list", made["ident"])
    assert "7,100" in out


def test_a_wrong_recipe_is_a_clear_error_and_others_may_not(at, site, tmp_path):
    public_tables_of(site)
    recipe, figures = tmp_path / "recipe.sql", tmp_path / "figures.csv"
    recipe.write_text("-- output: a\nSELECT NoSuchThing, COUNT(*) AS n FROM npd.absence GROUP BY NoSuchThing")
    figures.write_text("NoSuchThing,n\n1,2\n")
    about = ("--name", "A", "--source", "B", "--snapshot", "s1")
    command = ("history", "public", "add", str(recipe), str(figures), *about)
    code, _, err = at(ADA, *command)
    assert (code, missing(err, "Line 2", "NoSuchThing")) == (1, [])
    assert at(ROSA, *command)[0] == at(ROSA, "history", "public", "list")[0] == 1


(PAGE_LISTING,) = (text for kind, text in blocks("docs/how-to/operating.md") if kind == "yaml")
LISTING = f"""{PAGE_LISTING.rstrip()}
  - name: Pupils by year group in one region
    file: absence.csv
    recipe: groups.sql
    dialect: tsql
    rows: {{time_period: "201819", geographic_level: Regional, phase: Total}}
    columns: {{NCyearActual: year_group, n: pupils}}
    codes: {{NCyearActual: {{Year 7: "7"}}}}
"""
STATISTICS = """time_period,time_identifier,geographic_level,region_name,phase,year_group,pupils
201819,Academic year,National,,Total,Year 7,100
201819,Academic year,National,,Total,Year 8,c
201819,Academic year,National,,Primary,Year 7,40
201819,Academic year,Regional,North East,Total,Year 7,35
201718,Academic year,National,,Total,Year 7,90
"""


@pytest.fixture
def listed(site, tmp_path):
    public_tables_of(site)
    for name, text in (("tables.yaml", LISTING), ("absence.csv", "\ufeff" + STATISTICS), ("groups.sql", SQL)):
        (tmp_path / name).write_text(text)
    return tmp_path / "tables.yaml"


def test_tables_of_published_files_are_requested_once(at, listed):
    code, out, _ = at(ADA, "history", "public", "import", str(listed), "--json")
    made = json.loads(out)
    assert (code, [one["result"] for one in made]) == (0, ["requested", "requested"])
    code, out, _ = at(ADA, "history", "public", "list", made[0]["ident"], "--json")
    assert json.loads(out)["figures"] == "NCyearActual,n\n7,100\n8,\n", "the hidden figure is empty"
    code, out, _ = at(AMIR, "history", "public", "import", str(listed))
    assert (code, out.count("already registered")) == (0, 2)


@pytest.mark.parametrize(
    ("instead", "of", "sentence"),
    [
        ("pupil_count", "n: pupils", "has no column 'pupil_count'"),
        ("Local authority", "Regional", "has no row with"),
        ("Year 9", "Year 8", "year_group is 'Year 8', and `codes` of NCyearActual have no code for it"),
        ("nowhere.csv", "absence.csv", "There is no file"),
        ("colours", "codes", "'colours' is no key here"),
    ],
)
def test_a_listing_that_does_not_fit_its_files_requests_nothing(at, listed, instead, of, sentence):
    whole = f"n: {instead}" if of.startswith("n:") else instead
    listed.write_text(LISTING.replace(of, whole))
    code, _, err = at(ADA, "history", "public", "import", str(listed))
    assert (code, missing(err, sentence)) == (1, [])
    assert "Pupils by" not in at(ADA, "history", "public", "list")[1]


@pytest.mark.parametrize(
    ("line", "sentence"), [('201819,"open', "is not valid CSV after line 6"), ("201819,a", "more or fewer values")]
)
def test_a_broken_file_is_a_clear_error(at, listed, line, sentence):
    listed.with_name("absence.csv").write_text(STATISTICS + line)
    code, _, err = at(ADA, "history", "public", "import", str(listed))
    assert (code, sentence in err.replace("\n", " ")) == (1, True), err


def test_a_table_that_the_broker_refuses_does_not_stop_the_others(at, listed):
    listed.write_text(LISTING.replace('rounding: "5"', 'rounding: "5000"'))
    code, out, _ = at(ADA, "history", "public", "import", str(listed), "--json")
    refused, requested = json.loads(out)
    assert (code, refused["ident"], requested["result"]) == (1, "", "requested")
    assert refused["result"], "the broker's sentence"

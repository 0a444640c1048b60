"""The commands about tables published elsewhere: what they print, how they end."""

import json

from tests.integration.web.conftest import ADA, AMIR, ROSA, SQL
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
    command = (
        "history",
        "public",
        "add",
        str(recipe),
        str(figures),
        "--name",
        "A",
        "--source",
        "B",
        "--snapshot",
        "s1",
    )
    code, _, err = at(ADA, *command)
    assert code == 1
    assert "Line 2" in err
    assert "NoSuchThing" in err
    assert at(ROSA, *command)[0] == 1
    assert at(ROSA, "history", "public", "list")[0] == 1

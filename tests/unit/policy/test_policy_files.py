"""Faults in policy files: each is told with a code, a sentence, and the file and line where it stands."""

import shutil
from pathlib import Path

import pytest

from broker.domain.errors import Invalid
from broker.policy.files import load_policies
from broker.policy.release_history_policy import ReleaseHistoryPolicy
from tests.policy_sets import TEST_POLICIES
from tests.unit.policy.conftest import fault_of

pytestmark = pytest.mark.slow

# What is written instead of what, in which file, the code that must come back,
# and how the line begins that it must point to.
FAULTS = [
    ("catalogue/npd.ks2_pupil.yaml", "missing_until:", "missing: false, missing_until:", "missing", "- {name: KS2"),
    ("catalogue/codesets.yaml", "sen_prov: {K: {", "sen_prof: {K: {", "unknown-codeset", "sen_prof: {K"),
    ("catalogue/codesets.yaml", "sen_prov: {K: {", "sen_prov: {Z: {", "unknown-code", "sen_prov: {Z"),
    ("catalogue/codesets.yaml", "{K: {since: 2014}", "{K: {since: 2014, until: 2013}", "empty-range", "sen_prov: {K"),
    ("catalogue/codesets.yaml", "{K: {since: 2014}", "{K: {from: 2014}", "unknown-key", "sen_prov: {K"),
    ("projects/P0421.yaml", "votes: 1", "votes: 1\nvote: 1", "unknown-key", "vote: 1"),
    ("projects/P0421.yaml", "votes: 1", "votes: 1\nVotes: 2", "duplicate-key", "Votes: 2"),
    ("projects/P0421.yaml", "votes: 1", "votes: 3", "policy-range", "votes: 3"),
    ("projects/P0421.yaml", "votes: 1", "votes: one", "policy-type", "votes: one"),
    ("projects/P0421.yaml", "profile: npd-default", "profile: npd", "unknown-profile", "profile: npd"),
    ("projects/P0421.yaml", "dialect: tsql", "dialect: postgres", "unknown-dialect", "dialect: postgres"),
    ("projects/P0421.yaml", "mode: either", "mode: both", "unknown-word", "mode: both"),
    ("projects/P0421.yaml", "expires: 2028-03-31", "expires: soon", "policy-type", "expires: soon"),
    ("projects/P0421.yaml", "expires: 2028-03-31", "expires: 2028-03-32", "policy-type", "expires: 2028-03-32"),
    ("projects/P0421.yaml", "title: Attainment", "title: [Attainment", "policy-syntax", "organisation: {name: Demo"),
    ("projects/P0421.yaml", "  - table: npd.phonics", "  - table: npd.phonic", "unknown-table", "- table: npd.phoni"),
    ("projects/P0421.yaml", "  - table: npd.phonics", "  - table: npd.sc_addresses", "not-grantable", "- table: npd"),
    ("projects/P0421.yaml", "except: [KS4_CLA_PP_1_DAY]", "except: [KS4_NONE]", "unknown-variable", "except: [KS4_N"),
    ("projects/P0421.yaml", "years: 2014/2015-2023/2024", "years: 2023/2024-2014/2015", "year-range", "years: 2023/"),
    ("projects/P0421.yaml", "years: 2014/2015-2023/2024", "years: 2014/2016-2023/2024", "year-range", "years: 2014/"),
    ("projects/P0421.yaml", "years: 2014/2015-2023/2024", "years: 2014/2015-2024/2025", "year-outside", "years: 201"),
    ("projects/P0421.yaml", "years: 2014/2015-2023/2024", "years: []", "empty-range", "years: []"),
    ("projects/P0421.yaml", "    years: 2014/2015-2023/2024\n", "", "missing-key", "- table: npd.spring_census"),
    ("projects/P0421.yaml", "years: 2015/2016-2020/2021", "years: 2019/2020-2020/2021", "empty-range", "years: 2019"),
    ("projects/P0421.yaml", "    variables: link keys only", "    variables: keys", "unknown-word", "variables: key"),
    ("projects/P0733.yaml", "[AcademicYear, RecordStatus", "[AcademicYear, UPN", "identifier", "variables: [Academi"),
    ("projects/P0733.yaml", "[AcademicYear, RecordStatus", "[AcademicYear, ACADEMICYEAR", "duplicate-variable", "va"),
    ("projects/P0733.yaml", "loss: 4.0", "loss: 0", "policy-range", "- {table: npd.absence, loss: 0, delta"),
    ("projects/P0733.yaml", "loss: 4.0", "loss: 9.0", "policy-range", "- {table: npd.absence, loss: 9.0, delta"),
    ("projects/P0733.yaml", "table: npd.absence, loss", "table: ref.schools, loss", "no-unit", "- {table: ref.sch"),
    ("projects/P0733.yaml", "{table: npd.ks1, loss", "{table: npd.absence, loss", "duplicate-budget", "- {table: npd."),
    ("projects/P0733.yaml", "privacy: npd-private\n", "", "missing-key", "project: P0733"),
    ("projects/P0733.yaml", "mode: differential-privacy", "mode: disclosure-control", "mode", "privacy: npd-private"),
    ("projects/P0421.yaml", "privacy: npd-private", "privacy: npd-privat", "unknown-profile", "privacy: npd-privat"),
    ("projects/P0421.yaml", "unit: pupil, loss", "unit: pupil, table: npd.cin, loss", "budget-of", "- {unit: pupil,"),
    ("privacy/datasets.yaml", "table: npd.cla", "table: npd.clo", "unknown-table", "- {table: npd.clo"),
    ("privacy/datasets.yaml", "table: npd.cla", "table: npd.ks1", "duplicate-dataset", "- {table: npd.ks1, only"),
    ("memory.yaml", "fraction: 0.05", "fraction: 0", "policy-range", "fraction: 0"),
    ("memory.yaml", "fraction: 0.05", "fractions: 0.05", "unknown-key", "fractions: 0.05"),
    ("memory.yaml", "variables: [LA,", "variables: [LAs,", "unknown-variable", "- {name: local"),
    ("memory.yaml", "[LA, NCyearActual]", "[PupilMatchingRefAnonymous]", "unknown-variable", "- {name: local"),
    ("memory.yaml", "[LA, NCyearActual]", "[]", "missing-key", "- {name: local"),
    ("memory.yaml", "table: npd.spring_census, variables", "table: npd.census, variables", "unknown-table", "- {name"),
    ("memory.yaml", "table: npd.spring_census, variables", "table: ref.schools, variables", "no-unit", "- {name: lo"),
    ("projects/P0733.yaml", "project: P0733", "project: P0421", "duplicate-project", "project: P0421"),
    ("projects/FIXTURE.yaml", "default_schema: fixture", "default_schema: fixtures", "unknown-schema", "default_sch"),
    ("catalogue/codesets.yaml", "  eth_minor:\n", "  eth_minor: &a\n", "policy-anchor", "eth_minor: &a"),
    ("catalogue/npd.cla.yaml", "table: npd.cla", "table: NPD.CIN", "duplicate-table", "table: NPD.CIN"),
    ("catalogue/npd.cin.yaml", "codeset: need", "codeset: needs", "unknown-codeset", "- {name: CIN_PrimaryNeedCode,"),
    ("catalogue/npd.cin.yaml", "name: CIN_LAchildID", "name: cin_acadyr", "duplicate-variable", "- {name: CIN_ACADY"),
    ("catalogue/npd.cin.yaml", "format: academic", "format: tax", "year-format", "year: {variable: CIN_ACADYR, form"),
    ("catalogue/npd.cin.yaml", "[CIN_CINAt31March]", "[CIN_ReferralDay]", "ranking", "- {within: [CIN_Re"),
    ("catalogue/npd.cin.yaml", "[CIN_CINAt31March]", "[CIN_CPPstartDate]", "ranking", "- {within: [CIN_CPP"),
    ("catalogue/npd.cin.yaml", "[CIN_CINAt31March]", "[CIN_PrimaryNeedCode]", "ranking", "- {within: [CIN_P"),
    ("catalogue/npd.cin.yaml", "31March], rows: 2", "31March], rows: 9", "ranking", "- {within: [CIN_P"),
    ("catalogue/npd.cin.yaml", "variable: CIN_ACADYR", "variable: CIN_YEAR", "unknown-variable", "year: {variable:"),
    ("catalogue/npd.cin.yaml", "link_key: CIN_PupilMatchingRefAnonymous", "link_key: CIN_LA", "link-key", "link_key"),
    ("catalogue/npd.ks4_pupil.yaml", "high: 90, decimals: 2", "high: -1, decimals: 2", "empty-range", "- {name: KS4"),
    ("catalogue/npd.ks4_pupil.yaml", "high: 90, decimals: 2", "high: 90", "decimals", "- {name: KS4_ATT8, type: dec"),
    ("catalogue/npd.ks4_pupil.yaml", "[2001/2002-2013/2014]", "[2000/2001-2013/2014]", "year-outside", "- {pattern:"),
    ("combinations.yaml", "table:npd.cla", "table:npd.clo", "unknown-name", "any_of: [table:npd.cin, table:npd.clo]"),
    ("combinations.yaml", "variable:Postcode", "variable:Postal", "unknown-name", "with_any: [variable:Postal]"),
    ("combinations.yaml", "class:instant-identifier", "class:instant", "unknown-name", "any_of: [class:instant]"),
    ("combinations.yaml", "years: [2021/2022]", "years: [2021/2020]", "year-range", "years: [2021/2020]"),
    ("combinations.yaml", "    default_items_only: true\n", "", "empty-rule", "- id: C6"),
    ("profiles/strict.yaml", "t: 10", "t: 1", "policy-range", "t: 1"),
    ("profiles/strict.yaml", "full_share: 0.9", "full_share: 1.9", "policy-range", "full_share: 1.9"),
    ("profiles/strict.yaml", "name: strict", "name: leo", "duplicate-profile", "name: leo"),
    ("profiles/strict.yaml", "zeros: suppress", "zeros: hide", "unknown-word", "zeros: hide"),
    ("profiles/strict.yaml", "dof: 10", "dof: 10\nnoise_least: 2", "policy-range", "noise_least: 2"),
    ("profiles/npd-cell-key.yaml", "cell_key", "random", "unknown-word", "rounding: random"),
    ("profiles/npd-cell-key.yaml", "noise_variance: 3", "noise_variance: 25", "policy-range", "noise_variance: 25"),
    ("profiles/npd-cell-key.yaml", "noise_least: 2", "noise_least: 6", "policy-range", "noise_deviation: 5"),
    ("profiles/npd-cell-key.yaml", "noise_least: 2", "noise_least: 7", "policy-range", "noise_least: 7"),
    ("profiles/npd-cell-key.yaml", "noise_deviation: 5\n", "", "missing-key", "name: npd-cell-key"),
    ("service.yaml", "threads: 2", "threads: 0", "policy-range", "threads: 0"),
    ("service.yaml", "threads: 2", "threads: !!python/name:os.system 2", "policy-tag", "threads: !!python/name:os.s"),
    ("service.yaml", "threads: 2\n", "", "missing-key", "text_bytes: 65536"),
]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(TEST_POLICIES, tmp_path / "policies"))


@pytest.mark.parametrize(("file", "old", "new", "code", "where"), FAULTS)
def test_a_fault_has_its_file_and_line(folder: Path, file: str, old: str, new: str, code: str, where: str) -> None:
    told, line = fault_of(load_policies, folder, file, old, new)
    assert told.code == code
    assert line.startswith(where)
    assert told.message.endswith(".")


def test_a_missing_or_broken_file_is_a_fault(folder: Path) -> None:
    (folder / "service.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(Invalid, match="UTF-8"):
        load_policies(folder)
    (folder / "service.yaml").write_text("")
    with pytest.raises(Invalid, match="empty"):
        load_policies(folder)
    (folder / "service.yaml").unlink()
    with pytest.raises(Invalid, match="cannot be read"):
        load_policies(folder)
    with pytest.raises(Invalid, match="no folder"):
        load_policies(folder / "elsewhere")


def test_two_documents_in_one_file_are_refused(folder: Path) -> None:
    text = (folder / "service.yaml").read_text()
    (folder / "service.yaml").write_text(f"{text}---\n{text}")
    with pytest.raises(Invalid) as caught:
        load_policies(folder)
    assert caught.value.code == "policy-syntax"


def test_nesting_without_end_is_an_error_and_no_crash(folder: Path) -> None:
    (folder / "service.yaml").write_text("a: " + "[" * 5000)
    with pytest.raises(Invalid) as caught:
        load_policies(folder)
    assert caught.value.code == "policy-syntax"


def test_nothing_is_allotted_of_what_is_not_promised(folder: Path) -> None:
    path = folder / "privacy" / "promises.yaml"
    path.write_text("".join(line for line in path.read_text().splitlines(True) if "unit: staff" not in line))
    with pytest.raises(Invalid, match="Nothing is promised to the unit staff") as caught:
        load_policies(folder)
    assert caught.value.code == "no-promise"


def test_a_set_without_the_folder_promises_nothing(folder: Path) -> None:
    shutil.rmtree(folder / "privacy")
    for project in (folder / "projects").glob("P0[47]*.yaml"):
        project.unlink()
    assert load_policies(folder).privacy.promises == ()


def test_two_populations_of_one_name_are_a_fault(folder: Path) -> None:
    path = folder / "memory.yaml"
    line = next(line for line in path.read_text().splitlines() if "local authority" in line)
    path.write_text(path.read_text().replace(line, f"{line}\n{line}"))
    with pytest.raises(Invalid) as caught:
        load_policies(folder)
    assert caught.value.code == "duplicate-population"


def test_a_set_without_a_memory_file_has_no_reference_population(folder: Path) -> None:
    (folder / "memory.yaml").unlink()
    assert load_policies(folder).memory == ReleaseHistoryPolicy()

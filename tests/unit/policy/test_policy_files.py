"""Faults in policy files: each is told with a code, a sentence, and the file and line where it stands."""

import shutil
from pathlib import Path

import pytest

from broker.domain.errors import Invalid
from broker.policy.files import load_policies
from broker.policy.release_history_policy import ReleaseHistoryPolicy
from tests.policy_sets import TEST_POLICIES

pytestmark = pytest.mark.slow

# What is written instead of what, in which file, the code that must come back,
# and how the line begins that it must point to.
FAULTS = [
    ("catalogue/npd.ks2_pupil.yaml", "missing_until:", "missing: false, missing_until:", "missing", "- {name: KS2"),
    ("catalogue/codesets.yaml", "sen_prov: {K: {", "sen_prof: {K: {", "unknown-codeset", "sen_prof: {K"),
    ("catalogue/codesets.yaml", "sen_prov: {K: {", "sen_prov: {Z: {", "unknown-code", "sen_prov: {Z"),
    ("catalogue/codesets.yaml", "{K: {since: 2014}", "{K: {since: 2014, until: 2013}", "empty-range", "sen_prov: {K"),
    ("catalogue/codesets.yaml", "{K: {since: 2014}", "{K: {from: 2014}", "unknown-key", "sen_prov: {K"),
    ("projects/P0421.yaml", "votes: 1", "votes: 1\nVotes: 2", "duplicate-key", "Votes: 2"),
    ("projects/P0421.yaml", "votes: 1", "votes: 3", "policy-range", "votes: 3"),
    ("projects/P0421.yaml", "profile: npd-default", "profile: npd", "unknown-profile", "profile: npd"),
    ("projects/P0421.yaml", "dialect: tsql", "dialect: postgres", "unknown-dialect", "dialect: postgres"),
    ("projects/P0421.yaml", "expires: 2040-03-31", "expires: 2040-03-32", "policy-type", "expires: 2040-03-32"),
    ("projects/P0421.yaml", "title: Attainment", "title: [Attainment", "policy-syntax", "organisation: {name: Demo"),
    ("projects/P0421.yaml", "  - table: npd.phonics", "  - table: npd.phonic", "unknown-table", "- table: npd.phoni"),
    ("projects/P0421.yaml", "  - table: npd.phonics", "  - table: npd.sc_addresses", "not-grantable", "- table: npd"),
    ("projects/P0421.yaml", "except: [KS4_CLA_PP_1_DAY]", "except: [KS4_NONE]", "unknown-variable", "except: [KS4_N"),
    ("projects/P0421.yaml", "years: 2014/2015-2023/2024", "years: 2014/2016-2023/2024", "year-range", "years: 2014/"),
    ("projects/P0421.yaml", "years: 2014/2015-2023/2024", "years: 2014/2015-2024/2025", "year-outside", "years: 201"),
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
    ("memory.yaml", "variables: [LA,", "variables: [LAs,", "unknown-variable", "- {name: local"),
    ("memory.yaml", "[LA, NCyearActual]", "[PupilMatchingRefAnonymous]", "unknown-variable", "- {name: local"),
    ("memory.yaml", "[LA, NCyearActual]", "[]", "missing-key", "- {name: local"),
    ("memory.yaml", "table: npd.spring_census, variables", "table: npd.census, variables", "unknown-table", "- {name"),
    ("memory.yaml", "table: npd.spring_census, variables", "table: ref.schools, variables", "no-unit", "- {name: lo"),
    ("memory.yaml", "name: school", "name: local authority and year group", "duplicate-population", "- {name: local"),
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
    ("profiles/strict.yaml", "dof: 10", "dof: 10\nnoise_least: 2", "policy-range", "noise_least: 2"),
    ("profiles/npd-cell-key.yaml", "cell_key", "random", "unknown-word", "rounding: random"),
    ("profiles/npd-cell-key.yaml", "noise_variance: 3", "noise_variance: 25", "policy-range", "noise_variance: 25"),
    ("profiles/npd-cell-key.yaml", "noise_least: 2", "noise_least: 6", "policy-range", "noise_deviation: 5"),
    ("profiles/npd-cell-key.yaml", "noise_least: 2", "noise_least: 7", "policy-range", "noise_least: 7"),
    ("profiles/npd-cell-key.yaml", "noise_deviation: 5\n", "", "missing-key", "name: npd-cell-key"),
    ("privacy/promises.yaml", "unit: staff", "unit: pupil", "duplicate-promise", "- {unit: pupil, accounting"),
    ("privacy/promises.yaml", "unit: staff", "unit: school", "unknown-word", "- {unit: school"),
    ("privacy/promises.yaml", "accounting: approximate", "accounting: exact", "unknown-word", "- {unit: pupil"),
    ("privacy/promises.yaml", "loss: 8.0", "loss: 0", "policy-range", "- {unit: pupil"),
    ("privacy/promises.yaml", "delta: 1.0e-8", "delta: 2", "policy-range", "- {unit: pupil"),
    ("privacy/promises.yaml", "approximate, loss: 8.0, delta", "pure, loss: 8.0, delta", "policy-range", "-"),
    ("privacy/promises.yaml", "loss: 8.0, delta: 1.0e-8", "loss: 8.0", "policy-range", "- {unit"),
    ("privacy/promises.yaml", "approximate, loss: 8.0, delta: 1.0e-8", "zcdp, loss: 1", "policy-range", "- {unit"),
    ("privacy/promises.yaml", "loss: 8.0,", "loss: 8.0, epsilon: 8,", "unknown-key", "- {unit: pupil"),
    ("privacy/profiles/npd-private.yaml", "max_automatic: 0.5", "max_automatic: 0", "policy-range", "max_automatic: 0"),
    ("privacy/profiles/npd-private.yaml", "max_raised: 2.0", "max_raised: 0.2", "policy-range", "max_raised: 0.2"),
    ("privacy/profiles/npd-private.yaml", "max_cells: 100000", "max_cells: 0", "policy-range", "max_cells: 0"),
    ("privacy/profiles/npd-private.yaml", "max_delta: 1.0e-9", "max_delta: 1", "policy-range", "max_delta: 1"),
    ("privacy/profiles/npd-private.yaml", "level: 0.95", "level: 0.05", "policy-range", "level: 0.05"),
    ("privacy/profiles/npd-private.yaml", "level: 0.95", "level: 0.95\nlevels: 2", "unknown-key", "levels: 2"),
    ("privacy/profiles/npd-private.yaml", "[0.25, 0.5, 2, 4]", "[0.25, -1]", "policy-range", "other_spends"),
    ("privacy/profiles/npd-private.yaml", "display_floor: 10\n", "", "missing-key", "name: npd-private"),
    ("privacy/profiles/npd-private.yaml", "most_answers: 20", "most_answers: 0", "policy-range", "most_answers: 0"),
    ("service.yaml", "threads: 2", "threads: 0", "policy-range", "threads: 0"),
    ("service.yaml", "threads: 2", "threads: !!python/name:os.system 2", "policy-tag", "threads: !!python/name:os.s"),
    ("service.yaml", "threads: 2\n", "", "missing-key", "text_bytes: 65536"),
]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(TEST_POLICIES, tmp_path / "policies"))


@pytest.mark.parametrize(("file", "old", "new", "code", "where"), FAULTS)
def test_a_fault_has_its_file_and_line(folder: Path, file: str, old: str, new: str, code: str, where: str) -> None:
    text = (folder / file).read_text()
    assert old in text
    changed = text.replace(old, new, 1)
    (folder / file).write_text(changed)
    with pytest.raises(Invalid) as caught:
        load_policies(folder)
    name, _, line = caught.value.pointer.rpartition(":")
    assert (name, caught.value.code) == (str(folder / file), code)
    assert changed.splitlines()[int(line) - 1].strip().startswith(where)
    assert caught.value.message.endswith(".")


SERVICE = (TEST_POLICIES / "service.yaml").read_bytes()


@pytest.mark.parametrize(("content", "code", "said"), [
    (b"\xff\xfe", "policy-file", "UTF-8"),
    (b"", "policy-file", "empty"),
    (None, "policy-file", "cannot be read"),
    (SERVICE + b"---\n" + SERVICE, "policy-syntax", None),
    (b"a: " + b"[" * 5000, "policy-syntax", None),
])  # fmt: skip
def test_a_missing_or_broken_file_is_a_fault(folder: Path, content: bytes | None, code: str, said: str | None) -> None:
    """Also two documents in one file, and nesting without end."""
    (folder / "service.yaml").unlink()
    if content is not None:
        (folder / "service.yaml").write_bytes(content)
    with pytest.raises(Invalid, match=said) as caught:
        load_policies(folder)
    assert caught.value.code == code


def test_a_missing_folder_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="no folder"):
        load_policies(tmp_path / "elsewhere")


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


def test_a_set_without_a_memory_file_has_no_reference_population(folder: Path) -> None:
    (folder / "memory.yaml").unlink()
    assert load_policies(folder).memory == ReleaseHistoryPolicy()

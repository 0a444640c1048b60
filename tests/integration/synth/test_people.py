"""People are linked across tables and years, and the defects that deliveries have are there on purpose."""

import pytest

pytestmark = pytest.mark.long

PMR, KS4 = "PupilMatchingRefAnonymous", "KS4_PupilMatchingRefAnonymous"
CENSUS_22, KS4_22 = "npd.spring_census/2022", "npd.ks4_pupil/2022"

LINKED: list[tuple[str, str, str, str, float, float]] = [
    # table and year, its key, another table and year, its key, least and greatest share that is found there
    (KS4_22, KS4, CENSUS_22, PMR, 0.96, 0.99),
    ("npd.ks4_exam/2022", KS4, KS4_22, KS4, 0.97, 1.0),
    ("npd.eyfsp/2022", "FSP_PupilMatchingRefAnonymous", CENSUS_22, PMR, 0.98, 1.0),
    ("npd.phonics/2023",
     "PHONICS_PupilMatchingRefAnonymous", "npd.eyfsp/2022", "FSP_PupilMatchingRefAnonymous", 0.70, 0.995),
    ("npd.ks2_pupil/2018", "KS2_PupilMatchingRefAnonymous", "npd.ks4_pupil/2023", KS4, 0.90, 0.99),
    ("npd.ks5_student/2023", "KS5_PupilMatchingRefAnonymous", "npd.ks4_pupil/2021", KS4, 0.97, 1.0),
    ("npd.absence/2022", PMR, CENSUS_22, PMR, 0.98, 1.0),
    ("npd.exclusions/2022", PMR, CENSUS_22, PMR, 0.97, 1.0),
    (CENSUS_22, PMR, "npd.spring_census/2023", PMR, 0.85, 0.95),
    ("npd.cla/2022", "cla_PupilMatchingRefAnonymous", CENSUS_22, PMR, 0.97, 1.0),
    ("npd.nccis/2022", "NCCIS_PupilMatchingRefAnonymous", "npd.spring_census/2019", PMR, 0.93, 0.99),
    ("npd.sc_addresses/2022", PMR, CENSUS_22, PMR, 0.98, 1.0),
    ("leo.earnings/2020", "Edukey", "leo.ae_edukey/all", "EDUKEY", 0.999, 1.0),
    ("leo.ae_edukey/all", "AE_ID", "leo.ae_pmr/all", "AE_ID", 0.999, 1.0),
]  # fmt: skip


@pytest.mark.parametrize(
    ("first", "key", "second", "other", "least", "most"), LINKED, ids=[f"{r[0]} in {r[2]}" for r in LINKED]
)
def test_people_are_found_again(run_query, first, key, second, other, least, most):
    ((share,),) = run_query(
        f"SELECT avg((EXISTS (FROM {{{second}}} s WHERE s.{other} = f.{key}))::INT) FROM {{{first}}} f "
        f"WHERE f.{key}::VARCHAR <> ''"
    )
    assert least <= share <= most


def test_pupils_move_up_a_year_group_each_year(run_query):
    rows = run_query(
        "SELECT (b.NCyearActual::INT - a.NCyearActual::INT), count(*) FROM {npd.spring_census/2021} a "
        "JOIN {npd.spring_census/2022} b USING (PupilMatchingRefAnonymous) "
        "WHERE PupilMatchingRefAnonymous <> '' AND a.NCyearActual NOT IN ('N1', 'N2', 'R') GROUP BY 1"
    )
    assert [step for step, _ in rows] == [1]


BOTH_YEARS = """{npd.spring_census/2021} a JOIN {npd.spring_census/2022} b USING (PupilMatchingRefAnonymous)
WHERE PupilMatchingRefAnonymous <> '' AND a.NCyearActual IN ('1', '2', '3', '4', '8', '9')"""
CHANGED = """a.MonthOfBirth <> b.MonthOfBirth OR a.YearOfBirth <> b.YearOfBirth
OR upper(trim(a.Gender)) <> upper(trim(b.Gender)) OR a.EthnicGroupMajor <> b.EthnicGroupMajor"""
EARNERS = """{leo.earnings/2020} e JOIN {leo.ae_edukey/all} k ON k.EDUKEY = e.Edukey
JOIN {leo.ae_pmr/all} p USING (AE_ID) JOIN {npd.ks4_pupil/2018} a
ON a.KS4_PupilMatchingRefAnonymous = p.PUPILMATCHINGREFANONYMOUS"""
FACTS: list[tuple[str, str, float, float]] = [
    # name, query, least, greatest
    ("pupils of whom something constant changes", f"SELECT avg(({CHANGED})::INT) FROM {BOTH_YEARS}", 0, 0),
    ("pupils who move", f"SELECT avg((a.LAEstab <> b.LAEstab)::INT) FROM {BOTH_YEARS}", 0.005, 0.08),
    ("schools that become academies", "SELECT count(*) FROM (SELECT LAEstab FROM {ref.schools/all} GROUP BY 1 "
     "HAVING count(*) = 2 AND count(CloseDate) = 1)", 51, 10_000),
    ("schools under a new URN", "SELECT count(DISTINCT a.LAEstab) FROM {npd.spring_census/2018} a "
     "JOIN {npd.spring_census/2022} b USING (LAEstab) WHERE a.URN <> b.URN", 6, 10_000),
    ("earners whose attainment is found", f"SELECT count(DISTINCT e.Edukey) FROM {EARNERS}", 1001, 1e9),
    ("duplicates of the census",
     "SELECT avg(coalesce(RecordStatus BETWEEN 101 AND 120, false)::INT) FROM {npd.spring_census/2022}",
     0.002, 0.006),
    ("main records of the census",
     "SELECT avg(coalesce(RecordStatus BETWEEN 1 AND 20, false)::INT) FROM {npd.spring_census/2022}", 0.002, 0.006),
    ("dual main", "SELECT avg((EnrolStatus = 'M')::INT) FROM {npd.spring_census/2022}", 0.002, 0.01),
    ("dual subsidiary",
     "SELECT avg((EnrolStatus = 'S' AND PHASE = 'PR')::INT) FROM {npd.spring_census/2022}", 0.002, 0.01),
    ("NULL keys", "SELECT avg((PupilMatchingRefAnonymous IS NULL)::INT) FROM {npd.spring_census/2022}", 0.0005, 0.003),
    ("empty keys", "SELECT avg((PupilMatchingRefAnonymous = '')::INT) FROM {npd.spring_census/2022}", 0.0005, 0.003),
    ("untidy codes", "SELECT avg((Gender <> upper(trim(Gender)))::INT) FROM {npd.spring_census/2022}", 0.001, 0.006),
    ("several absence enrolments", "SELECT avg(n - 1) FROM (SELECT count(*) n FROM {npd.absence/2022} "
     "WHERE PupilMatchingRefAnonymous <> '' GROUP BY PupilMatchingRefAnonymous)", 0.02, 0.05),
    ("most exclusions of a pupil", "SELECT max(n) FROM (SELECT count(*) n FROM {npd.exclusions/2022} "
     "WHERE PupilMatchingRefAnonymous <> '' GROUP BY PupilMatchingRefAnonymous)", 6, 40),
    ("KS4 duplicates", "SELECT avg(n - 1) FROM (SELECT count(*) n FROM {npd.ks4_pupil/2022} "
     "WHERE KS4_PupilMatchingRefAnonymous <> '' GROUP BY KS4_PupilMatchingRefAnonymous)", 0.01, 0.03),
    ("need without a key", "SELECT avg((CIN_PupilMatchingRefAnonymous IS NULL)::INT) FROM {npd.cin/2022}", 0.2, 0.3),
    ("two references of one AE_ID",
     "SELECT count(*) FROM (SELECT AE_ID FROM {leo.ae_pmr/all} GROUP BY 1 HAVING count(*) = 2)", 20, 2_000),
    ("two AE_IDs of one reference",
     "SELECT count(*) FROM (SELECT PUPILMATCHINGREFANONYMOUS FROM {leo.ae_pmr/all} GROUP BY 1 HAVING count(*) = 2)",
     20, 2_000),
    ("text flags",
     "SELECT count(DISTINCT NCCIS_SEND_flag) FROM {npd.nccis/2022} WHERE NCCIS_SEND_flag IN ('Y', 'N')", 2, 2),
    ("pupils of the City of London's school", "SELECT count(*) FROM {npd.spring_census/20*} WHERE LA = 201", 1, 200),
    ("pupils on the Isles of Scilly", "SELECT count(*) FROM {npd.spring_census/20*} WHERE LA = 420", 1, 200),
    ("pupils in Rutland", "SELECT count(*) FROM {npd.spring_census/2022} WHERE LA = 857", 1, 80),
    ("Travellers of Irish heritage",
     "SELECT count(*) FROM {npd.spring_census/20*} WHERE upper(trim(EthnicGroupMinor)) = 'WIRT'", 5, 400),
    ("schools of the City of London", "SELECT count(DISTINCT LAEstab) FROM {ref.schools/all} WHERE LA = 201", 1, 1),
    ("Progress 8 of 2019/20", "SELECT count(KS4_P8SCORE) FROM {npd.ks4_pupil/2019}", 0, 0),
]  # fmt: skip


@pytest.mark.parametrize(("query", "least", "most"), [row[1:] for row in FACTS], ids=[row[0] for row in FACTS])
def test_links_and_planted_defects_are_there_and_modest(run_query, query, least, most):
    ((value,),) = run_query(query)
    assert least <= value <= most


CODES: list[tuple[int, set[str]]] = [
    (2012, {"N", "A", "P", "S"}),
    (2014, {"N", "A", "P", "S", "K", "E"}),
    (2016, {"N", "K", "S", "E"}),
    (2018, {"N", "K", "E"}),
    (2023, {"N", "K", "E"}),
]


@pytest.mark.parametrize(("year", "codes"), CODES, ids=[str(row[0]) for row in CODES])
def test_codes_of_special_needs_change_over_the_years(run_small_query, year, codes):
    rows = run_small_query(f"SELECT DISTINCT upper(trim(SENprovision)) FROM {{npd.spring_census/{year}}}")
    assert {code for (code,) in rows} == codes


def test_behavioural_needs_are_renamed_in_2014(run_small_query):
    some = "('BESD', 'SEMH', 'NSA')"
    query = f"SELECT DISTINCT PrimarySENtype FROM {{npd.spring_census/YEAR}} WHERE PrimarySENtype IN {some}"
    assert {code for (code,) in run_small_query(query.replace("YEAR", "2013"))} == {"BESD"}
    assert {code for (code,) in run_small_query(query.replace("YEAR", "2014"))} == {"SEMH", "NSA"}


def test_key_stage_1_has_levels_first_and_outcomes_after(run_small_query):
    query = "SELECT count(KS1_MATHS) > 0, count(KS1_MATH_OUTCOME) > 0 FROM {npd.ks1/YEAR}"
    assert run_small_query(query.replace("YEAR", "2014")) == [(True, False)]
    assert run_small_query(query.replace("YEAR", "2015")) == [(False, True)]

"""The synthetic NPD has the marginal distributions of its file: each row names one, the figure and the tolerance."""

from collections.abc import Callable
from typing import Any

import pytest

from broker.synth.marginals import marginals

RunQuery = Callable[[str], list[tuple[Any, ...]]]

CENSUS = "(FROM {npd.spring_census/2022} WHERE RecordStatus IS NULL OR RecordStatus < 100)"
NOW = "(FROM {npd.spring_census/2023} WHERE RecordStatus IS NULL OR RecordStatus < 100)"
KS4 = "(FROM {npd.ks4_pupil/2022} WHERE KS4_NATMTDRES = 1)"
KS2 = "{npd.ks2_pupil/2022}"
AWAY = "{npd.absence/2022}"
OUT = "(FROM {npd.exclusions/2022} WHERE upper(trim(Category)) <> 'PERM')"
TEACHERS = "(FROM {swc.workforce/2023} WHERE Post NOT IN ('TAS', 'SUP'))"
PRIMARY, SECONDARY = "('R', '1', '2', '3', '4', '5', '6')", "('7', '8', '9', '10', '11')"
RATE = "sum(OverallAbsence_6HalfTerms) / sum(SessionsPossible_6HalfTerms)"

Row = tuple[str, str, float, float]


def known(path: str) -> float:
    return marginals().number(path)


def year(path: str, first: int) -> float:
    return marginals().in_year(path, first)


HELD: list[Row] = [
    # name, query, figure, absolute tolerance
    ("pupils on roll", f"SELECT count(*) FROM {CENSUS} WHERE OnRoll = 1", 20_000, 800),
    ("boys", f"SELECT avg((upper(trim(Gender)) = 'M')::INT) FROM {CENSUS}", known("people.male"), 0.012),
    ("free meals 2022/23", f"SELECT avg(FSMeligible) FROM {CENSUS}", year("fsm.share", 2022), 0.012),
    ("free meals 2018/19", "SELECT avg(FSMeligible) FROM {npd.spring_census/2018}", year("fsm.share", 2018), 0.012),
    ("ever 6 over free meals",
     f"SELECT avg(EVERFSM_6) / avg(FSMeligible) FROM {CENSUS}", known("fsm.ever6_ratio"), 0.08),
    ("IDACI mean", f"SELECT avg(IDACIScore) FROM {CENSUS}", known("deprivation.mean"), 0.015),
    ("other first language",
     f"SELECT avg((LanguageGroupMajor = '2_OTH')::INT) FROM {CENSUS}", known("language.other"), 0.025),
    ("plans 2023/24", f"SELECT avg((upper(trim(SENprovision)) = 'E')::INT) FROM {NOW}", year("sen.plan", 2023), 0.006),
    ("support 2023/24",
     f"SELECT avg((upper(trim(SENprovision)) = 'K')::INT) FROM {NOW}", year("sen.support", 2023), 0.01),
    ("boys of plans", f"SELECT avg((upper(trim(Gender)) = 'M')::INT) FROM {NOW} WHERE upper(trim(SENprovision)) = 'E'",
     known("sen.male_of_plan"), 0.05),
    ("boys of support",
     f"SELECT avg((upper(trim(Gender)) = 'M')::INT) FROM {NOW} WHERE upper(trim(SENprovision)) = 'K'",
     known("sen.male_of_support"), 0.035),
    ("autism of plans", f"SELECT avg((PrimarySENtype = 'ASD')::INT) FROM {NOW} WHERE upper(trim(SENprovision)) = 'E'",
     known("sen.plan_need.ASD"), 0.06),
    ("speech of support",
     f"SELECT avg((PrimarySENtype = 'SLCN')::INT) FROM {NOW} WHERE upper(trim(SENprovision)) = 'K'",
     known("sen.support_need.SLCN"), 0.035),
    ("GLD", "SELECT avg(FSP_GLD) FROM {npd.eyfsp/2022}", year("eyfsp.gld", 2022), 0.02),
    ("GLD September",
     "SELECT avg(FSP_GLD) FROM {npd.eyfsp/202*} WHERE MONTHOFBIRTH = 9", known("eyfsp.september"), 0.05),
    ("GLD August", "SELECT avg(FSP_GLD) FROM {npd.eyfsp/202*} WHERE MONTHOFBIRTH = 8", known("eyfsp.august"), 0.05),
    ("phonics Year 1",
     "SELECT avg((PHONICS_PHONICS_OUTCOME = 'WA')::INT) FROM {npd.phonics/2022} WHERE PHONICS_NCYEARACTUAL = 1",
     year("phonics.year1", 2022), 0.02),
    ("KS1 reading",
     "SELECT avg((KS1_READ_OUTCOME IN ('EXS', 'GDS'))::INT) FROM {npd.ks1/2022}", year("ks1.read", 2022), 0.02),
    ("KS1 writing",
     "SELECT avg((KS1_WRIT_OUTCOME IN ('EXS', 'GDS'))::INT) FROM {npd.ks1/2022}", year("ks1.writ", 2022), 0.02),
    ("KS2 reading mean", f"SELECT avg(KS2_READSCORE) FROM {KS2}", year("ks2.read_mean", 2022), 0.6),
    ("KS2 reading deviation", f"SELECT stddev(KS2_READSCORE) FROM {KS2}", known("ks2.read_sd"), 0.7),
    ("KS2 maths mean", f"SELECT avg(KS2_MATSCORE) FROM {KS2}", year("ks2.math_mean", 2022), 0.6),
    ("KS2 expected", f"SELECT avg(KS2_RWMEXP) FROM {KS2}", year("ks2.rwm", 2022), 0.035),
    ("Attainment 8", f"SELECT avg(KS4_ATT8) FROM {KS4}", year("ks4.att8", 2022), 0.6),
    ("Attainment 8 2019/20", "SELECT avg(KS4_ATT8) FROM {npd.ks4_pupil/2019}", year("ks4.att8", 2019), 0.8),
    ("Attainment 8 deviation", f"SELECT stddev(KS4_ATT8) FROM {KS4}", known("ks4.att8_sd"), 1.5),
    ("Attainment 8 nought", f"SELECT avg((KS4_ATT8 = 0)::INT) FROM {KS4}", known("ks4.zero_share"), 0.006),
    ("Attainment 8 boys",
     f"SELECT avg(KS4_ATT8) FROM {KS4} WHERE upper(trim(KS4_GENDER)) = 'M'", known("ks4.mean_by.male"), 0.8),
    ("Attainment 8 girls",
     f"SELECT avg(KS4_ATT8) FROM {KS4} WHERE upper(trim(KS4_GENDER)) = 'F'", known("ks4.mean_by.female"), 0.8),
    ("Attainment 8 no needs",
     f"SELECT avg(KS4_ATT8) FROM {KS4} WHERE upper(trim(KS4_SENF)) = 'N'", known("ks4.mean_by.none"), 1.0),
    ("Attainment 8 support",
     f"SELECT avg(KS4_ATT8) FROM {KS4} WHERE upper(trim(KS4_SENF)) = 'K'", known("ks4.mean_by.support"), 1.5),
    ("Attainment 8 plans",
     f"SELECT avg(KS4_ATT8) FROM {KS4} WHERE upper(trim(KS4_SENF)) = 'E'", known("ks4.mean_by.plan"), 2.0),
    ("Attainment 8 disadvantaged",
     f"SELECT avg(KS4_ATT8) FROM {KS4} WHERE KS4_FSM6CLA1A = 1", known("ks4.mean_by.disadvantaged"), 1.0),
    ("Attainment 8 others",
     f"SELECT avg(KS4_ATT8) FROM {KS4} WHERE KS4_FSM6CLA1A = 0", known("ks4.mean_by.other"), 1.0),
    ("grade 4 in both", f"SELECT avg(KS4_L2BASICS_94) FROM {KS4}", year("ks4.grade4", 2022), 0.02),
    ("grade 5 in both", f"SELECT avg(KS4_L2BASICS_95) FROM {KS4}", year("ks4.grade5", 2022), 0.02),
    ("EBacc entry", f"SELECT avg(KS4_EBACC_E_PTQ_EE) FROM {KS4}", known("ks4.ebacc_entry"), 0.02),
    ("Progress 8 mean", f"SELECT avg(KS4_P8SCORE) FROM {KS4}", known("ks4.p8_mean"), 0.05),
    ("Progress 8 deviation", f"SELECT stddev(KS4_P8SCORE) FROM {KS4}", known("ks4.p8_sd"), 0.1),
    ("KS2 goes with KS4", f"SELECT corr(KS4_ATT8, KS4_KS2EMSS) FROM {KS4}", known("ks4.corr_with_ks2"), 0.08),
    ("absence primary",
     f"SELECT {RATE} FROM {AWAY} WHERE NCyearActual IN {PRIMARY}", known("absence.year2022_primary"), 0.006),
    ("absence secondary",
     f"SELECT {RATE} FROM {AWAY} WHERE NCyearActual IN {SECONDARY}", known("absence.year2022_secondary"), 0.008),
    ("persistent absence", f"SELECT avg(PA10_exact_6HalfTerms) FROM {AWAY}", known("absence.persistent"), 0.03),
    ("persistent absence, free meals", f"SELECT avg(PA10_exact_6HalfTerms) FROM {AWAY} WHERE FSMeligible = 1",
     known("absence.persistent_fsm"), 0.05),
    ("suspensions per 100", f"SELECT 100.0 * count(*) / (SELECT count(*) FROM {CENSUS}) FROM {OUT}",
     known("exclusions.suspensions_per_100"), 1.3),
    ("reason DB", f"SELECT avg((upper(trim(Reason)) = 'DB')::INT) FROM {OUT}", known("exclusions.reasons.DB"), 0.04),
    ("events per suspended pupil",
     f"SELECT count(*) / count(DISTINCT PupilMatchingRefAnonymous) FROM {OUT} WHERE PupilMatchingRefAnonymous <> ''",
     known("exclusions.events_per_pupil"), 0.35),
    ("in need per 10,000", f"SELECT 1e4 * count(*) / (SELECT count(*) FROM {CENSUS}) FROM {{npd.cin/2022}} "
     "WHERE CIN_CINAt31March = 1 AND CIN_PupilMatchingRefAnonymous IS NOT NULL", known("care.in_need_per_10000"), 45),
    ("abuse or neglect",
     "SELECT avg((CIN_PrimaryNeedCode = 'N1')::INT) FROM {npd.cin/2022}", known("care.need.N1"), 0.05),
    ("looked after per 10,000",
     f"SELECT 1e4 * count(*) / (SELECT count(*) FROM {CENSUS}) FROM {{npd.cla/2022}} WHERE cla_CLA_31_MARCH = 1",
     known("care.looked_after_per_10000"), 15),
    ("not in education or work",
     "SELECT avg((NCCIS_Current_Activity_Code BETWEEN 510 AND 680)::INT) FROM {npd.nccis/2022}",
     known("participation.neet"), 0.02),
    ("female teachers",
     f"SELECT avg((upper(trim(Sex)) = 'F')::INT) FROM {TEACHERS}", known("workforce.female_teachers"), 0.04),
    ("qualified teachers", f"SELECT avg(QTStatus) FROM {TEACHERS}", known("workforce.qualified"), 0.015),
    ("teachers' pay", f"SELECT avg(BasePay) FROM {TEACHERS}", known("workforce.mean_pay_2023"), 2_000),
    ("no earnings", "SELECT avg((Earnings = 0)::INT) FROM {leo.earnings/2020}", known("earnings.zero_share"), 0.015),
]  # fmt: skip


@pytest.mark.parametrize(("query", "figure", "tolerance"), [row[1:] for row in HELD], ids=[row[0] for row in HELD])
def test_a_marginal_is_held(run_query: RunQuery, query: str, figure: float, tolerance: float) -> None:
    ((value,),) = run_query(query)
    assert value == pytest.approx(figure, abs=tolerance)


@pytest.mark.parametrize("code", sorted(marginals().shares("ethnicity.percent")))
def test_ethnic_groups_have_their_share(run_query: RunQuery, code: str) -> None:
    ((value,),) = run_query(f"SELECT avg((upper(trim(EthnicGroupMinor)) = '{code}')::INT) FROM {CENSUS}")
    figure = marginals().number(f"ethnicity.percent.{code}") / 100
    assert value == pytest.approx(figure, abs=0.0015 + 0.12 * min(figure, 0.2))


RATIOS: list[tuple[str, str, str]] = [
    ("male", "upper(trim(Gender)) = 'M'", "exclusions.male_ratio"),
    ("free meals", "FSMeligible = 1", "exclusions.fsm_ratio"),
]


@pytest.mark.parametrize(("group", "path"), [row[1:] for row in RATIOS], ids=[row[0] for row in RATIOS])
def test_suspensions_differ_by_group_as_stated(run_query: RunQuery, group: str, path: str) -> None:
    pupils, events = "{npd.spring_census/202*}", "(FROM {npd.exclusions/202*} WHERE upper(trim(Category)) = 'FIXD')"
    rate = f"(SELECT count(*) FROM {events} WHERE {{c}}) / (SELECT count(*) FROM {pupils} WHERE {{c}})"
    ((ratio,),) = run_query(f"SELECT ({rate.replace('{c}', group)}) / ({rate.replace('{c}', 'NOT (' + group + ')')})")
    low, high = marginals().numbers(path)
    assert low * 0.8 <= ratio <= high * 1.2


def test_ethnic_mix_differs_between_authorities(run_query: RunQuery) -> None:
    ((low, high),) = run_query(
        "SELECT min(s), max(s) FROM (SELECT avg((upper(trim(EthnicGroupMinor)) = 'WBRI')::INT) s "
        "FROM {npd.spring_census/2022} GROUP BY HomeLA HAVING count(*) >= 100)"
    )
    assert low < 0.4
    assert high > 0.8


def test_free_meals_rise_with_deprivation(run_query: RunQuery) -> None:
    rows = run_query(
        "SELECT floor(IDACIScore * 10), avg(FSMeligible) FROM {npd.spring_census/2023} WHERE IDACIScore < 0.5 "
        "GROUP BY 1 ORDER BY 1"
    )
    shares = [share for _, share in rows]
    assert shares == sorted(shares)
    assert shares[-1] > 3 * shares[0]


def test_marks_of_the_phonics_check_spike_at_the_threshold(run_query: RunQuery) -> None:
    marks = dict(run_query("SELECT PHONICS_PHONICS_MARK, count(*) FROM {npd.phonics/202*} GROUP BY 1"))
    assert marks[32] > 5 * marks[31]
    assert marks[32] > 1.5 * marks[33]


def test_more_absence_goes_with_lower_attainment(run_query: RunQuery) -> None:
    ((slope,),) = run_query(
        "SELECT corr(k.KS4_ATT8, a.OverallAbsence_6HalfTerms) FROM {npd.ks4_pupil/2022} k JOIN {npd.absence/2022} a "
        "ON a.PupilMatchingRefAnonymous = k.KS4_PupilMatchingRefAnonymous WHERE a.PupilMatchingRefAnonymous <> ''"
    )
    assert slope < -0.1


def test_persistent_absence_of_travellers_is_high(run_query: RunQuery) -> None:
    travellers = "upper(trim(EthnicGroupMinor)) IN ('WIRT', 'WROM')"
    ((share,),) = run_query(f"SELECT avg(PA10_exact_6HalfTerms) FROM {{npd.absence/202*}} WHERE {travellers}")
    assert share > 0.5


def test_suspensions_peak_in_year_9(run_query: RunQuery) -> None:
    ((group,),) = run_query("SELECT NCYear FROM {npd.exclusions/20*} GROUP BY 1 ORDER BY count(*) DESC LIMIT 1")
    assert group == "9"

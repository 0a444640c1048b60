"""The synthetic NPD has the marginal distributions of its file: each row names one, the figure and the tolerance."""

import pytest

from broker.synth.marginals import marginals

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


def is_(column: str, code: str) -> str:
    """Whether a column has this code, as 0 or 1."""
    return f"(upper(trim({column})) = '{code}')::INT"


def where(column: str, code: str, more: str = "KS4_ATT8") -> str:
    """Attainment 8 of those with this code."""
    return f"SELECT avg({more}) FROM {KS4} WHERE upper(trim({column})) = '{code}'"


HELD: list[Row] = [
    # name, query, figure, absolute tolerance
    ("pupils on roll", f"SELECT count(*) FROM {CENSUS} WHERE OnRoll = 1", 20_000, 800),
    ("boys", f"SELECT avg({is_('Gender', 'M')}) FROM {CENSUS}", known("people.male"), 0.012),
    ("free meals 2022/23", f"SELECT avg(FSMeligible) FROM {CENSUS}", year("fsm.share", 2022), 0.012),
    ("free meals 2018/19", "SELECT avg(FSMeligible) FROM {npd.spring_census/2018}", year("fsm.share", 2018), 0.012),
    ("ever 6 over free meals",
     f"SELECT avg(EVERFSM_6) / avg(FSMeligible) FROM {CENSUS}", known("fsm.ever6_ratio"), 0.08),
    ("IDACI mean", f"SELECT avg(IDACIScore) FROM {CENSUS}", known("deprivation.mean"), 0.015),
    ("other first language",
     f"SELECT avg((LanguageGroupMajor = '2_OTH')::INT) FROM {CENSUS}", known("language.other"), 0.025),
    ("plans 2023/24", f"SELECT avg({is_('SENprovision', 'E')}) FROM {NOW}", year("sen.plan", 2023), 0.006),
    ("support 2023/24", f"SELECT avg({is_('SENprovision', 'K')}) FROM {NOW}", year("sen.support", 2023), 0.01),
    ("boys of plans", f"SELECT avg({is_('Gender', 'M')}) FROM {NOW} WHERE upper(trim(SENprovision)) = 'E'",
     known("sen.male_of_plan"), 0.05),
    ("boys of support",
     f"SELECT avg({is_('Gender', 'M')}) FROM {NOW} WHERE upper(trim(SENprovision)) = 'K'",
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
    ("Attainment 8 boys", where("KS4_GENDER", "M"), known("ks4.mean_by.male"), 0.8),
    ("Attainment 8 girls", where("KS4_GENDER", "F"), known("ks4.mean_by.female"), 0.8),
    ("Attainment 8 no needs", where("KS4_SENF", "N"), known("ks4.mean_by.none"), 1.0),
    ("Attainment 8 support", where("KS4_SENF", "K"), known("ks4.mean_by.support"), 1.5),
    ("Attainment 8 plans", where("KS4_SENF", "E"), known("ks4.mean_by.plan"), 2.0),
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
    ("reason DB", f"SELECT avg({is_('Reason', 'DB')}) FROM {OUT}", known("exclusions.reasons.DB"), 0.04),
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
    ("female teachers", f"SELECT avg({is_('Sex', 'F')}) FROM {TEACHERS}", known("workforce.female_teachers"), 0.04),
    ("qualified teachers", f"SELECT avg(QTStatus) FROM {TEACHERS}", known("workforce.qualified"), 0.015),
    ("teachers' pay", f"SELECT avg(BasePay) FROM {TEACHERS}", known("workforce.mean_pay_2023"), 2_000),
    ("no earnings", "SELECT avg((Earnings = 0)::INT) FROM {leo.earnings/2020}", known("earnings.zero_share"), 0.015),
]  # fmt: skip


@pytest.mark.parametrize(("query", "figure", "tolerance"), [row[1:] for row in HELD], ids=[row[0] for row in HELD])
def test_a_marginal_is_held(run_query, query, figure, tolerance):
    ((value,),) = run_query(query)
    assert value == pytest.approx(figure, abs=tolerance)


@pytest.mark.parametrize("code", sorted(marginals().shares("ethnicity.percent")))
def test_ethnic_groups_have_their_share(run_query, code):
    ((value,),) = run_query(f"SELECT avg((upper(trim(EthnicGroupMinor)) = '{code}')::INT) FROM {CENSUS}")
    figure = marginals().number(f"ethnicity.percent.{code}") / 100
    assert value == pytest.approx(figure, abs=0.0015 + 0.12 * min(figure, 0.2))


RATIOS: list[tuple[str, str, str]] = [
    ("male", "upper(trim(Gender)) = 'M'", "exclusions.male_ratio"),
    ("free meals", "FSMeligible = 1", "exclusions.fsm_ratio"),
]


@pytest.mark.parametrize(("group", "path"), [row[1:] for row in RATIOS], ids=[row[0] for row in RATIOS])
def test_suspensions_differ_by_group_as_stated(run_query, group, path):
    pupils, events = "{npd.spring_census/202*}", "(FROM {npd.exclusions/202*} WHERE upper(trim(Category)) = 'FIXD')"
    rate = f"(SELECT count(*) FROM {events} WHERE {{c}}) / (SELECT count(*) FROM {pupils} WHERE {{c}})"
    ((ratio,),) = run_query(f"SELECT ({rate.replace('{c}', group)}) / ({rate.replace('{c}', 'NOT (' + group + ')')})")
    low, high = marginals().numbers(path)
    assert low * 0.8 <= ratio <= high * 1.2


WHITE = f"SELECT avg({is_('EthnicGroupMinor', 'WBRI')}) s FROM {{npd.spring_census/2022}} GROUP BY HomeLA"
MARKS = "(SELECT count(*) FROM {npd.phonics/202*} WHERE PHONICS_PHONICS_MARK = %d)"
TOGETHER = """{npd.ks4_pupil/2022} k JOIN {npd.absence/2022} a
ON a.PupilMatchingRefAnonymous = k.KS4_PupilMatchingRefAnonymous WHERE a.PupilMatchingRefAnonymous <> ''"""
SHAPES: list[Row] = [
    # name, query, least, greatest
    ("ethnic mix of the most mixed authority", f"SELECT min(s) FROM ({WHITE} HAVING count(*) >= 100)", 0, 0.4),
    ("ethnic mix of the least mixed authority", f"SELECT max(s) FROM ({WHITE} HAVING count(*) >= 100)", 0.8, 1),
    ("marks of phonics at the threshold and below", f"SELECT {MARKS % 32} / {MARKS % 31}", 5, 1e9),
    ("marks of phonics at the threshold and above", f"SELECT {MARKS % 32} / {MARKS % 33}", 1.5, 1e9),
    ("more absence, less attainment",
     f"SELECT corr(k.KS4_ATT8, a.OverallAbsence_6HalfTerms) FROM {TOGETHER}", -1, -0.1),
    ("persistent absence of travellers", "SELECT avg(PA10_exact_6HalfTerms) FROM {npd.absence/202*} "
     "WHERE upper(trim(EthnicGroupMinor)) IN ('WIRT', 'WROM')", 0.5, 1),
    ("the year of most suspensions",
     "SELECT NCYear FROM {npd.exclusions/20*} GROUP BY 1 ORDER BY count(*) DESC LIMIT 1", "9", "9"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "least", "most"), [row[1:] for row in SHAPES], ids=[row[0] for row in SHAPES])
def test_a_shape_is_as_stated(run_query, query, least, most):
    ((value,),) = run_query(query)
    assert least <= value <= most


def test_free_meals_rise_with_deprivation(run_query):
    bands = "SELECT floor(IDACIScore * 10), avg(FSMeligible) FROM {npd.spring_census/2023} WHERE IDACIScore < 0.5"
    shares = [share for _, share in run_query(f"{bands} GROUP BY 1 ORDER BY 1")]
    assert shares == sorted(shares)
    assert shares[-1] > 3 * shares[0]

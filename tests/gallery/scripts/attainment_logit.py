# input: npd.ks2_pupil [KS2_PupilMatchingRefAnonymous, KS2_ACADYR, KS2_RWMEXP, KS2_FSM6, KS2_GENDER] 2018/2019
# output: expected.csv | Odds of the expected standard at the end of Key Stage 2, by disadvantage and sex
# A logistic model of attainment.
import npd

variables = ["KS2_PupilMatchingRefAnonymous", "KS2_RWMEXP", "KS2_FSM6", "KS2_GENDER"]
rows = npd.table("ks2_pupil", variables=variables, years="2018/2019").pandas()
rows = rows.dropna().drop_duplicates("KS2_PupilMatchingRefAnonymous")
npd.output.regression(
    "KS2_RWMEXP ~ KS2_FSM6 + C(KS2_GENDER)",
    rows,
    family="logit",
    variables=["ks2_pupil.KS2_RWMEXP", "ks2_pupil.KS2_FSM6", "ks2_pupil.KS2_GENDER"],
)

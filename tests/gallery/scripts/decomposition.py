# input: npd.ks2_pupil [KS2_PupilMatchingRefAnonymous, KS2_ACADYR, KS2_READSCORE, KS2_FSM6, KS2_GENDER] 2018/2019
# output: parts.csv | Reading scores by disadvantage and sex: what an Oaxaca decomposition is made of
# output: model.csv | The pooled model that weighs the parts
# A decomposition: its means and its coefficients are computed by the broker; the arithmetic is anybody's.
import npd

variables = ["KS2_PupilMatchingRefAnonymous", "KS2_READSCORE", "KS2_FSM6", "KS2_GENDER"]
rows = npd.table("ks2_pupil", variables=variables, years="2018/2019").pandas().dropna()
rows = rows.drop_duplicates("KS2_PupilMatchingRefAnonymous")
declared = ["ks2_pupil.KS2_READSCORE", "ks2_pupil.KS2_FSM6", "ks2_pupil.KS2_GENDER"]
measures = {"pupils": "persons", "score": ("KS2_READSCORE", "mean")}
npd.output.table(rows, by=["KS2_FSM6", "KS2_GENDER"], measures=measures, name="parts", variables=declared)
npd.output.regression("KS2_READSCORE ~ KS2_FSM6 + C(KS2_GENDER)", rows, name="model", variables=declared)

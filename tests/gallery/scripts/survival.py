# input: npd.spring_census [PupilMatchingRefAnonymous, AcademicYear] 2018/2019-2022/2023
# input: npd.exclusions [PupilMatchingRefAnonymous, AcademicYear] 2018/2019-2022/2023
# output: survival.csv | Share of pupils not yet excluded, by years since they were first in a census
# Survival to the first exclusion, with lifelines: a step table that people look at.
import npd
from lifelines import KaplanMeierFitter

keys, years = ["PupilMatchingRefAnonymous", "AcademicYear"], "2018/2019-2022/2023"
census = npd.table("spring_census", variables=keys, years=years).pandas().dropna()
excluded = npd.table("exclusions", variables=keys, years=years).pandas().dropna()
seen = census.groupby(keys[0])["AcademicYear"].agg(["min", "max"])
seen["first"] = excluded.groupby(keys[0])["AcademicYear"].min()
last = seen["first"].fillna(seen["max"])
duration = last.str[:4].astype(int) - seen["min"].str[:4].astype(int)
kept = duration >= 0
fitted = KaplanMeierFitter().fit(duration[kept], seen["first"].notna()[kept])
table = fitted.event_table[["at_risk", "observed"]].assign(survival=fitted.survival_function_["KM_estimate"])
table[table["observed"] >= 10].round(3).to_csv("survival.csv", index_label="years")

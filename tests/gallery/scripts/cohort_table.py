# input: npd.spring_census [PupilMatchingRefAnonymous, AcademicYear, PHASE, FSMeligible] 2021/2022-2022/2023
# output: cohort.csv | Pupils in both years by phase in the first, with the share of those eligible for free meals
# A cohort table: who is in both censuses, by where they were first.
import npd

variables = ["PupilMatchingRefAnonymous", "AcademicYear", "PHASE", "FSMeligible"]
census = npd.table("spring_census", variables=variables, years="2021/2022-2022/2023").pandas()
first = census[census["AcademicYear"] == "2021/2022"].drop_duplicates("PupilMatchingRefAnonymous")
second = census[census["AcademicYear"] == "2022/2023"]
both = first[first["PupilMatchingRefAnonymous"].isin(second["PupilMatchingRefAnonymous"])]
npd.output.table(
    both,
    by="PHASE",
    measures={"pupils": "persons", "fsm": ("FSMeligible", "share")},
    variables=["spring_census.PHASE", "spring_census.FSMeligible"],
)

# input: npd.spring_census [PupilMatchingRefAnonymous, AcademicYear, FSMeligible, LA] 2021/2022-2022/2023
# input: npd.absence [PupilMatchingRefAnonymous, AcademicYear, OverallAbsence_6HalfTerms] 2021/2022-2022/2023
# input: npd.absence [SessionsPossible_6HalfTerms] 2021/2022-2022/2023
# output: absence.csv | Absence rate on free school meals, local authorities absorbed, errors clustered by them
# An absence regression with fixed effects: authorities are taken out and never shown.
import npd

keys = ["PupilMatchingRefAnonymous", "AcademicYear"]
years = "2021/2022-2022/2023"
sessions = ["OverallAbsence_6HalfTerms", "SessionsPossible_6HalfTerms"]
census = npd.table("spring_census", variables=[*keys, "FSMeligible", "LA"], years=years).pandas().drop_duplicates(keys)
absence = npd.table("absence", variables=[*keys, *sessions], years=years).pandas().drop_duplicates(keys)
rows = census.merge(absence, on=keys)
rows = rows[rows["SessionsPossible_6HalfTerms"] > 0].dropna(subset=["FSMeligible"])
rows["rate"] = 100.0 * rows["OverallAbsence_6HalfTerms"] / rows["SessionsPossible_6HalfTerms"]
npd.output.regression(
    "rate ~ FSMeligible + C(AcademicYear) | LA",
    rows,
    cluster="LA",
    variables=["spring_census.FSMeligible", "spring_census.LA", "spring_census.AcademicYear"],
)

# input: npd.absence [PupilMatchingRefAnonymous, AcademicYear, OverallAbsence_6HalfTerms, URN] 2022/2023
# output: variation.csv | Mean and spread of sessions missed by school
# School-level variation: means and standard deviations of each school that has enough pupils.
import npd

variables = ["PupilMatchingRefAnonymous", "OverallAbsence_6HalfTerms", "URN"]
rows = npd.table("absence", variables=variables, years="2022/2023").pandas()
missed = "OverallAbsence_6HalfTerms"
npd.output.table(
    rows,
    by="URN",
    measures={"pupils": "persons", "mean_missed": (missed, "mean"), "spread": (missed, "std")},
    variables=["absence.URN", f"absence.{missed}"],
)

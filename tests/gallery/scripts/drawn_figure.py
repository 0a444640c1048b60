# input: npd.spring_census [PupilMatchingRefAnonymous, PHASE, FSMeligible] 2022/2023
# output: shares.csv | Share of pupils eligible for free meals by phase
# output: shares_drawn.svg | The same as a figure
# A figure that the broker draws, from what is released of the table.
import npd

rows = npd.table("spring_census", variables=["PupilMatchingRefAnonymous", "PHASE", "FSMeligible"]).pandas()
rows = rows.drop_duplicates("PupilMatchingRefAnonymous")
declared = ["spring_census.PHASE", "spring_census.FSMeligible"]
table = npd.output.table(
    rows, by="PHASE", measures={"fsm": ("FSMeligible", "share")}, name="shares", variables=declared
)
npd.output.figure(table, kind="bar", name="shares_drawn", x="PHASE", y="fsm")

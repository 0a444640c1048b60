# input: npd.absence [OverallAbsence_6HalfTerms, NCyearActual] 2022/2023
# output: by_year_group.png | Sessions missed by year group
# A figure of the script's own: made anew with few colours, and looked at by people.
import matplotlib.pyplot as plt
import npd

rows = npd.table("absence", variables=["OverallAbsence_6HalfTerms", "NCyearActual"], years="2022/2023").pandas()
means = rows.groupby("NCyearActual")["OverallAbsence_6HalfTerms"].mean()
fig, ax = plt.subplots(figsize=(5, 3))
ax.bar(means.index.astype(str), means)
ax.set_ylabel("sessions missed")
fig.savefig("by_year_group.png")

# input: npd.spring_census [NCyearActual, SENprovision, PHASE] 2021/2022-2022/2023
# output: sen_by_phase.csv | Pupils on SEN support or a plan by phase, rounded to the nearest ten, small groups dropped
census = load("spring_census")
census["sen"] = census["SENprovision"].isin(["K", "E"])
table = census.groupby("PHASE", observed=True).agg(pupils=("sen", "size"), sen=("sen", "sum")).reset_index()
table = table[(table["sen"] >= 50) & (table["pupils"] - table["sen"] >= 50)]
table["pupils"] = (table["pupils"] / 10).round().astype(int) * 10
table["sen"] = (table["sen"] / 10).round().astype(int) * 10
table.to_csv("sen_by_phase.csv", index=False)

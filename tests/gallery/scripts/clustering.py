# input: npd.absence [PupilMatchingRefAnonymous, AuthorisedAbsence_6HalfTerms] 2022/2023
# input: npd.absence [UnauthorisedAbsence_6HalfTerms] 2022/2023
# output: clusters.parquet | Centres and sizes of four groups of pupils by how they are absent
# Clustering: the broker cannot compute it again, so the file goes to people, made anew as a CSV.
import npd
from sklearn.cluster import KMeans

columns = ["AuthorisedAbsence_6HalfTerms", "UnauthorisedAbsence_6HalfTerms"]
rows = npd.table("absence", variables=["PupilMatchingRefAnonymous", *columns], years="2022/2023").pandas().dropna()
found = KMeans(4, n_init=3, random_state=1).fit(rows[columns])
centres = rows[columns].groupby(found.labels_).mean().round(1)
centres["pupils"] = rows.groupby(found.labels_)["PupilMatchingRefAnonymous"].nunique()
centres.rename_axis("cluster").to_parquet("clusters.parquet")

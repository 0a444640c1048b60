-- output: absence_by_sen
-- Absence and persistent absence by provision for special educational needs.
SELECT a.SENprovision, a.FSMeligible,
       COUNT(DISTINCT a.PupilMatchingRefAnonymous) AS n_pupils,
       AVG(1.0 * a.PA10_exact_6HalfTerms) AS share_persistent,
       100.0 * SUM(a.OverallAbsence_6HalfTerms) / NULLIF(SUM(a.SessionsPossible_6HalfTerms), 0) AS absence_pct
FROM npd.absence AS a
WHERE a.AcademicYear = '2022/2023'
GROUP BY a.SENprovision, a.FSMeligible
ORDER BY a.SENprovision, a.FSMeligible

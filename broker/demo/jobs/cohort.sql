-- Persistent absentees of 2022/23, for later jobs. No output: nothing of them leaves.
SELECT a.PupilMatchingRefAnonymous, a.NCyearActual, a.SENprovision
INTO project.absentees
FROM npd.absence AS a
WHERE a.AcademicYear = '2022/2023' AND a.PA10_exact_6HalfTerms = 1

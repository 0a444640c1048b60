-- private: epsilon 0.5
-- clamp: OverallAbsence_6HalfTerms 0 100
-- rows: npd.absence 1
-- output: attendance
-- Pupils and sessions missed by year group, of each pupil the longest enrolment of the year.
SELECT NCyearActual, COUNT(*) AS pupils, AVG(1.0 * OverallAbsence_6HalfTerms) AS missed
FROM npd.absence
WHERE AcademicYear = '2022/2023'
GROUP BY NCyearActual

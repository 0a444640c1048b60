-- Histories of ordinary tables, in T-SQL: each table of a series is released before the next one is asked for.
-- Header of each series: -- @@ name. Between its tables: -- then

-- @@ authority then region (meals)
SELECT LA, COUNT(*) AS pupils, SUM(FSMeligible) AS meals, AVG(1.0 * FSMeligible) AS share
FROM npd.spring_census WHERE AcademicYear = '2018/2019' AND OnRoll = 1 GROUP BY LA
-- then
SELECT s.Region, COUNT(*) AS pupils, AVG(1.0 * c.FSMeligible) AS share
FROM npd.spring_census c JOIN ref.schools s ON s.URN = c.URN
WHERE c.AcademicYear = '2018/2019' AND c.OnRoll = 1 GROUP BY s.Region

-- @@ year group, then by gender
SELECT NCyearActual, COUNT(*) AS pupils FROM npd.spring_census WHERE AcademicYear = '2018/2019' AND OnRoll = 1 GROUP BY NCyearActual
-- then
SELECT NCyearActual, Gender, COUNT(*) AS pupils FROM npd.spring_census
WHERE AcademicYear = '2018/2019' AND OnRoll = 1 GROUP BY NCyearActual, Gender

-- @@ by gender, then totals
SELECT NCyearActual, Gender, COUNT(*) AS pupils FROM npd.spring_census
WHERE AcademicYear = '2018/2019' AND OnRoll = 1 GROUP BY NCyearActual, Gender
-- then
SELECT NCyearActual, Gender, COUNT(*) AS pupils FROM npd.spring_census
WHERE AcademicYear = '2018/2019' AND OnRoll = 1 GROUP BY CUBE (NCyearActual, Gender)

-- @@ a year more
SELECT SENprovision, COUNT(*) AS pupils, AVG(1.0 * OverallAbsence_6HalfTerms) AS sessions, AVG(1.0 * PA10_exact_6HalfTerms) AS persistent
FROM npd.absence WHERE AcademicYear = '2018/2019' GROUP BY SENprovision
-- then
SELECT SENprovision, COUNT(*) AS pupils, AVG(1.0 * OverallAbsence_6HalfTerms) AS sessions, AVG(1.0 * PA10_exact_6HalfTerms) AS persistent
FROM npd.absence WHERE AcademicYear = '2017/2018' GROUP BY SENprovision
-- then
SELECT AcademicYear, COUNT(*) AS pupils, SUM(OverallAbsence_6HalfTerms) AS missed, SUM(SessionsPossible_6HalfTerms) AS possible
FROM npd.absence WHERE AcademicYear IN ('2015/2016', '2016/2017', '2017/2018', '2018/2019') GROUP BY AcademicYear

-- @@ a filter more
SELECT EthnicGroupMinor, SENprovision, COUNT(*) AS pupils FROM npd.spring_census
WHERE AcademicYear = '2018/2019' AND OnRoll = 1 GROUP BY EthnicGroupMinor, SENprovision
-- then
SELECT EthnicGroupMinor, SENprovision, COUNT(*) AS pupils FROM npd.spring_census
WHERE AcademicYear = '2018/2019' AND OnRoll = 1 AND NCyearActual <> 'X' GROUP BY EthnicGroupMinor, SENprovision

-- @@ on roll or all
SELECT EthnicGroupMinor, Gender, COUNT(*) AS pupils FROM npd.spring_census
WHERE AcademicYear = '2018/2019' GROUP BY EthnicGroupMinor, Gender
-- then
SELECT EthnicGroupMinor, Gender, COUNT(*) AS pupils FROM npd.spring_census
WHERE AcademicYear = '2018/2019' AND OnRoll = 1 GROUP BY EthnicGroupMinor, Gender

-- @@ plans: authority, region and gender
SELECT LA, COUNT(*) AS pupils, SUM(CASE WHEN SENprovision = 'E' THEN 1 ELSE 0 END) AS plans,
       AVG(CASE WHEN SENprovision = 'E' THEN 1.0 ELSE 0 END) AS share
FROM npd.spring_census WHERE AcademicYear = '2018/2019' AND OnRoll = 1 GROUP BY LA
-- then
SELECT s.Region, c.Gender, COUNT(*) AS pupils, SUM(CASE WHEN c.SENprovision = 'E' THEN 1 ELSE 0 END) AS plans
FROM npd.spring_census c JOIN ref.schools s ON s.URN = c.URN
WHERE c.AcademicYear = '2018/2019' AND c.OnRoll = 1 GROUP BY s.Region, c.Gender

-- @@ absence: need, ethnic, year and meals
SELECT SENprovision, COUNT(*) AS pupils, AVG(1.0 * OverallAbsence_6HalfTerms) AS sessions, AVG(1.0 * PA10_exact_6HalfTerms) AS persistent
FROM npd.absence WHERE AcademicYear = '2018/2019' GROUP BY SENprovision
-- then
SELECT EthnicGroupMinor, COUNT(*) AS pupils, AVG(1.0 * OverallAbsence_6HalfTerms) AS sessions, AVG(1.0 * PA10_exact_6HalfTerms) AS persistent
FROM npd.absence WHERE AcademicYear = '2018/2019' GROUP BY EthnicGroupMinor
-- then
SELECT NCyearActual, FSMeligible, COUNT(*) AS pupils, AVG(1.0 * OverallAbsence_6HalfTerms) AS sessions
FROM npd.absence WHERE AcademicYear = '2018/2019' GROUP BY NCyearActual, FSMeligible

-- @@ corrected
SELECT KS4_SENF, COUNT(*) AS pupils, AVG(KS4_ATT8) AS attainment, AVG(1.0 * KS4_L2BASICS_94) AS basics
FROM npd.ks4_pupil WHERE KS4_ACADYR = '2018/2019' AND KS4_NATRES = 1 GROUP BY KS4_SENF
-- then
SELECT KS4_SENF, COUNT(*) AS pupils, AVG(KS4_ATT8) AS attainment, AVG(1.0 * KS4_L2BASICS_94) AS basics
FROM npd.ks4_pupil WHERE KS4_ACADYR = '2018/2019' AND KS4_NATRES = 1 AND KS4_ENDKS = 1 GROUP BY KS4_SENF

-- @@ results
SELECT KS4_GENDER, KS4_FSM6, COUNT(*) AS pupils, AVG(KS4_ATT8) AS attainment, AVG(1.0 * KS4_L2BASICS_95) AS basics
FROM npd.ks4_pupil WHERE KS4_ACADYR = '2018/2019' AND KS4_NATRES = 1 GROUP BY KS4_GENDER, KS4_FSM6
-- then
SELECT KS4_SENF, COUNT(*) AS pupils, AVG(KS4_ATT8) AS attainment, AVG(1.0 * KS4_L2BASICS_94) AS basics
FROM npd.ks4_pupil WHERE KS4_ACADYR = '2018/2019' AND KS4_NATRES = 1 GROUP BY KS4_SENF
-- then
SELECT KS4_ETHNIC, COUNT(*) AS pupils, AVG(KS4_ATT8) AS attainment, AVG(KS4_P8SCORE) AS progress
FROM npd.ks4_pupil WHERE KS4_ACADYR = '2018/2019' AND KS4_NATRES = 1 GROUP BY KS4_ETHNIC

-- @@ suspensions
SELECT Reason, COUNT(*) AS suspensions, COUNT(DISTINCT PupilMatchingRefAnonymous) AS pupils
FROM npd.exclusions WHERE AcademicYear = '2018/2019' AND Category = 'FIXD' GROUP BY Reason
-- then
SELECT SENprovision, COUNT(*) AS suspensions, SUM(Sessions) AS sessions
FROM npd.exclusions WHERE AcademicYear = '2018/2019' AND Category = 'FIXD' GROUP BY SENprovision
-- then
SELECT EthnicGroupMinor, COUNT(*) AS suspensions, COUNT(DISTINCT PupilMatchingRefAnonymous) AS pupils
FROM npd.exclusions WHERE AcademicYear = '2018/2019' AND Category = 'FIXD' GROUP BY EthnicGroupMinor

-- @@ age filter
SELECT PHASE, COUNT(*) AS pupils FROM npd.spring_census WHERE AcademicYear = '2018/2019' AND OnRoll = 1 GROUP BY PHASE
-- then
SELECT PHASE, COUNT(*) AS pupils FROM npd.spring_census WHERE AcademicYear = '2018/2019' AND OnRoll = 1 AND YearOfBirth >= 2003 GROUP BY PHASE

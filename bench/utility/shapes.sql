-- Tables of statistics of the Department for Education and of papers on the NPD, one a text, in T-SQL.
-- Header of each: -- @@ name | whose statistics have it

-- @@ absence by need | absence statistics, table of characteristics
SELECT SENprovision, COUNT(*) AS pupils, AVG(1.0 * OverallAbsence_6HalfTerms) AS sessions, AVG(1.0 * PA10_exact_6HalfTerms) AS persistent
FROM npd.absence WHERE AcademicYear = '2018/2019' GROUP BY SENprovision

-- @@ absence by ethnic group | absence statistics, table of characteristics
SELECT EthnicGroupMinor, COUNT(*) AS pupils, AVG(1.0 * OverallAbsence_6HalfTerms) AS sessions, AVG(1.0 * PA10_exact_6HalfTerms) AS persistent
FROM npd.absence WHERE AcademicYear = '2018/2019' GROUP BY EthnicGroupMinor

-- @@ absence by year group and meals | absence statistics, table of characteristics
SELECT NCyearActual, FSMeligible, COUNT(*) AS pupils, AVG(1.0 * OverallAbsence_6HalfTerms) AS sessions
FROM npd.absence WHERE AcademicYear = '2018/2019' GROUP BY NCyearActual, FSMeligible

-- @@ persistent absence by authority | absence statistics, local authority table
SELECT LA, COUNT(*) AS pupils, SUM(PA10_exact_6HalfTerms) AS persistent, 100.0 * SUM(PA10_exact_6HalfTerms) / COUNT(*) AS rate
FROM npd.absence WHERE AcademicYear = '2018/2019' GROUP BY LA

-- @@ absence rate by year | absence statistics, national series
SELECT AcademicYear, COUNT(*) AS pupils, SUM(OverallAbsence_6HalfTerms) AS missed, SUM(SessionsPossible_6HalfTerms) AS possible
FROM npd.absence WHERE AcademicYear IN ('2015/2016', '2016/2017', '2017/2018', '2018/2019') GROUP BY AcademicYear

-- @@ absence by month of birth | paper on relative age
SELECT MonthOfBirth, COUNT(*) AS pupils, AVG(1.0 * OverallAbsence_6HalfTerms) AS sessions
FROM npd.absence WHERE AcademicYear = '2018/2019' GROUP BY MonthOfBirth

-- @@ quartiles of absence by need | paper on attendance
SELECT DISTINCT SENprovision,
       PERCENTILE_CONT(0.25) WITHIN GROUP (ORDER BY OverallAbsence_6HalfTerms) OVER (PARTITION BY SENprovision) AS lower,
       PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY OverallAbsence_6HalfTerms) OVER (PARTITION BY SENprovision) AS median,
       PERCENTILE_CONT(0.75) WITHIN GROUP (ORDER BY OverallAbsence_6HalfTerms) OVER (PARTITION BY SENprovision) AS upper
FROM npd.absence WHERE AcademicYear = '2018/2019'

-- @@ pupils by school phase | schools, pupils and their characteristics
SELECT PHASE, COUNT(*) AS pupils FROM npd.spring_census WHERE AcademicYear = '2018/2019' AND OnRoll = 1 GROUP BY PHASE

-- @@ pupils by year group and gender | schools, pupils and their characteristics
SELECT NCyearActual, Gender, COUNT(*) AS pupils FROM npd.spring_census
WHERE AcademicYear = '2018/2019' AND OnRoll = 1 GROUP BY NCyearActual, Gender

-- @@ pupils by year group and gender with totals | schools, pupils and their characteristics
SELECT NCyearActual, Gender, COUNT(*) AS pupils FROM npd.spring_census
WHERE AcademicYear = '2018/2019' AND OnRoll = 1 GROUP BY CUBE (NCyearActual, Gender)

-- @@ ethnic group by gender | schools, pupils and their characteristics
SELECT EthnicGroupMinor, Gender, COUNT(*) AS pupils FROM npd.spring_census
WHERE AcademicYear = '2018/2019' AND OnRoll = 1 GROUP BY EthnicGroupMinor, Gender

-- @@ free meals by authority | schools, pupils and their characteristics
SELECT LA, COUNT(*) AS pupils, SUM(FSMeligible) AS meals, AVG(1.0 * FSMeligible) AS share
FROM npd.spring_census WHERE AcademicYear = '2018/2019' AND OnRoll = 1 GROUP BY LA

-- @@ free meals by region | schools, pupils and their characteristics
SELECT s.Region, COUNT(*) AS pupils, AVG(1.0 * c.FSMeligible) AS share
FROM npd.spring_census c JOIN ref.schools s ON s.URN = c.URN
WHERE c.AcademicYear = '2018/2019' AND c.OnRoll = 1 GROUP BY s.Region

-- @@ first language by phase | schools, pupils and their characteristics
SELECT PHASE, LanguageGroupMajor, COUNT(*) AS pupils FROM npd.spring_census
WHERE AcademicYear = '2018/2019' AND OnRoll = 1 GROUP BY PHASE, LanguageGroupMajor

-- @@ provision by year | special educational needs in England
SELECT AcademicYear, SENprovision, COUNT(*) AS pupils FROM npd.spring_census
WHERE AcademicYear IN ('2016/2017', '2017/2018', '2018/2019') AND OnRoll = 1 GROUP BY AcademicYear, SENprovision

-- @@ primary need by provision | special educational needs in England
SELECT PrimarySENtype, SENprovision, COUNT(*) AS pupils FROM npd.spring_census
WHERE AcademicYear = '2018/2019' AND OnRoll = 1 AND SENprovision IN ('K', 'E') GROUP BY PrimarySENtype, SENprovision

-- @@ share of primary needs | special educational needs in England
SELECT PrimarySENtype, COUNT(*) AS pupils, 100.0 * COUNT(*) / SUM(COUNT(*)) OVER () AS share FROM npd.spring_census
WHERE AcademicYear = '2018/2019' AND OnRoll = 1 AND SENprovision IN ('K', 'E') GROUP BY PrimarySENtype

-- @@ provision by ethnic group | special educational needs in England
SELECT EthnicGroupMinor, SENprovision, COUNT(*) AS pupils FROM npd.spring_census
WHERE AcademicYear = '2018/2019' AND OnRoll = 1 GROUP BY EthnicGroupMinor, SENprovision

-- @@ provision by month of birth | paper on relative age
SELECT MonthOfBirth, SENprovision, COUNT(*) AS pupils FROM npd.spring_census
WHERE AcademicYear = '2018/2019' AND OnRoll = 1 GROUP BY MonthOfBirth, SENprovision

-- @@ plans by authority | special educational needs in England
SELECT LA, COUNT(*) AS pupils, SUM(CASE WHEN SENprovision = 'E' THEN 1 ELSE 0 END) AS plans,
       AVG(CASE WHEN SENprovision = 'E' THEN 1.0 ELSE 0 END) AS share
FROM npd.spring_census WHERE AcademicYear = '2018/2019' AND OnRoll = 1 GROUP BY LA

-- @@ meals by rural and urban area | schools, pupils and their characteristics
SELECT s.UrbanRural, COUNT(*) AS pupils, AVG(1.0 * c.FSMeligible) AS share
FROM npd.spring_census c JOIN ref.schools s ON s.URN = c.URN
WHERE c.AcademicYear = '2018/2019' AND c.OnRoll = 1 GROUP BY s.UrbanRural

-- @@ pupils by type of school | schools, pupils and their characteristics
SELECT s.Phase, s.Region, COUNT(*) AS pupils
FROM npd.spring_census c JOIN ref.schools s ON s.URN = c.URN
WHERE c.AcademicYear = '2018/2019' AND c.OnRoll = 1 GROUP BY s.Phase, s.Region

-- @@ plans by region and gender | special educational needs in England
SELECT s.Region, c.Gender, COUNT(*) AS pupils, SUM(CASE WHEN c.SENprovision = 'E' THEN 1 ELSE 0 END) AS plans
FROM npd.spring_census c JOIN ref.schools s ON s.URN = c.URN
WHERE c.AcademicYear = '2018/2019' AND c.OnRoll = 1 GROUP BY s.Region, c.Gender

-- @@ absence by region | absence statistics
SELECT s.Region, COUNT(*) AS pupils, AVG(1.0 * a.OverallAbsence_6HalfTerms) AS sessions
FROM npd.absence a JOIN ref.schools s ON s.URN = a.URN WHERE a.AcademicYear = '2018/2019' GROUP BY s.Region

-- @@ kinds of absence by need | absence statistics
SELECT SENprovision, COUNT(*) AS pupils, SUM(AuthorisedAbsence_6HalfTerms) AS authorised, SUM(UnauthorisedAbsence_6HalfTerms) AS unauthorised
FROM npd.absence WHERE AcademicYear = '2018/2019' GROUP BY SENprovision

-- @@ persistent absence by ethnic group and meals | paper on attendance
SELECT EthnicGroupMinor, FSMeligible, COUNT(*) AS pupils, AVG(1.0 * PA10_exact_6HalfTerms) AS persistent
FROM npd.absence WHERE AcademicYear = '2018/2019' GROUP BY EthnicGroupMinor, FSMeligible

-- @@ baccalaureate by gender and prior attainment | key stage 4 performance
SELECT KS4_GENDER, KS4_PRIORBAND_PTQ_EE, COUNT(*) AS pupils, AVG(1.0 * KS4_EBACC_E_PTQ_EE) AS entered
FROM npd.ks4_pupil WHERE KS4_ACADYR = '2018/2019' AND KS4_NATRES = 1 GROUP BY KS4_GENDER, KS4_PRIORBAND_PTQ_EE

-- @@ children in need by ethnic group and disability | characteristics of children in need
SELECT CIN_EthnicGroupMajor, CIN_Disability, COUNT(DISTINCT CIN_PupilMatchingRefAnonymous) AS children
FROM npd.cin WHERE CIN_ACADYR = '2018/2019' GROUP BY CIN_EthnicGroupMajor, CIN_Disability

-- @@ phonics by authority | phonics screening check
SELECT PHONICS_LA, COUNT(*) AS pupils, AVG(1.0 * PHONICS_PHONICS_MARK) AS mark
FROM npd.phonics WHERE PHONICS_ACADYR = '2018/2019' GROUP BY PHONICS_LA

-- @@ activity after year 11 by ethnic group | participation in education and training
SELECT NCCIS_Ethnic_Code, COUNT(DISTINCT NCCIS_PupilMatchingRefAnonymous) AS people
FROM npd.nccis WHERE NCCIS_ACADYR = '2018/2019' GROUP BY NCCIS_Ethnic_Code

-- @@ teachers by route to the profession | school workforce in England
SELECT QTSRoute, Sex, COUNT(DISTINCT StaffMatchingRefAnonymous) AS teachers
FROM swc.workforce WHERE CensusYear = 2018 AND Post = 'TCH' GROUP BY QTSRoute, Sex

-- @@ posts by sex | school workforce in England
SELECT Post, Sex, COUNT(*) AS contracts, AVG(FTE) AS hours FROM swc.workforce WHERE CensusYear = 2018 GROUP BY Post, Sex

-- @@ sickness by age | school workforce in England
SELECT AgeBand, COUNT(*) AS teachers, AVG(SicknessDays) AS days FROM swc.workforce WHERE CensusYear = 2018 AND Post = 'TCH' GROUP BY AgeBand

-- @@ school leaving results by provision | key stage 4 performance
SELECT KS4_SENF, COUNT(*) AS pupils, AVG(KS4_ATT8) AS attainment, AVG(1.0 * KS4_L2BASICS_94) AS basics
FROM npd.ks4_pupil WHERE KS4_ACADYR = '2018/2019' AND KS4_NATRES = 1 GROUP BY KS4_SENF

-- @@ school leaving results by ethnic group | key stage 4 performance
SELECT KS4_ETHNIC, COUNT(*) AS pupils, AVG(KS4_ATT8) AS attainment, AVG(KS4_P8SCORE) AS progress
FROM npd.ks4_pupil WHERE KS4_ACADYR = '2018/2019' AND KS4_NATRES = 1 GROUP BY KS4_ETHNIC

-- @@ school leaving results by gender and meals | key stage 4 performance
SELECT KS4_GENDER, KS4_FSM6, COUNT(*) AS pupils, AVG(KS4_ATT8) AS attainment, AVG(1.0 * KS4_L2BASICS_95) AS basics
FROM npd.ks4_pupil WHERE KS4_ACADYR = '2018/2019' AND KS4_NATRES = 1 GROUP BY KS4_GENDER, KS4_FSM6

-- @@ school leaving results by year | key stage 4 performance, series
SELECT KS4_ACADYR, COUNT(*) AS pupils, AVG(KS4_ATT8) AS attainment
FROM npd.ks4_pupil WHERE KS4_ACADYR IN ('2016/2017', '2017/2018', '2018/2019') AND KS4_NATRES = 1 GROUP BY KS4_ACADYR

-- @@ grades in English | key stage 4 performance
SELECT KS4_APENG_91, COUNT(*) AS pupils FROM npd.ks4_pupil
WHERE KS4_ACADYR = '2018/2019' AND KS4_NATRES = 1 GROUP BY KS4_APENG_91

-- @@ grades in mathematics by gender | key stage 4 performance
SELECT KS4_APMAT_91, KS4_GENDER, COUNT(*) AS pupils FROM npd.ks4_pupil
WHERE KS4_ACADYR = '2018/2019' AND KS4_NATRES = 1 GROUP BY KS4_APMAT_91, KS4_GENDER

-- @@ results by prior attainment | paper on progress
SELECT KS4_PRIORBAND_PTQ_EE, COUNT(*) AS pupils, AVG(KS4_ATT8) AS attainment
FROM npd.ks4_pupil WHERE KS4_ACADYR = '2018/2019' AND KS4_NATRES = 1 GROUP BY KS4_PRIORBAND_PTQ_EE

-- @@ median attainment by first language | paper on language
SELECT DISTINCT KS4_LANG1ST,
       PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY KS4_ATT8) OVER (PARTITION BY KS4_LANG1ST) AS median
FROM npd.ks4_pupil WHERE KS4_ACADYR = '2018/2019' AND KS4_NATRES = 1

-- @@ primary results by need | key stage 2 attainment
SELECT KS2_SENF, COUNT(*) AS pupils, AVG(1.0 * KS2_RWMEXP) AS expected, AVG(1.0 * KS2_READSCORE) AS reading
FROM npd.ks2_pupil WHERE KS2_ACADYR = '2018/2019' AND KS2_NATRES = 1 GROUP BY KS2_SENF

-- @@ primary results by gender and meals | key stage 2 attainment
SELECT KS2_GENDER, KS2_FSM6, COUNT(*) AS pupils, AVG(1.0 * KS2_MATSCORE) AS mathematics
FROM npd.ks2_pupil WHERE KS2_ACADYR = '2018/2019' AND KS2_NATRES = 1 GROUP BY KS2_GENDER, KS2_FSM6

-- @@ primary scores | key stage 2 attainment, distribution
SELECT KS2_READSCORE, COUNT(*) AS pupils FROM npd.ks2_pupil
WHERE KS2_ACADYR = '2018/2019' AND KS2_NATRES = 1 GROUP BY KS2_READSCORE

-- @@ suspensions by reason | suspensions and permanent exclusions
SELECT Reason, COUNT(*) AS suspensions, COUNT(DISTINCT PupilMatchingRefAnonymous) AS pupils
FROM npd.exclusions WHERE AcademicYear = '2018/2019' AND Category = 'FIXD' GROUP BY Reason

-- @@ suspensions by need | suspensions and permanent exclusions
SELECT SENprovision, COUNT(*) AS suspensions, SUM(Sessions) AS sessions
FROM npd.exclusions WHERE AcademicYear = '2018/2019' AND Category = 'FIXD' GROUP BY SENprovision

-- @@ suspensions by ethnic group | suspensions and permanent exclusions
SELECT EthnicGroupMinor, COUNT(*) AS suspensions, COUNT(DISTINCT PupilMatchingRefAnonymous) AS pupils
FROM npd.exclusions WHERE AcademicYear = '2018/2019' AND Category = 'FIXD' GROUP BY EthnicGroupMinor

-- @@ suspensions by year group and gender | suspensions and permanent exclusions
SELECT NCYear, Gender, COUNT(*) AS suspensions
FROM npd.exclusions WHERE AcademicYear = '2018/2019' AND Category = 'FIXD' GROUP BY NCYear, Gender

-- @@ phonics by gender | phonics screening check
SELECT PHONICS_GENDER, PHONICS_NCYEARACTUAL, COUNT(*) AS pupils, AVG(1.0 * PHONICS_PHONICS_MARK) AS mark
FROM npd.phonics WHERE PHONICS_ACADYR = '2018/2019' GROUP BY PHONICS_GENDER, PHONICS_NCYEARACTUAL

-- @@ phonics marks | phonics screening check, distribution
SELECT PHONICS_PHONICS_MARK, COUNT(*) AS pupils FROM npd.phonics WHERE PHONICS_ACADYR = '2018/2019' GROUP BY PHONICS_PHONICS_MARK

-- @@ phonics by month of birth | paper on relative age
SELECT PHONICS_MONTHOFBIRTH, COUNT(*) AS pupils, AVG(1.0 * PHONICS_PHONICS_MARK) AS mark
FROM npd.phonics WHERE PHONICS_ACADYR = '2018/2019' GROUP BY PHONICS_MONTHOFBIRTH

-- @@ early development by gender | early years foundation stage profile
SELECT FSP_GENDER, COUNT(*) AS pupils, AVG(1.0 * FSP_GLD) AS good, AVG(1.0 * FSP_EYFSP_TOTAL) AS points
FROM npd.eyfsp WHERE FSP_ACADYR = '2018/2019' GROUP BY FSP_GENDER

-- @@ early development by month of birth | early years foundation stage profile
SELECT MONTHOFBIRTH, FSP_GENDER, COUNT(*) AS pupils, AVG(1.0 * FSP_GLD) AS good
FROM npd.eyfsp WHERE FSP_ACADYR = '2018/2019' GROUP BY MONTHOFBIRTH, FSP_GENDER

-- @@ children in need by primary need | characteristics of children in need
SELECT CIN_PrimaryNeedCode, COUNT(DISTINCT CIN_PupilMatchingRefAnonymous) AS children
FROM npd.cin WHERE CIN_ACADYR = '2018/2019' GROUP BY CIN_PrimaryNeedCode

-- @@ children in need by source of referral | characteristics of children in need
SELECT CIN_ReferralSource, COUNT(*) AS referrals FROM npd.cin WHERE CIN_ACADYR = '2018/2019' GROUP BY CIN_ReferralSource

-- @@ teachers by age and sex | school workforce in England
SELECT AgeBand, Sex, COUNT(DISTINCT StaffMatchingRefAnonymous) AS teachers
FROM swc.workforce WHERE CensusYear = 2018 AND Post = 'TCH' GROUP BY AgeBand, Sex

-- @@ pay by post | school workforce in England
SELECT Post, COUNT(*) AS contracts, AVG(BasePay) AS pay FROM swc.workforce WHERE CensusYear = 2018 GROUP BY Post

-- @@ teachers by subject and phase | school workforce in England
SELECT SubjectCode, Phase, COUNT(*) AS teachers FROM swc.workforce WHERE CensusYear = 2018 AND Post = 'TCH' GROUP BY SubjectCode, Phase

-- @@ absence and later results | paper on attendance and attainment
SELECT CASE WHEN a.OverallAbsence_6HalfTerms = 0 THEN 'none' WHEN a.OverallAbsence_6HalfTerms < 20 THEN 'some' WHEN a.OverallAbsence_6HalfTerms < 40 THEN 'much' ELSE 'most' END AS missed,
       COUNT(*) AS pupils, AVG(k.KS4_ATT8) AS attainment
FROM npd.absence a JOIN npd.ks4_pupil k ON k.KS4_PupilMatchingRefAnonymous = a.PupilMatchingRefAnonymous AND k.KS4_ACADYR = a.AcademicYear
WHERE a.AcademicYear = '2018/2019' AND k.KS4_NATRES = 1
GROUP BY CASE WHEN a.OverallAbsence_6HalfTerms = 0 THEN 'none' WHEN a.OverallAbsence_6HalfTerms < 20 THEN 'some' WHEN a.OverallAbsence_6HalfTerms < 40 THEN 'much' ELSE 'most' END

-- @@ provision in the census and results | paper on special educational needs
SELECT c.SENprovision, c.FSMeligible, COUNT(*) AS pupils, AVG(k.KS4_ATT8) AS attainment
FROM npd.spring_census c JOIN npd.ks4_pupil k ON k.KS4_PupilMatchingRefAnonymous = c.PupilMatchingRefAnonymous AND k.KS4_ACADYR = c.AcademicYear
WHERE c.AcademicYear = '2018/2019' AND c.OnRoll = 1 AND k.KS4_NATRES = 1 GROUP BY c.SENprovision, c.FSMeligible

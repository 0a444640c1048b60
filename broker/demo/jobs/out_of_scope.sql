-- This one is refused: children looked after are not granted, and UPN is never given out.
SELECT c.cla_PLACEMENT, COUNT(DISTINCT s.UPN) AS n
FROM npd.spring_census AS s
JOIN npd.cla AS c ON c.cla_PupilMatchingRefAnonymous = s.PupilMatchingRefAnonymous
WHERE s.AcademicYear = '2022/2023'
GROUP BY c.cla_PLACEMENT

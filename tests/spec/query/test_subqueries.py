"""EXISTS, IN, scalar subqueries and APPLY: on the link key they read the row's own person. Any other subquery would
read another person; it is refused, or needs groups (see `test_context`)."""

# ruff: noqa: E501 - one case a line reads as a table

from little_world import answered, refused

test_of_the_rows_own_person_or_of_public_rows = answered(r"""
SELECT COUNT(*) AS n FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.Key = a.Key)                              | 3
SELECT COUNT(*) AS n FROM a WHERE EXISTS (SELECT * FROM b WHERE b.Key = a.Key AND b.Y = a.Y)                | 2
SELECT COUNT(*) AS n FROM a WHERE NOT EXISTS (SELECT 1 FROM b WHERE b.Key = a.Key)                          | 4
SELECT COUNT(*) AS n FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.Key = a.Key AND b.Days > a.Score)         | 0
SELECT COUNT(*) AS n FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.Key = a.Key AND b.Days < a.Score)         | 3
SELECT COUNT(*) AS n FROM a WHERE EXISTS (SELECT b.Key FROM b WHERE b.Key = a.Key GROUP BY b.Key HAVING COUNT(*) > 1) | 2
SELECT COUNT(*) AS n FROM a WHERE EXISTS (SELECT 1 FROM b JOIN a c ON c.Key = b.Key WHERE b.Key = a.Key AND c.LA = 1) | 3
SELECT COUNT(*) AS n FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.Key = a.Key UNION ALL SELECT 1 FROM a c WHERE c.Key = a.Key AND c.LA = 2) | 5
SELECT COUNT(*) AS n FROM a WHERE a.Key IN (SELECT b.Key FROM b)                                            | 3
SELECT COUNT(*) AS n FROM a WHERE a.Key IN (SELECT b.Key FROM b WHERE b.Kind = 'Z')                         | 2
SELECT COUNT(*) AS n FROM a WHERE a.Key NOT IN (SELECT b.Key FROM b WHERE b.Key IS NOT NULL)                | 2
SELECT COUNT(*) AS n FROM a WHERE a.Key IN (SELECT b.Key FROM b GROUP BY b.Key HAVING SUM(b.Days) > 5)      | 2
SELECT COUNT(*) AS n FROM a WHERE a.Score IN (SELECT b.Days + 2 FROM b WHERE b.Key = a.Key)                 | 2
SELECT COUNT(*) AS n FROM a WHERE a.Score NOT IN (SELECT b.Days FROM b WHERE b.Key = a.Key AND b.Days IS NOT NULL) | 7
SELECT COUNT(*) AS n FROM a WHERE a.Score IS NULL AND a.Score NOT IN (SELECT b.Days FROM b WHERE b.Key = a.Key AND b.Days IS NOT NULL) | 1
SELECT COUNT(*) AS n FROM a WHERE a.Score IS NULL AND a.Score NOT IN (SELECT c.LA FROM a c WHERE c.Key = a.Key) | 0
SELECT SUM(CASE WHEN EXISTS (SELECT 1 FROM b WHERE b.Key = a.Key) THEN 1 ELSE 0 END) AS n FROM a            | 3
SELECT d.k, COUNT(*) AS n FROM (SELECT CASE WHEN EXISTS (SELECT 1 FROM b WHERE b.Key = a.Key) THEN 'in' ELSE 'out' END AS k FROM a) d GROUP BY d.k | in 3, out 4
SELECT COUNT(*) AS n FROM a WHERE (SELECT COUNT(*) FROM b WHERE b.Key = a.Key) = 0                          | 4
SELECT COUNT(*) AS n FROM a WHERE (SELECT MAX(b.Days) FROM b WHERE b.Key = a.Key) = 4                       | 2
SELECT SUM(d.s) AS s FROM (SELECT (SELECT SUM(b.Days) FROM b WHERE b.Key = a.Key) AS s FROM a) d            | 19
SELECT SUM(d.s) AS s FROM (SELECT (SELECT TOP 1 b.Days FROM b WHERE b.Key = a.Key ORDER BY b.Y) AS s FROM a) d | 11
SELECT SUM(d.s) AS s FROM (SELECT (SELECT TOP 1 b.Days FROM b WHERE b.Key = a.Key ORDER BY b.Y DESC) AS s FROM a) d | 13
SELECT COUNT(*) AS n, SUM(z.Days) AS s FROM a CROSS APPLY (SELECT b.Days FROM b WHERE b.Key = a.Key) z      | 5 19
SELECT COUNT(*) AS n, SUM(z.Days) AS s FROM a CROSS APPLY (SELECT TOP 1 b.Days FROM b WHERE b.Key = a.Key ORDER BY b.Y) z | 3 11
SELECT COUNT(*) AS n, SUM(z.Days) AS s FROM a OUTER APPLY (SELECT TOP 1 b.Days FROM b WHERE b.Key = a.Key ORDER BY b.Y) z | 7 11
SELECT COUNT(*) AS n, SUM(z.s) AS s FROM a OUTER APPLY (SELECT SUM(b.Days) AS s FROM b WHERE b.Key = a.Key) z | 7 19
SELECT COUNT(*) AS n, COUNT(l.Region) AS r FROM a CROSS APPLY (SELECT l.Region FROM ref.las l WHERE l.LA = a.LA AND l.Region = 'N') l | 2 2
SELECT COUNT(*) AS n, COUNT(z.b) AS b FROM a OUTER APPLY (SELECT l.LA, m.LA AS b FROM ref.las l LEFT JOIN ref.las m ON m.LA = a.LA AND l.LA = 1) z | 21 7
SELECT COUNT(*) AS n FROM a WHERE a.LA IN (SELECT l.LA FROM ref.las l WHERE l.Region = 'S')                 | 5
SELECT COUNT(*) AS n FROM a WHERE EXISTS (SELECT 1 FROM ref.las l WHERE l.LA = a.LA AND l.Region = 'N')     | 2
SELECT COUNT(*) AS n FROM a WHERE (SELECT l.Region FROM ref.las l WHERE l.LA = a.LA) = 'N'                  | refused: scalar-subquery
""")

test_of_other_people_is_refused = refused(r"""
SELECT COUNT(*) AS n FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.Y = a.Y)                                  | subquery-persons
SELECT COUNT(*) AS n FROM a WHERE EXISTS (SELECT 1 FROM b)                                                  | subquery-persons
SELECT COUNT(*) AS n FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.Key = a.Key OR b.Y = a.Y)                 | subquery-persons
SELECT COUNT(*) AS n FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.Key = a.Key UNION ALL SELECT 1 FROM b WHERE b.Y = a.Y) | subquery-persons
SELECT COUNT(*) AS n FROM a WHERE EXISTS (SELECT 1 FROM b LEFT JOIN a c ON c.Key = b.Key AND c.Key = a.Key) | subquery-persons
SELECT COUNT(*) AS n FROM a WHERE EXISTS (SELECT 1 FROM b, b c WHERE b.Key = c.Key AND b.Y = a.Y)           | subquery-persons
SELECT COUNT(*) AS n FROM a JOIN a c ON c.Key = a.Key WHERE EXISTS (SELECT 1 FROM b WHERE a.Key = c.Key AND b.Y = a.Y) | subquery-persons
SELECT COUNT(*) AS n FROM a WHERE EXISTS (SELECT 1 FROM b, a c WHERE b.Key = a.Key AND c.LA = a.LA)         | person-join
SELECT COUNT(*) AS n FROM a WHERE EXISTS (SELECT 1 FROM swc.staff s WHERE s.StaffKey = a.Key)               | link-key
SELECT COUNT(*) AS n FROM a WHERE a.Key IN (SELECT s.StaffKey FROM swc.staff s)                             | link-key
SELECT COUNT(*) AS n FROM a WHERE a.Key NOT IN (SELECT b.Key FROM b)                                        | not-in
SELECT COUNT(*) AS n FROM a WHERE a.Key IN (SELECT b.Key, b.Y FROM b)                                       | in-subquery
SELECT COUNT(*) AS n FROM a WHERE a.Key IN (SELECT TOP 5 b.Key FROM b ORDER BY b.Days)                      | limit
SELECT COUNT(*) AS n FROM a WHERE a.LA = (SELECT b.Days FROM b WHERE b.Key = a.Key)                         | scalar-subquery
SELECT COUNT(*) AS n FROM a WHERE a.LA = (SELECT TOP 1 b.Days FROM b WHERE b.Key = a.Key)                   | limit
SELECT COUNT(*) AS n FROM a WHERE a.LA = (SELECT TOP 1 b.Days FROM b WHERE b.Y = a.Y ORDER BY b.Days)       | limit
SELECT COUNT(*) AS n FROM a CROSS APPLY (SELECT TOP 1 WITH TIES b.Days FROM b WHERE b.Key = a.Key ORDER BY b.Kind) z | limit
SELECT COUNT(*) AS n FROM a WHERE a.Note IN (SELECT c.UPN FROM a c)                                         | identifier
SELECT COUNT(*) AS n FROM a WHERE a.Note IN (SELECT c.UPN FROM a c WHERE c.Key = a.Key)                     | identifier
SELECT COUNT(*) AS n FROM a WHERE a.Note IN (SELECT c.Key FROM a c)                                         | link-key
SELECT COUNT(*) AS n FROM a WHERE (SELECT TOP 1 c.UPN FROM a c WHERE c.Key = a.Key ORDER BY c.Y) = 'U'      | identifier
SELECT COUNT(*) AS n FROM a WHERE (SELECT TOP 1 c.Key FROM a c WHERE c.Key = a.Key ORDER BY c.Y) IS NOT NULL | link-key
SELECT COUNT(*) AS n FROM a WHERE a.Key IN (SELECT v.k FROM (VALUES ('k1')) AS v(k))                        | link-key
SELECT COUNT(*) AS n FROM a WHERE a.LA > ALL (SELECT b.Days FROM b WHERE b.Key = a.Key)                     | subquery
SELECT COUNT(*) AS n FROM a CROSS APPLY (SELECT b.Days FROM b WHERE b.Y = a.Y) z                            | apply-persons
SELECT COUNT(*) AS n FROM a CROSS APPLY (SELECT TOP 1 b.Days FROM b ORDER BY b.Days) z                      | limit
SELECT COUNT(*) AS n FROM a JOIN b ON a.Key = b.Key AND EXISTS (SELECT 1 FROM b c WHERE c.Key = a.Key)      | subquery
""")

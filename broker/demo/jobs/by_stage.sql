-- output: absentees_by_stage
-- Reads what the project keeps: a cohort, and a table of its own.
SELECT s.stage, COUNT(*) AS n
FROM project.absentees AS a
JOIN project.stages AS s ON s.year = a.NCyearActual
GROUP BY s.stage

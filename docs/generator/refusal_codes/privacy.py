"""Codes of private questions and of the ledger that they spend from. Judged by the privacy room, the workflow and, of
what is left, by the ledger."""

from docs.generator.refusal_codes.refusal_code import RefusalCode

ABSENCE = "npd.absence WHERE AcademicYear = '2022/2023'"
SPEND = "-- private: epsilon 0.5\n"
SCRIPT = "# private: epsilon 0.5, blocks {}, {}\n# input: npd.absence [MonthOfBirth] 2022/2023\n"
ANSWER = 'def answer(tables):\n    return tables["absence"].MonthOfBirth.mean()\n'

# fmt: off
PRIVACY = (
    RefusalCode("private-accounting", "A spend in another measure",
         "Policy counts losses in one measure for each kind of person: epsilon, or rho.",
         f"-- private: rho 0.1\nSELECT COUNT(*) AS n FROM {ABSENCE}", "duckdb", "P0733"),
    RefusalCode("private-answer", "A private script without its function",
         "The blocks call answer(tables), which takes the tables of one block and returns the numbers.",
         SCRIPT.format(200, "range [1, 12]") + "mean = 6\n", "python", "P0733"),
    RefusalCode("private-answers", "Too many numbers of a private script",
         "All numbers share the spend, so with many numbers every one is inaccurate.",
         SCRIPT.format(200, ", ".join(f"range r{n} [1, 12]" for n in range(21))) + ANSWER, "python", "P0733"),
    RefusalCode("private-blocks", "A number of blocks outside the limits",
         "Policy limits the number of blocks. With few blocks the noise is larger than any range, and with many "
         "blocks each has too few persons.",
         SCRIPT.format(3, "range [1, 12]") + ANSWER, "python", "P0733"),
    RefusalCode("private-clamp", "A number with too wide a range",
         "Sums are computed exactly, in whole steps. A number with too many possible steps has no exact sum, and its "
         "noise is as wide as its range.",
         f"{SPEND}SELECT SUM(100000 * OverallAbsence_6HalfTerms) AS s FROM {ABSENCE}", "duckdb", "P0733"),
    RefusalCode("private-context", "A value that depends on other people",
         "A value in a person's row was computed from other people's rows, so the influence of one person on the "
         "answer has no bound.",
         "-- private: epsilon 0.5\nSELECT LA, AVG(d) AS m FROM (SELECT LA, OverallAbsence_6HalfTerms - "
         f"AVG(OverallAbsence_6HalfTerms) OVER (PARTITION BY LA) AS d FROM {ABSENCE}) AS x GROUP BY LA",
         "duckdb", "P0733"),
    RefusalCode("private-delta", "A key without a list where no delta may be spent",
         "The values of this key can be released only by a threshold, which needs a delta. Policy does not allow "
         "this project a delta.",
         advice="Group by variables with a code list or register."),
    RefusalCode("private-distinct", "A count of different values",
         "The influence of one person on the number of different values has no bound.",
         f"{SPEND}SELECT LA, COUNT(DISTINCT YearOfBirth) AS n FROM {ABSENCE} GROUP BY LA", "duckdb", "P0733"),
    RefusalCode("private-domain", "Too many cells",
         "Every cell of the lists of keys gets noise, including empty cells.",
         "-- private: epsilon 0.5\nSELECT EthnicGroupMinor, NCyearActual, SENprovision, MonthOfBirth, YearOfBirth, "
         f"COUNT(*) AS n FROM {ABSENCE} GROUP BY EthnicGroupMinor, NCyearActual, SENprovision, MonthOfBirth, "
         "YearOfBirth"),
    RefusalCode("private-error", "An error that is not possible",
         "The error is smaller than one release may have, or belongs to a column for which you cannot choose an "
         "error.",
         f"-- private: error 0.001\nSELECT COUNT(*) AS n FROM {ABSENCE}", "duckdb", "P0733"),
    RefusalCode("private-extreme", "The smallest, largest or most common value",
         "This can be one person's own value, and useful noise cannot hide it.",
         advice="Use PERCENTILE_CONT(0.01) or PERCENTILE_CONT(0.99)."),
    RefusalCode("private-influence", "Too many rows of one person",
         "One person may have more rows in the table than the privacy profile allows.",
         advice="Aggregate each person's rows first, join fewer rows, or use fewer years."),
    RefusalCode("private-keeps", "A private job that saves a cohort",
         "A cohort has no noise: it is a query that later jobs read.",
         f"{SPEND}SELECT PupilMatchingRefAnonymous, LA INTO project.absent FROM {ABSENCE}"),
    RefusalCode("private-keys", "A key without a list of values",
         "The values that occur would reveal something about persons, and can be released only with a delta. Policy "
         "counts this project's losses without a delta.",
         advice="Group by a variable with a code list or register, or by bands that the query lists."),
    RefusalCode("private-line", "A line that is not understood",
         "A line with -- private:, -- clamp: or -- rows: is not in the right form, is there twice, or names a "
         "variable or table that is not in the catalogue.",
         f"-- private: as little as it takes\nSELECT COUNT(*) AS n FROM {ABSENCE}", "duckdb", "P0733"),
    RefusalCode("private-moment", "A statistic of two variables",
         "Correlations, covariances, regressions and shapes have no private form.",
         f"{SPEND}SELECT LA, CORR(OverallAbsence_6HalfTerms, SessionsPossible_6HalfTerms) AS r FROM {ABSENCE} GROUP BY LA",
         "duckdb", "P0733"),
    RefusalCode("private-nobody", "An output without persons",
         "The output does not read rows of persons, so there is nothing to hide.",
         advice="Read the table where it is published."),
    RefusalCode("private-not-here", "A project without a privacy budget",
         "Policy does not give this project a privacy budget.",
         "-- private: epsilon 0.5\nSELECT cla_SEX, COUNT(*) AS n FROM npd.cla WHERE cla_PROCESSING_YEAR = 2022 "
         "GROUP BY cla_SEX", "duckdb", "P0999"),
    RefusalCode("private-output", "A second output of a private script",
         "The only output is a table with a row for each number that answer returns. Files of the script are not "
         "released.",
         SCRIPT.format(200, "range [1, 12]") + "# output: a.csv | one\n# output: b.csv | two\n" + ANSWER,
         "python", "P0733"),
    RefusalCode("private-parts", "Too many figures at once",
         "Each statistic and grouping set needs a part of the spend.",
         SPEND + "SELECT " + ", ".join(f"SUM({n} * OverallAbsence_6HalfTerms) AS s{n}" for n in range(2, 43))
         + f" FROM {ABSENCE}", "duckdb", "P0733"),
    RefusalCode("private-persons", "Persons counted under a condition",
         "COUNT(DISTINCT …) with a condition inside cannot be private.",
         "-- private: epsilon 0.5\nSELECT COUNT(DISTINCT CASE WHEN NCyearActual = '11' THEN PupilMatchingRefAnonymous "
         f"END) AS n FROM {ABSENCE}", "duckdb", "P0733"),
    RefusalCode("private-points", "Candidates or edges that are not understood",
         "A quantile needs public candidates, and a histogram needs public edges. Write each of them once, in "
         "ascending order, and not too many.",
         advice="Use fewer, or a larger step."),
    RefusalCode("private-range", "A number without a range",
         "No public range is known for the number, so the influence of one person on the answer has no bound.",
         f"{SPEND}SELECT SUM(LENGTH(NCyearActual)) AS s FROM {ABSENCE}", "duckdb", "P0733"),
    RefusalCode("private-spend", "More than one release may cost",
         "Policy sets the largest spend of one release. Two administrators can agree to a larger one. The spend must "
         "be above zero.",
         f"-- private: epsilon 1\nSELECT COUNT(*) AS n FROM {ABSENCE}", "duckdb", "P0733"),
    RefusalCode("private-spend-missing", "A private project's text without a spend",
         "The project releases under differential privacy only, and the text does not state its spend.",
         f"SELECT COUNT(*) AS n FROM {ABSENCE}", "duckdb", "P0733"),
    RefusalCode("private-time", "A private script that lasts too long",
         "Blocks run in slots of a fixed length. All slots together may take as long as a script may run.",
         SCRIPT.format(2000, "range [1, 12], seconds 20") + ANSWER, "python", "P0733"),
    RefusalCode("private-unit", "Two kinds of person",
         "A privacy budget protects pupils or staff, so a private job can be about one of them only.",
         f"{SPEND}SELECT COUNT(*) AS n FROM {ABSENCE}\n"
         "SELECT COUNT(*) AS n FROM swc.workforce WHERE CensusYear = 2022"),
)
LEDGER = (
    RefusalCode("no-budget", "No budget",
         "Policy does not give the project a privacy budget for this data set or kind of person.",
         advice="Ask an administrator. Budgets are part of the policy, which two administrators change."),
    RefusalCode("other-accounting", "A loss that the budget cannot count",
         "The budget uses an accounting in which the loss of this job cannot be stated.",
         advice="Ask an administrator which accounting the budget has."),
    RefusalCode("over-budget", "More than the project has left",
         "The job costs more than is left of the project's own budget. The job does not run, and nothing is spent.",
         advice="Spend less, or ask an administrator for a larger allotment. broker budget shows the budget that is left."),
    RefusalCode("over-cap", "More than all projects together have left",
         "The job costs more than is left of the budget that all projects share. The message does not show how much "
         "other projects have spent.",
         advice="Spend less, or ask an administrator."),
    RefusalCode("over-release-maximum", "More than one release may now cost",
         "Policy changed after the check: one release may now cost less.",
         advice="Spend less."),
)

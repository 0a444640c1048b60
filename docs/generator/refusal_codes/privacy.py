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
         "Write the measure that the message names, or an error.",
         f"-- private: rho 0.1\nSELECT COUNT(*) AS n FROM {ABSENCE}", "duckdb", "P0733"),
    RefusalCode("private-answer", "A private script without its function",
         "The blocks call answer(tables), which takes the tables of one block and returns the numbers.",
         "Write def answer(tables): at the top level, and return the numbers in the order of the ranges.",
         SCRIPT.format(200, "range [1, 12]") + "mean = 6\n", "python", "P0733"),
    RefusalCode("private-answers", "Too many numbers of a private script",
         "All numbers share what is spent, so many of them are all wrong.",
         "Return fewer, or ask in a second job.",
         SCRIPT.format(200, ", ".join(f"range r{n} [1, 12]" for n in range(21))) + ANSWER, "python", "P0733"),
    RefusalCode("private-blocks", "A number of blocks that cannot be",
         "Policy says into how many blocks persons may be cut: with few the noise is larger than any range, with many "
         "nobody is in them.",
         "Name a number between those of the message.",
         SCRIPT.format(3, "range [1, 12]") + ANSWER, "python", "P0733"),
    RefusalCode("private-clamp", "A number of too wide a range",
         "Sums are made of whole steps, exactly. A number that may take too many of them has no exact sum, and noise "
         "as wide as its range.",
         "Name a narrower range: -- clamp: variable low high. Or ask in larger units.",
         f"{SPEND}SELECT SUM(100000 * OverallAbsence_6HalfTerms) AS s FROM {ABSENCE}", "duckdb", "P0733"),
    RefusalCode("private-context", "A value that depends on other people",
         "A value in a person's row was made from other people's rows, so nothing bounds how far one person moves the "
         "answer.",
         "Ask for the inner figure first, as an output of its own, and write its released answer as a constant.",
         "-- private: epsilon 0.5\nSELECT LA, AVG(d) AS m FROM (SELECT LA, OverallAbsence_6HalfTerms - "
         f"AVG(OverallAbsence_6HalfTerms) OVER (PARTITION BY LA) AS d FROM {ABSENCE}) AS x GROUP BY LA",
         "duckdb", "P0733"),
    RefusalCode("private-delta", "A key without a list where no delta may be spent",
         "Which values of a key occur may leave only by a threshold, which needs a delta; policy lets this project "
         "spend none.",
         "Group by variables with a code list or register."),
    RefusalCode("private-distinct", "Different values counted",
         "How many values occur depends on one person without bound: many may share a value, or nobody.",
         "Count persons by the link key, or group by the variable.",
         f"{SPEND}SELECT LA, COUNT(DISTINCT YearOfBirth) AS n FROM {ABSENCE} GROUP BY LA", "duckdb", "P0733"),
    RefusalCode("private-domain", "Too many cells",
         "Every cell of the lists of the keys gets noise, the empty ones too.",
         "Drop the key that the message names, or name the values that are needed in WHERE or CASE.",
         "-- private: epsilon 0.5\nSELECT EthnicGroupMinor, NCyearActual, SENprovision, MonthOfBirth, YearOfBirth, "
         f"COUNT(*) AS n FROM {ABSENCE} GROUP BY EthnicGroupMinor, NCyearActual, SENprovision, MonthOfBirth, "
         "YearOfBirth"),
    RefusalCode("private-error", "An error that cannot be had",
         "The error is smaller than one release may buy, or it is that of a column that has no error of its own.",
         "Name a larger error, fewer columns, or a spend.",
         f"-- private: error 0.001\nSELECT COUNT(*) AS n FROM {ABSENCE}", "duckdb", "P0733"),
    RefusalCode("private-extreme", "The least, the greatest or the most common value",
         "It is one person's own value, and no noise of a useful size hides that.",
         "Ask for PERCENTILE_CONT(0.01) or PERCENTILE_CONT(0.99)."),
    RefusalCode("private-influence", "Too many rows of one person",
         "One person may have more rows in the table than the profile lets count.",
         "Sum up per person first, join on fewer rows, or take fewer years."),
    RefusalCode("private-keeps", "A private job that keeps a cohort",
         "What is kept has no noise of its own: it is a query that later jobs read.",
         "Keep it with a job that is not private.",
         f"{SPEND}SELECT PupilMatchingRefAnonymous, LA INTO project.absent FROM {ABSENCE}"),
    RefusalCode("private-keys", "A key without a list of values",
         "Which values occur is an answer about persons, and policy counts this project's losses without a delta, "
         "which such an answer needs.",
         "Group by a variable with a code list or register, or by bands that the query names."),
    RefusalCode("private-line", "A line that is not understood",
         "A line that starts with -- private:, -- clamp: or -- rows: has another form, stands twice, or bounds what is "
         "not in the catalogue.",
         "Write -- private: epsilon 0.5, -- clamp: variable low high, -- rows: table number.",
         f"-- private: as little as it takes\nSELECT COUNT(*) AS n FROM {ABSENCE}", "duckdb", "P0733"),
    RefusalCode("private-nobody", "An output without persons",
         "No row of a person stands behind the output, so there is nothing to hide.",
         "Read it where it is published."),
    RefusalCode("private-not-here", "A project that does not ask privately",
         "Policy gave the project no privacy to spend.",
         "Leave the line out, or ask an administrator whether the project may also ask privately.",
         "-- private: epsilon 0.5\nSELECT cla_SEX, COUNT(*) AS n FROM npd.cla WHERE cla_PROCESSING_YEAR = 2022 "
         "GROUP BY cla_SEX", "duckdb", "P0999"),
    RefusalCode("private-output", "A second output of a private script",
         "What leaves is one table with a row for each number that answer returns, and nothing that the script writes.",
         "Keep the first output line.",
         SCRIPT.format(200, "range [1, 12]") + "# output: a.csv | one\n# output: b.csv | two\n" + ANSWER,
         "python", "P0733"),
    RefusalCode("private-parts", "Too many figures at once",
         "Each statistic and grouping set is paid for, and shares the spend with all others.",
         "Ask for fewer, or in a second job.",
         SPEND + "SELECT " + ", ".join(f"SUM({n} * OverallAbsence_6HalfTerms) AS s{n}" for n in range(2, 43))
         + f" FROM {ABSENCE}", "duckdb", "P0733"),
    RefusalCode("private-persons", "Persons counted under a condition",
         "COUNT(DISTINCT …) with a condition inside has no private form.",
         "Write the condition in WHERE, or group by it.",
         "-- private: epsilon 0.5\nSELECT COUNT(DISTINCT CASE WHEN NCyearActual = '11' THEN PupilMatchingRefAnonymous "
         f"END) AS n FROM {ABSENCE}", "duckdb", "P0733"),
    RefusalCode("private-points", "Candidates or edges that are not understood",
         "A quantile chooses among public candidates, a histogram has public edges: each once, ascending, and not too "
         "many.",
         "Name fewer, or a coarser step."),
    RefusalCode("private-range", "A number without a range",
         "Nothing public says between which values the number lies, so one person's part in the answer has no bound.",
         "Write -- clamp: variable low high, or LEAST(GREATEST(x, low), high): values beyond count as its ends.",
         f"{SPEND}SELECT SUM(LENGTH(NCyearActual)) AS s FROM {ABSENCE}", "duckdb", "P0733"),
    RefusalCode("private-spend", "More than one release may cost",
         "Policy has a largest spend for one release, and a larger one where two administrators have agreed. A spend "
         "of nothing buys nothing.",
         "Spend less, or ask the administrators.",
         f"-- private: epsilon 1\nSELECT COUNT(*) AS n FROM {ABSENCE}", "duckdb", "P0733"),
    RefusalCode("private-spend-missing", "A private project's text without a spend",
         "The project releases under differential privacy only, and the text does not say what it may spend.",
         "Write a line -- private: epsilon 0.5, or -- private: error 5.",
         f"SELECT COUNT(*) AS n FROM {ABSENCE}", "duckdb", "P0733"),
    RefusalCode("private-time", "A private script that lasts too long",
         "Blocks run in slots of a fixed length, which are never shorter than they say: together they may last as long "
         "as a script may.",
         "Name fewer blocks, or fewer seconds.",
         SCRIPT.format(2000, "range [1, 12], seconds 20") + ANSWER, "python", "P0733"),
    RefusalCode("private-unit", "Two kinds of person",
         "What is promised is promised to pupils, or to staff: one job is about one of them.",
         "Ask about each in a job of its own.",
         f"{SPEND}SELECT COUNT(*) AS n FROM {ABSENCE}\n"
         "SELECT COUNT(*) AS n FROM swc.workforce WHERE CensusYear = 2022"),
)
LEDGER = (
    RefusalCode("no-budget", "No budget",
         "Policy has allotted the project nothing to spend on this data set or kind of person.",
         "Ask an administrator: budgets are policy, and two of them change it."),
    RefusalCode("other-accounting", "A loss that the budget cannot count",
         "The budget counts in a measure in which the loss of this job cannot be told.",
         "Ask an administrator which accounting the budget has."),
    RefusalCode("over-budget", "More than the project has left",
         "The job costs more than is left of the project's own budget. It never runs, and nothing is spent.",
         "Spend less, or ask an administrator for a larger allotment. broker budget shows what is left."),
    RefusalCode("over-cap", "More than all projects together have left",
         "The job costs more than is left of what all projects together may learn about each person. What others have "
         "spent is not told.",
         "Spend less, or ask an administrator."),
    RefusalCode("over-release-maximum", "More than one release may cost by now",
         "Policy has changed between the check and the ledger: one release may cost less.",
         "Spend less."),
)

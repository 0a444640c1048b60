"""Codes of names: tables in FROM, columns, aliases. Judged by the query room."""

from docs.generator.refusal_codes.refusal_code import CENSUS, RefusalCode

# fmt: off
NAMES = (
    RefusalCode("ambiguous", "A name that two tables have",
         "More than one table in FROM has this column, and the text does not name the table.",
         "SELECT COUNT(LA) AS n FROM npd.spring_census AS a JOIN npd.absence AS b "
         "ON a.PupilMatchingRefAnonymous = b.PupilMatchingRefAnonymous"),
    RefusalCode("column-list", "A list of column names of the wrong length",
         "The alias of a derived table lists a different number of names from its columns.",
         f"SELECT COUNT(*) AS n FROM (SELECT LA FROM {CENSUS}) AS t (a, b)"),
    RefusalCode("column-name", "A column's name that is not valid",
         "The name of a column has parts that are not names.",
         advice="Write alias.variable."),
    RefusalCode("duplicate-column", "Two columns with the same name",
         "An output or a derived table has two columns with the same name.",
         f"SELECT COUNT(*) AS n, COUNT(LA) AS N FROM {CENSUS}"),
    RefusalCode("duplicate-name", "Two tables with the same name",
         "Two tables in FROM have the same name, so a column could belong to either.",
         "SELECT COUNT(*) AS n FROM npd.absence AS a JOIN npd.absence AS a ON 1 = 1"),
    RefusalCode("no-person-table", "Public tables alone",
         "The query reads only tables that are published, or no table at all.",
         "SELECT COUNT(*) AS n FROM ref.schools"),
    RefusalCode("no-table", "No table",
         "The query has no FROM, and no subquery that reads a table.",
         advice="Name a table in FROM."),
    RefusalCode("spreadsheet-formula", "A name or label that a spreadsheet computes",
         "The name of a column, or a text in a column, begins with = + - or @ and is not a number. Signs that look "
         "like these, and signs after blanks and quotes, count too. The same holds for a title, a purpose and the "
         "description of an output, where a number with a sign counts as well.",
         f"SELECT COUNT(*) AS [=1+1] FROM {CENSUS}"),
    RefusalCode("star", "COLUMNS(…)",
         "COLUMNS(…) can be used in a SELECT list, with a plain pattern, a list of names or * EXCLUDE (…).",
         f"SELECT COUNT(*) AS n FROM {CENSUS} AND COLUMNS('LA') = 201", "duckdb"),
    RefusalCode("table-function", "FROM without the name of a table",
         "You can read tables of the catalogue, derived tables and temporary tables. You cannot read functions, "
         "files or strings.",
         "SELECT COUNT(*) AS n FROM 'pupils.parquet'", "duckdb"),
    RefusalCode("time-travel", "Another state of the data",
         "You cannot query an earlier state of the data.",
         "SELECT COUNT(*) AS n FROM npd.absence FOR SYSTEM_TIME AS OF '2020-01-01'"),
    RefusalCode("unknown-table", "A table that does not exist",
         "Neither the catalogue nor the names of the research service have this table. You get the same message for "
         "a table of another project.",
         "SELECT COUNT(*) AS n FROM npd.sping_census"),
    RefusalCode("unknown-variable", "A variable that does not exist",
         "None of the tables in FROM has a variable with this name.",
         f"SELECT COUNT(FSMelegible) AS n FROM {CENSUS}"),
    RefusalCode("unnamed-column", "A column whose name cannot be printed",
         "The name of a column is empty or too long, or is reserved for a column without a name (column_ and its "
         "place).",
         f"SELECT COUNT(*) AS [ ] FROM {CENSUS}"),
    RefusalCode("unnamed-table", "A derived table without a name",
         "A SELECT in FROM has no alias.",
         f"SELECT COUNT(*) AS n FROM (SELECT LA FROM {CENSUS})"),
)

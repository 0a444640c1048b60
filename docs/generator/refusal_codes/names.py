"""Codes of names: tables in FROM, columns, aliases. Judged by the query room."""

from docs.generator.refusal_codes.refusal_code import CENSUS, RefusalCode

# fmt: off
NAMES = (
    RefusalCode("ambiguous", "A name that two tables have",
         "More than one table in FROM has this column, and the text does not name the table.",
         "Write alias.variable.",
         "SELECT COUNT(LA) AS n FROM npd.spring_census AS a JOIN npd.absence AS b "
         "ON a.PupilMatchingRefAnonymous = b.PupilMatchingRefAnonymous"),
    RefusalCode("column-list", "A list of column names of the wrong length",
         "The alias of a derived table lists a different number of names from its columns.",
         "Name each column once, or give the names inside with AS.",
         f"SELECT COUNT(*) AS n FROM (SELECT LA FROM {CENSUS}) AS t (a, b)"),
    RefusalCode("column-name", "A column's name that is not valid",
         "The name of a column has parts that are not names.",
         "Write alias.variable."),
    RefusalCode("duplicate-column", "Two columns with the same name",
         "An output or a derived table has two columns with the same name.",
         "Give each column its own name with AS.",
         f"SELECT COUNT(*) AS n, COUNT(LA) AS N FROM {CENSUS}"),
    RefusalCode("duplicate-name", "Two tables with the same name",
         "Two tables in FROM have the same name, so a column could belong to either.",
         "Give each table an alias.",
         "SELECT COUNT(*) AS n FROM npd.absence AS a JOIN npd.absence AS a ON 1 = 1"),
    RefusalCode("no-person-table", "Public tables alone",
         "The query reads only tables that are published, or no table at all.",
         "Read them where they are published. You do not need a job.",
         "SELECT COUNT(*) AS n FROM ref.schools"),
    RefusalCode("no-table", "No table",
         "The query has no FROM, and no subquery that reads a table.",
         "Name a table in FROM."),
    RefusalCode("spreadsheet-formula", "A name or label that a spreadsheet computes",
         "The name of a column, or a text in a column, begins with = + - or @ and is not a number. Signs that look "
         "like these, and signs after blanks and quotes, count too.",
         "Begin the name or label with a letter, a digit or a bracket: write minus 1 to 0, or (-1 to 0).",
         f"SELECT COUNT(*) AS [=1+1] FROM {CENSUS}"),
    RefusalCode("star", "A star",
         "A star does not name the variables that are used. You can use a star only for a derived or temporary table "
         "with named columns.",
         "List the variables that you need.",
         f"SELECT * FROM {CENSUS}"),
    RefusalCode("table-function", "FROM without the name of a table",
         "You can read tables of the catalogue, derived tables and temporary tables. You cannot read functions, "
         "files or strings.",
         "Name a table as schema.table.",
         "SELECT COUNT(*) AS n FROM 'pupils.parquet'", "duckdb"),
    RefusalCode("time-travel", "Another state of the data",
         "You cannot query an earlier state of the data.",
         "Filter on the table's year.",
         "SELECT COUNT(*) AS n FROM npd.absence FOR SYSTEM_TIME AS OF '2020-01-01'"),
    RefusalCode("unknown-table", "A table that does not exist",
         "Neither the catalogue nor the names of the research service have this table. You get the same message for "
         "a table of another project.",
         "Write schema.table as in the catalogue, or the name that the research service gives to a year of it "
         "(Spring_Census_2019).",
         "SELECT COUNT(*) AS n FROM npd.sping_census"),
    RefusalCode("unknown-variable", "A variable that does not exist",
         "None of the tables in FROM has a variable with this name.",
         "Check the name in the catalogue. The advice shows the nearest name.",
         f"SELECT COUNT(FSMelegible) AS n FROM {CENSUS}"),
    RefusalCode("unnamed-column", "A column whose name cannot be printed",
         "The name of a column is empty or too long, or is reserved for a column without a name (column_ and its "
         "place).",
         "Write … AS name.",
         f"SELECT COUNT(*) AS [ ] FROM {CENSUS}"),
    RefusalCode("unnamed-table", "A derived table without a name",
         "A SELECT in FROM has no alias.",
         "Write (SELECT …) AS t.",
         f"SELECT COUNT(*) AS n FROM (SELECT LA FROM {CENSUS})"),
)

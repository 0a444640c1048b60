"""Where T-SQL and the engine differ, and what is done about each: followed, or refused with what to write. Words only;
a test runs every example."""

# ruff: noqa: E501 - one difference a line reads as a table

from dataclasses import dataclass

FOLLOWED = "followed"


@dataclass(frozen=True, slots=True)
class DialectDifference:
    """`verdict` is "followed" or the code of the refusal; `here` is what runs, or what to write instead. Examples use
    Num and Free (whole numbers), Pts (decimal), Ratio (float), Sex and Code (code lists), Note (text), D and E (dates)."""

    construct: str
    tsql: str
    here: str
    example: str
    verdict: str = FOLLOWED


NUMBERS = (
    DialectDifference("x / y of whole numbers", "The quotient is truncated.", "The same; the plan says so. For a fraction write 1.0 * x / y.", "Num / Small"),
    DialectDifference("x / y of decimals", "A decimal of at least 6 places.", "A 64-bit float; the two differ by less than 0.000001. Rounded to 10 places before FLOOR, CAST AS int or a comparison.", "Pts / 2.5"),
    DialectDifference("x / y where y can be 0", "The query ends with an error.", "The row counts as missing; the plan says so.", "Pts / Num"),
    DialectDifference("x % y", "The remainder, with the sign of x.", "The same, for exact numbers; never of a quasi-identifier.", "Num % 3"),
    DialectDifference("x % y of floats", "An error.", "CAST both sides AS decimal(18, 4).", "Ratio % 2", "type"),
    DialectDifference("x + y that can overflow", "An error.", "Whole numbers have 64 bits; a row that can pass 10^17 by the catalogue's bounds counts as missing if it does.", "Free * Free * Free"),
    DialectDifference("FLOOR, CEILING, ABS, SIGN", "The result has the type of the argument.", "The same: FLOOR(5.5) / 2 is 2.5.", "FLOOR(Pts) / 2"),
    DialectDifference("ROUND(x, n)", "Halves away from zero; n may be negative.", "The same. A float is rounded as it is stored, so 4.55 may become 4.5.", "ROUND(Pts, -1)"),
    DialectDifference("ROUND(x, n, 1)", "Truncates.", "The same; of a float, what is stored.", "ROUND(Pts, 1, 1)"),
    DialectDifference("ROUND(x, n, 1) of a float", "Truncates what is stored.", "The same.", "ROUND(Ratio, 1, 1)"),
    DialectDifference("SQRT, LOG, LOG10", "An error outside the domain.", "The row counts as missing; the plan says so.", "LOG(Num)"),
    DialectDifference("EXP(x)", "An error where the result is too large.", "The row counts as missing where x is above 700.", "EXP(Free)"),
    DialectDifference("POWER(x, n) of a whole number or decimal", "The result is cut to the type of x.", "The same.", "POWER(Num, 2)"),
    DialectDifference("SQUARE(x), POWER(x, n) of a float", "A float.", "The same.", "SQUARE(CAST(Num AS float))"),
    DialectDifference("GREATEST, LEAST", "NULLs are left out.", "The same, for numbers and dates.", "GREATEST(Num, 0)"),
)  # fmt: skip
CASTS = (
    DialectDifference("CAST(x AS int) of a fraction", "Truncates.", "The same; the plan says so. To round write ROUND(x, 0).", "CAST(Pts AS int)"),
    DialectDifference("CAST(x AS float)", "64 bits.", "The same; real is computed with 64 bits too, which adds digits after the seventh.", "CAST(Pts AS float)"),
    DialectDifference("CAST(x AS float(24))", "32 bits.", "Write CAST(x AS float).", "CAST(Pts AS float(24))", "cast"),
    DialectDifference("CAST(x AS decimal)", "decimal(18, 0), rounded.", "The same.", "CAST(Pts AS decimal)"),
    DialectDifference("CAST(x AS decimal(p, s)) that may not fit", "An error.", "The row counts as missing.", "CAST(Free AS decimal(5, 2))"),
    DialectDifference("CAST(x AS smallint) that may not fit", "An error.", "The row counts as missing.", "CAST(Free AS smallint)"),
    DialectDifference("CAST(x AS bit)", "1 for everything but 0.", "The same.", "CAST(Num AS bit)"),
    DialectDifference("CAST(text AS int)", "An error for a text that is no number.", "The same as TRY_CAST: the row counts as missing; the plan says so.", "CAST(Note AS int)"),
    DialectDifference("TRY_CAST(text AS int)", "NULL for a text that is no number, 0 for an empty one.", "The same.", "TRY_CAST(Note AS int)"),
    DialectDifference("TRY_CONVERT(type, x)", "As TRY_CAST.", "The same.", "TRY_CONVERT(decimal(9, 2), Note)"),
    DialectDifference("CAST(text AS date)", "Depends on the language of the server.", "Use a variable that is a date, or a written date.", "CAST(Note AS date)", "cast"),
    DialectDifference("CAST(x AS varchar(n))", "Cut to n characters, 30 without n.", "The same.", "CAST(Note AS varchar(3))"),
    DialectDifference("CAST(x AS char(n))", "Filled up with blanks.", "The same.", "CAST(Note AS char(9))"),
    DialectDifference("CAST of a decimal to text", "Written with the column's decimal places.", "The same.", "CAST(Pts AS varchar(9))"),
    DialectDifference("CONVERT(varchar(n), d, style)", "A date as text.", "The same, for the styles 23, 103, 112, 120 and 121.", "CONVERT(varchar(10), D, 103)"),
    DialectDifference("CONVERT(varchar(n), d, another style)", "A date as text.", "Use style 23, 103, 112 or 120.", "CONVERT(varchar(30), D, 113)", "cast"),
    DialectDifference("FORMAT of a row's value, STR, ISNUMERIC, PARSE", "Depend on the language of the server.", "Release the number itself, or TRY_CAST.", "FORMAT(Num, '0')", "formatting"),
)  # fmt: skip
TEXTS = (
    DialectDifference("x = 'abc', IN, <>, CASE x WHEN", "Case and blanks at the end are ignored.", "The same for ASCII; other letters by Unicode's lower case. Accents count.", "CASE WHEN Note = 'ABC ' THEN 1 ELSE 0 END"),
    DialectDifference("x < 'abc' of text", "Depends on the collation.", "List the codes with IN (…).", "CASE WHEN Note < 'b' THEN 1 ELSE 0 END", "text-order"),
    DialectDifference("x LIKE p", "Ignores case, and blanks at the end of x.", "The same.", "CASE WHEN Note LIKE 'ab_' THEN 1 ELSE 0 END"),
    DialectDifference("LIKE '[A-C]%', '[^x]%', ESCAPE", "Classes of characters.", "The same, as a regular expression; ranges of ASCII letters or digits.", "CASE WHEN Note LIKE '[A-C]%' THEN 1 ELSE 0 END"),
    DialectDifference("LIKE with other ranges", "Depend on the collation.", "List the characters: '[abc]%'.", "CASE WHEN Note LIKE '[!-~]%' THEN 1 ELSE 0 END", "like"),
    DialectDifference("x + y of texts", "Joined; NULL if one is NULL.", "The same.", "Note + 'x'"),
    DialectDifference("text + number", "The text becomes a number, or an error.", "CAST the number AS varchar(10).", "Note + Num", "type"),
    DialectDifference("CONCAT, CONCAT_WS", "NULL counts as an empty text, or is left out.", "The same, for texts and whole numbers.", "CONCAT(Note, Num)"),
    DialectDifference("A text that can pass 8000 characters", "It is cut.", "Join fewer texts.", "REPLACE(Note, 'a', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa')", "too-long-text"),
    DialectDifference("LEN(x)", "Blanks at the end do not count.", "The same.", "LEN(Note)"),
    DialectDifference("LTRIM, RTRIM, TRIM", "Take blanks only.", "The same.", "RTRIM(Note)"),
    DialectDifference("CHARINDEX(a, x)", "Ignores case.", "The same, with a written out.", "CHARINDEX('b', Note)"),
    DialectDifference("REPLACE(x, a, b)", "Ignores case.", "The same, with a and b written out.", "REPLACE(Note, 'b', 'c')"),
    DialectDifference("STUFF(x, n, m, a)", "NULL where n lies behind the end.", "The same, with n, m and a written out.", "STUFF(Note, 2, 1, 'x')"),
    DialectDifference("LEFT, RIGHT, SUBSTRING", "An error for negative lengths.", "The same, with the numbers written out.", "SUBSTRING(Note, 2, 3)"),
    DialectDifference("PATINDEX, REPLICATE, REVERSE, TRANSLATE", "Work on characters.", "Compare codes with IN (…) or LIKE.", "PATINDEX('%a%', Note)", "function"),
    DialectDifference("ISNULL(x, y)", "y is cut to the type and length of x.", "The same; the plan says so.", "ISNULL(Sex, 'none')"),
    DialectDifference("NULLIF of free text", "Ignores case.", "The same.", "NULLIF(Note, 'x')"),
    DialectDifference("CHOOSE(i, a, b)", "NULL where i is no place.", "The same.", "CHOOSE(Num, 'a', 'b')"),
)  # fmt: skip
DATES = (
    DialectDifference("d >= '2018-09-01', '20180901'", "Both are read as dates.", "The same.", "CASE WHEN D >= '20180901' THEN 1 ELSE 0 END"),
    DialectDifference("d >= '01/09/2018'", "Depends on the language of the server.", "Write '2018-09-01'.", "CASE WHEN D >= '01/09/2018' THEN 1 ELSE 0 END", "date-literal"),
    DialectDifference("DATEPART(weekday, d)", "Sunday is 1.", "The same.", "DATEPART(weekday, D)"),
    DialectDifference("DATEPART(week, d)", "1 January is in week 1; weeks begin on Sunday.", "The same.", "DATEPART(week, D)"),
    DialectDifference("DATENAME(month, d)", "The English name.", "The same, for month, weekday and year.", "DATENAME(month, D)"),
    DialectDifference("DATEDIFF(part, d, e)", "Counts boundaries; weeks begin on Sunday.", "The same.", "DATEDIFF(week, D, E)"),
    DialectDifference("DATEADD(part, n, d)", "Keeps the type date; an error outside the years 1 to 9999.", "The same, but the row counts as missing outside.", "DATEADD(year, Free, D)"),
    DialectDifference("EOMONTH, DATETRUNC, DATEFROMPARTS", "Dates; an error for a day that does not exist.", "The same, but the row counts as missing for a day that does not exist.", "DATEFROMPARTS(2018, Num, 1)"),
    DialectDifference("hours, minutes, datetime", "Times of day.", "Dates have no time here.", "DATEDIFF(hour, D, E)", "date-part"),
)  # fmt: skip
NEVER = (
    DialectDifference("GETDATE(), CURRENT_TIMESTAMP", "The clock.", "Write the date.", "YEAR(GETDATE())", "clock"),
    DialectDifference("RAND(), NEWID()", "Chance.", "Remove it.", "RAND()", "random"),
    DialectDifference("CHECKSUM, HASHBYTES", "A hash.", "Group by the variable itself.", "CHECKSUM(Note)", "hash"),
    DialectDifference("SUSER_NAME(), DB_NAME(), HOST_NAME()", "The session.", "Remove it.", "DB_NAME()", "session"),
    DialectDifference("@@VERSION, @x", "A parameter.", "Write the value, or DECLARE it.", "@@VERSION", "undeclared"),
)  # fmt: skip
DIFFERENCES = {"Numbers": NUMBERS, "Conversions": CASTS, "Text": TEXTS, "Dates": DATES, "Never understood": NEVER}

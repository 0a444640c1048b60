"""Where T-SQL and the engine differ, and what is done about each: followed, or refused with what to write. Words only;
a test runs every example."""

# ruff: noqa: E501 - one difference a line reads as a table

from dataclasses import dataclass

FOLLOWED = "followed"


@dataclass(frozen=True, slots=True)
class Difference:
    """`verdict` is "followed" or the code of the refusal; `here` is what runs, or what to write instead. Examples use
    Num and Free (whole numbers), Pts (decimal), Ratio (float), Sex and Code (code lists), Note (text), D and E (dates)."""

    construct: str
    tsql: str
    here: str
    example: str
    verdict: str = FOLLOWED


NUMBERS = (
    Difference("x / y of whole numbers", "The quotient is truncated.", "The same; the plan says so. For a fraction write 1.0 * x / y.", "Num / Small"),
    Difference("x / y of decimals", "A decimal of at least 6 places.", "A 64-bit float; the two differ by less than 0.000001. Rounded to 10 places before FLOOR, CAST AS int or a comparison.", "Pts / 2.5"),
    Difference("x / y where y can be 0", "The query ends with an error.", "Write x / NULLIF(y, 0), or CASE WHEN y <> 0 THEN x / y END.", "Pts / Num", "division"),
    Difference("x % y", "The remainder, with the sign of x.", "The same, for exact numbers; never of a quasi-identifier.", "Num % 3"),
    Difference("x % y of floats", "An error.", "CAST both sides AS decimal(18, 4).", "Ratio % 2", "type"),
    Difference("x + y that can overflow", "An error.", "Whole numbers have 64 bits; what can pass 10^17 by the catalogue's bounds is refused.", "Free * Free * Free", "overflow"),
    Difference("FLOOR, CEILING, ABS, SIGN", "The result has the type of the argument.", "The same: FLOOR(5.5) / 2 is 2.5.", "FLOOR(Pts) / 2"),
    Difference("ROUND(x, n)", "Halves away from zero; n may be negative.", "The same. A float is rounded as it is stored, so 4.55 may become 4.5.", "ROUND(Pts, -1)"),
    Difference("ROUND(x, n, 1)", "Truncates.", "The same, for exact numbers.", "ROUND(Pts, 1, 1)"),
    Difference("ROUND(x, n, 1) of a float", "Truncates what is stored.", "CAST it AS decimal(18, 4) first.", "ROUND(Ratio, 1, 1)", "type"),
    Difference("SQRT, LOG, LOG10", "An error outside the domain.", "Accepted where the catalogue's bounds exclude it, inside CASE WHEN x > 0 THEN LOG(x) END, or with NULLIF(x, 0).", "CASE WHEN Num > 0 THEN LOG(Num) END"),
    Difference("LOG(x) where x can be 0", "An error.", "Write LOG(NULLIF(x, 0)) or CASE WHEN x > 0 THEN LOG(x) END.", "LOG(Num)", "domain"),
    Difference("EXP(x)", "An error where the result is too large.", "Accepted for x between -39 and 39.", "EXP(Free)", "overflow"),
    Difference("POWER(x, n) of a whole number or decimal", "The result is cut to the type of x.", "Write POWER(CAST(x AS float), n), or x * x.", "POWER(Num, 2)", "cast"),
    Difference("SQUARE(x), POWER(x, n) of a float", "A float.", "The same, with n written out.", "SQUARE(CAST(Num AS float))"),
    Difference("GREATEST, LEAST", "NULLs are left out.", "The same, for numbers and dates.", "GREATEST(Num, 0)"),
)  # fmt: skip
CASTS = (
    Difference("CAST(x AS int) of a fraction", "Truncates.", "The same; the plan says so. To round write ROUND(x, 0).", "CAST(Pts AS int)"),
    Difference("CAST(x AS float)", "64 bits.", "The same; real is computed with 64 bits too, which adds digits after the seventh.", "CAST(Pts AS float)"),
    Difference("CAST(x AS float(24))", "32 bits.", "Write CAST(x AS float).", "CAST(Pts AS float(24))", "cast"),
    Difference("CAST(x AS decimal)", "decimal(18, 0), rounded.", "The same.", "CAST(Pts AS decimal)"),
    Difference("CAST(x AS decimal(p, s)) that may not fit", "An error.", "Use more digits: decimal(18, 4).", "CAST(Free AS decimal(5, 2))", "cast"),
    Difference("CAST(x AS smallint) that may not fit", "An error.", "CAST it AS int.", "CAST(Free AS smallint)", "cast"),
    Difference("CAST(x AS bit)", "1 for everything but 0.", "The same.", "CAST(Num AS bit)"),
    Difference("CAST(text AS int)", "An error for a text that is no number.", "Accepted where each code of the list is a number.", "CAST(Code AS int)"),
    Difference("CAST(text AS int) of free text", "An error for a text that is no number.", "Write TRY_CAST(x AS int).", "CAST(Note AS int)", "cast"),
    Difference("TRY_CAST(text AS int)", "NULL for a text that is no number, 0 for an empty one.", "The same.", "TRY_CAST(Note AS int)"),
    Difference("TRY_CONVERT(type, x)", "As TRY_CAST.", "The same.", "TRY_CONVERT(decimal(9, 2), Note)"),
    Difference("CAST(text AS date)", "Depends on the language of the server.", "Use a variable that is a date, or a written date.", "CAST(Note AS date)", "cast"),
    Difference("CAST(x AS varchar(n))", "Cut to n characters, 30 without n.", "The same.", "CAST(Note AS varchar(3))"),
    Difference("CAST(x AS char(n))", "Filled up with blanks.", "Use varchar(n).", "CAST(Note AS char(9))", "cast"),
    Difference("CAST of a decimal to text", "Written with the column's decimal places.", "Release the number itself.", "CAST(Pts AS varchar(9))", "cast"),
    Difference("CONVERT(varchar(n), d, style)", "A date as text.", "The same, for the styles 23, 103, 112, 120 and 121.", "CONVERT(varchar(10), D, 103)"),
    Difference("CONVERT(varchar(n), d, another style)", "A date as text.", "Use style 23, 103, 112 or 120.", "CONVERT(varchar(30), D, 113)", "cast"),
    Difference("FORMAT, STR, ISNUMERIC, PARSE", "Depend on the language of the server.", "Release the number itself, or TRY_CAST.", "FORMAT(Num, '0')", "formatting"),
)  # fmt: skip
TEXTS = (
    Difference("x = 'abc', IN, <>, CASE x WHEN", "Case and blanks at the end are ignored.", "The same for ASCII; other letters by Unicode's lower case. Accents count.", "CASE WHEN Note = 'ABC ' THEN 1 ELSE 0 END"),
    Difference("x < 'abc' of text", "Depends on the collation.", "List the codes with IN (…).", "CASE WHEN Note < 'b' THEN 1 ELSE 0 END", "text-order"),
    Difference("x LIKE p", "Ignores case, and blanks at the end of x.", "The same.", "CASE WHEN Note LIKE 'ab_' THEN 1 ELSE 0 END"),
    Difference("LIKE '[A-C]%', '[^x]%', ESCAPE", "Classes of characters.", "The same, as a regular expression; ranges of ASCII letters or digits.", "CASE WHEN Note LIKE '[A-C]%' THEN 1 ELSE 0 END"),
    Difference("LIKE with other ranges", "Depend on the collation.", "List the characters: '[abc]%'.", "CASE WHEN Note LIKE '[!-~]%' THEN 1 ELSE 0 END", "like"),
    Difference("x + y of texts", "Joined; NULL if one is NULL.", "The same.", "Note + 'x'"),
    Difference("text + number", "The text becomes a number, or an error.", "CAST the number AS varchar(10).", "Note + Num", "type"),
    Difference("CONCAT, CONCAT_WS", "NULL counts as an empty text, or is left out.", "The same, for texts and whole numbers.", "CONCAT(Note, Num)"),
    Difference("A text that can pass 8000 characters", "It is cut.", "Join fewer texts.", "REPLACE(Note, 'a', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa')", "too-long-text"),
    Difference("LEN(x)", "Blanks at the end do not count.", "The same.", "LEN(Note)"),
    Difference("LTRIM, RTRIM, TRIM", "Take blanks only.", "The same.", "RTRIM(Note)"),
    Difference("CHARINDEX(a, x)", "Ignores case.", "The same, with a written out.", "CHARINDEX('b', Note)"),
    Difference("REPLACE(x, a, b)", "Ignores case.", "The same, with a and b written out.", "REPLACE(Note, 'b', 'c')"),
    Difference("STUFF(x, n, m, a)", "NULL where n lies behind the end.", "The same, with n, m and a written out.", "STUFF(Note, 2, 1, 'x')"),
    Difference("LEFT, RIGHT, SUBSTRING", "An error for negative lengths.", "The same, with the numbers written out.", "SUBSTRING(Note, 2, 3)"),
    Difference("PATINDEX, REPLICATE, REVERSE, TRANSLATE", "Work on characters.", "Compare codes with IN (…) or LIKE.", "PATINDEX('%a%', Note)", "function"),
    Difference("ISNULL(x, y)", "y is cut to the type and length of x.", "Accepted where that changes nothing.", "ISNULL(Sex, 'x')"),
    Difference("ISNULL(x, y) where y would be cut", "y loses characters or decimal places.", "Write COALESCE(x, y).", "ISNULL(Sex, 'none')", "isnull"),
    Difference("NULLIF of free text", "Ignores case.", "Use CASE WHEN.", "NULLIF(Note, 'x')", "text-compare"),
    Difference("CHOOSE(i, a, b)", "NULL where i is no place.", "The same.", "CHOOSE(Num, 'a', 'b')"),
)  # fmt: skip
DATES = (
    Difference("d >= '2018-09-01', '20180901'", "Both are read as dates.", "The same.", "CASE WHEN D >= '20180901' THEN 1 ELSE 0 END"),
    Difference("d >= '01/09/2018'", "Depends on the language of the server.", "Write '2018-09-01'.", "CASE WHEN D >= '01/09/2018' THEN 1 ELSE 0 END", "date-literal"),
    Difference("DATEPART(weekday, d)", "Sunday is 1.", "The same.", "DATEPART(weekday, D)"),
    Difference("DATEPART(week, d)", "1 January is in week 1; weeks begin on Sunday.", "The same.", "DATEPART(week, D)"),
    Difference("DATENAME(month, d)", "The English name.", "The same, for month, weekday and year.", "DATENAME(month, D)"),
    Difference("DATEDIFF(part, d, e)", "Counts boundaries; weeks begin on Sunday.", "The same.", "DATEDIFF(week, D, E)"),
    Difference("DATEADD(part, n, d)", "Keeps the type date; an error outside the years 1 to 9999.", "The same, but NULL outside; n of at most about 1000 years.", "DATEADD(month, Num, D)"),
    Difference("EOMONTH, DATETRUNC, DATEFROMPARTS", "Dates; an error for a day that does not exist.", "The same, where every combination exists.", "DATEFROMPARTS(2018, Small, 1)"),
    Difference("hours, minutes, datetime", "Times of day.", "Dates have no time here.", "DATEDIFF(hour, D, E)", "date-part"),
)  # fmt: skip
NEVER = (
    Difference("GETDATE(), CURRENT_TIMESTAMP", "The clock.", "Write the date.", "YEAR(GETDATE())", "clock"),
    Difference("RAND(), NEWID()", "Chance.", "Leave it out.", "RAND()", "random"),
    Difference("CHECKSUM, HASHBYTES", "A hash.", "Group by the variable itself.", "CHECKSUM(Note)", "hash"),
    Difference("SUSER_NAME(), DB_NAME(), HOST_NAME()", "The session.", "Leave it out.", "DB_NAME()", "session"),
    Difference("@@VERSION, @x", "A parameter.", "Write the value, or DECLARE it.", "@@VERSION", "undeclared"),
)  # fmt: skip
DIFFERENCES = {
    "Numbers": NUMBERS,
    "Conversions": CASTS,
    "Text": TEXTS,
    "Dates": DATES,
    "Never understood": NEVER,
}

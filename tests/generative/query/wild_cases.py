"""Random expressions of both dialects without a meaning attached: any nesting of the functions that are on the lists,
for what must never happen whatever they mean."""

from random import Random

WHOLE, EXACT, REAL, TEXT, DAY, TRUTH = "whole", "exact", "real", "text", "day", "truth"
LEAVES = {
    WHOLE: ["Num", "Small", "Free", "Flag", "0", "7", "-3", "2147483647", "999999999999999999"],
    EXACT: ["Pts", "Wide", "Loose", "0.1", "123456789.123456789", "0.000000000000000001", "-1.5"],
    REAL: ["Ratio", "CAST(Wide AS {float})", "CAST(Free AS {float})"],
    TEXT: ["Note", "Sex", "Code", "Mixed", "'1e30'", "''", "'999999999999999999999'"],
    DAY: ["D", "E", "CAST('2018-09-01' AS date)"],
}
COMMON: dict[str, list[str]] = {
    WHOLE: ["(whole + whole)", "(whole - whole)", "(whole * whole)", "(whole / whole)", "(whole % whole)", "(- whole)",
            "ABS(whole)", "SIGN(exact)", "ROUND(whole, -2)", "CAST(whole AS int)", "CAST(whole AS smallint)",
            "CAST(Code AS int)", "CAST(text AS int)", "TRY_CAST(text AS int)", "LEN(text)", "YEAR(day)", "DAY(day)",
            "GREATEST(whole, whole)", "CASE WHEN truth THEN whole ELSE whole END", "COALESCE(whole, whole)",
            "NULLIF(whole, whole)", "CASE WHEN whole <> 0 THEN whole / whole END"],
    EXACT: ["(exact + exact)", "(exact - whole)", "(exact * exact)", "(exact % exact)", "ROUND(exact, 2)",
            "ROUND(exact, -3)", "FLOOR(exact)", "CEILING(real)", "CAST(exact AS decimal(38, 0))", "LEAST(exact, exact)",
            "CAST(real AS decimal(18, 4))", "CAST(whole AS decimal(5, 2))", "TRY_CAST(text AS decimal(38, 18))",
            "TRY_CAST(text AS decimal(18, 4))", "COALESCE(exact, whole)", "CASE WHEN truth THEN exact ELSE exact END",
            "GREATEST(exact, exact, whole)", "NULLIF(exact, exact)"],
    REAL: ["(real / real)", "(real * real)", "(exact / NULLIF(exact, 0))", "(exact / NULLIF(whole, 0))", "SQRT(exact)",
           "SQRT(ABS(real))", "EXP(exact)", "EXP(whole)", "TRY_CAST(text AS {float})", "CAST(exact AS {float})",
           "POWER(real, 2)", "POWER(real, 0.5)", "POWER(real, -1)", "POWER(ABS(real), 3.5)", "LOG10(real)",
           "CASE WHEN real > 0 THEN LOG10(real) END", "ROUND(real, 3)", "COALESCE(real, exact)"],
    TEXT: ["TRIM(text)", "LEFT(text, 3)", "REPLACE(text, 'a', 'bcdef')", "REPLACE(text, ' ', '')",
           "CONCAT(text, text, whole)", "CONCAT_WS('-', text, text)", "SUBSTRING(text, 2, 5)", "UPPER(text)",
           "CAST(whole AS varchar(20))", "CASE WHEN truth THEN text ELSE text END", "COALESCE(text, text)"],
    DAY: ["CASE WHEN truth THEN day ELSE day END", "COALESCE(day, day)", "GREATEST(day, day)", "LEAST(day, day)"],
    TRUTH: ["whole = exact", "exact < exact", "real >= exact", "real = whole", "text = text", "text LIKE '%a_'",
            "day < day", "day >= '2018-09-01'", "whole IN (1, 2.5, 3)", "exact BETWEEN whole AND real",
            "whole IS NULL", "(truth AND truth)", "(truth OR NOT truth)", "exact IS DISTINCT FROM whole"],
}  # fmt: skip
OWN: dict[str, dict[str, list[str]]] = {
    "tsql": {
        WHOLE: ["DATEPART(week, day)", "DATEDIFF(week, day, day)", "DATEDIFF(dd, day, day)", "CHARINDEX('a', text)",
                "CAST(exact AS int)", "CAST(real AS bigint)", "CAST(whole AS bit)", "CHOOSE(whole, whole, 2)"],
        EXACT: ["ROUND(exact, 1, 1)", "CAST(exact AS decimal)", "ISNULL(exact, 0)"],
        REAL: ["LOG(real)", "LOG(NULLIF(real, 0), 2)", "CASE WHEN exact >= 1 THEN LOG(exact) END"],
        TEXT: ["(text + text)", "STUFF(text, 2, 1, 'xyz')", "CONVERT(varchar(10), day, 103)", "DATENAME(month, day)",
               "ISNULL(Sex, 'x')", "RTRIM(text)"],
        DAY: ["DATEADD(month, whole, day)", "DATEADD(year, Num, day)", "DATEADD(dd, -9999, day)", "EOMONTH(day, 3)",
              "DATEFROMPARTS(2000 + Num, Small, 28)", "DATETRUNC(quarter, day)"],
        TRUTH: ["text LIKE '[a-c]%'", "text NOT LIKE '%!%%' ESCAPE '!'"],
    },
    "duckdb": {
        WHOLE: ["(whole // whole)", "date_diff('week', day, day)", "extract(dow FROM day)", "date_part('doy', day)",
                "strpos(text, 'a')", "(day - day)"],
        EXACT: ["trunc(exact, 2)", "trunc(whole)"],
        REAL: ["ln(real)", "log2(exact)", "(whole / whole)"],
        TEXT: ["(text || text)", "monthname(day)", "ltrim(text)"],
        DAY: ["(day + 3)", "(day + INTERVAL 2 MONTH)", "(day - INTERVAL 900 YEAR)", "date_trunc('month', day)",
              "last_day(day)", "make_date(2000 + Num, Small, 28)"],
        TRUTH: ["text ILIKE 'A%'", "starts_with(text, 'a')", "whole::boolean"],
    },
}  # fmt: skip


def draw(r: Random, dialect: str, kind: str, depth: int) -> str:
    """An expression of a kind; `{float}` is the dialect's 64-bit type."""
    forms = [*COMMON[kind], *OWN[dialect][kind]]
    if kind in LEAVES and (depth <= 0 or r.random() < 0.15):
        forms = LEAVES[kind]
    elif depth <= 0:
        forms = ["Num > 3", "Note IS NULL"]
    text = r.choice(forms).replace("{float}", "float" if dialect == "tsql" else "double")
    found = ""
    while text:
        slot = next((k for k in (WHOLE, EXACT, REAL, TEXT, DAY, TRUTH) if _starts(text, k, found)), None)
        found += draw(r, dialect, slot, depth - 1) if slot else text[0]
        text = text[len(slot) :] if slot else text[1:]
    return found


def _starts(text: str, kind: str, before: str) -> bool:
    after = text[len(kind) : len(kind) + 1]
    inside = before.count("'") % 2 == 1
    beside = (after, before[-1:])
    return text.startswith(kind) and not inside and not any(c.isalnum() or c == "_" for c in beside)

"""Random scalar expressions of T-SQL, each with the same meaning in plain Python, and random rows with extremes."""

# ruff: noqa: E501 - one form a line reads as a table

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from random import Random
from typing import Any

import reference as ref

Row = Mapping[str, Any]
Value = Callable[[Row], Any]
WORDS = ["abc", "ABC", "aBcA", "x y", "10%", "a_b", "[z]", "12", " 7 ", "", "O'Brien", "1e3", "0x1F", "12.5", "-", "+5",
         "-3.455", "2147483648", "abc  ", "B-C", "^q"]  # fmt: skip
SOUGHT = ["a", "B", "bc", "%", " ", "z]", "A-C", "O''B", "q", "12"]
PATTERNS = ["a%", "%c", "_b_", "[a-c]%", "[^a-c]%", "%[0-9]%", "%[%]", "[[]%", "abc", "%[-_]%", "[0-9.]%", "ABC ", "%]"]


@dataclass(frozen=True)
class Form:
    """An expression of a kind, with its value in a row; `uses` are the functions in it."""

    text: str
    value: Value
    uses: frozenset[str] = frozenset()


def rows(seed: int, many: int) -> list[dict[str, Any]]:
    """The first rows are as far out as the catalogue lets them be."""
    least = {"Num": -5, "Small": 1, "Free": -(2**31), "Flag": 0, "Pts": Decimal(0), "Wide": Decimal(-1000), "Ratio": 0.5,
             "Loose": 0.0, "Sex": "F", "Code": "-3", "Mixed": "1", "Note": "", "D": date(1, 1, 1), "E": date(9999, 12, 31)}  # fmt: skip
    most = {"Num": 20, "Small": 3, "Free": 2**31 - 1, "Flag": 1, "Pts": Decimal(9), "Wide": Decimal(1000), "Ratio": 100.0,
            "Loose": 9.0, "Sex": "M", "Code": "10", "Mixed": "R", "Note": "z" * 200, "D": date(9999, 12, 31), "E": date(1, 1, 1)}  # fmt: skip
    nothing: dict[str, Any] = {**dict.fromkeys(least), "Small": 2}
    return [least, most, nothing, *(_row(Random(f"{seed}/{i}")) for i in range(many))]


def _row(r: Random) -> dict[str, Any]:
    full = {
        "Num": r.randint(-5, 20), "Free": r.choice([0, 1, -1, 7, 2**31 - 1, -(2**31), r.randint(-999, 999)]),
        "Flag": r.randint(0, 1), "Pts": Decimal(r.randint(0, 900)) / 100, "Wide": Decimal(r.randint(-10**7, 10**7)) / 10000,
        "Ratio": r.choice([0.5, 1.0, 2.25, 99.5, 100.0]), "Loose": r.choice([0.0, 1.5, 4.35, 9.0]),
        "Sex": r.choice("MF"), "Code": r.choice(["01", "2", "10", "-3"]), "Mixed": r.choice("1R"), "Note": r.choice(WORDS),
        "D": date.fromordinal(r.choice([r.randint(1, 3652059), r.randint(730000, 740000)])),
        "E": date.fromordinal(r.choice([r.randint(730000, 740000), 736948, 737060])),
    }  # fmt: skip
    return {"Small": r.randint(1, 3), **{k: None if r.random() < 0.15 else v for k, v in full.items()}}


def _column(name: str) -> Form:
    return Form(name, lambda row: row[name])


def _call(template: str, name: str, work: Callable[..., Any], *parts: Form, null: bool = True) -> Form:
    """A function over parts; `null`: NULL in, NULL out."""
    whole = ref.strict(work) if null else work
    uses = frozenset({name}).union(*(p.uses for p in parts))
    return Form(template.format(*(p.text for p in parts)), lambda row: whole(*(p.value(row) for p in parts)), uses)


class Forms:
    """Draws forms of each kind."""

    def __init__(self, seed: int) -> None:
        self.r = Random(seed)

    def draw(self, depth: int) -> Form:
        return self.r.choice([self.whole, self.exact, self.real, self.text, self.day, self.choice])(depth)

    def whole(self, depth: int) -> Form:
        r = self.r
        if depth <= 0 or r.random() < 0.1:
            return r.choice([_column("Num"), _column("Small"), _column("Flag"), _number(r.randint(0, 9))])
        a, d, e, t = (f(depth - 1) for f in (self.whole, self.day, self.day, self.text))
        part = r.choice(["year", "quarter", "month", "day", "dayofyear", "weekday", "week", "iso_week"])
        unit = r.choice(["year", "quarter", "month", "day", "week"])
        sought, pieces = r.choice(SOUGHT), r.randint(1, 7)
        return r.choice([
            lambda: _call("({0} + {1})", "+", lambda x, y: x + y, a, self.whole(0)),
            lambda: _call("({0} - {1})", "-", lambda x, y: x - y, a, self.whole(0)),
            lambda: _call("({0} * {1})", "*", lambda x, y: x * y, a, self.whole(0)),
            lambda: _call("({0} / NULLIF({1}, 0))", "/", lambda x, y: None if y == 0 else ref.integer_division(x, y), a, self.whole(0)),
            lambda: _call("({0} / {1})", "/", ref.integer_division, a, _column("Small")),
            lambda: _call(f"({{0}} % {pieces})", "%", lambda x: ref.modulo(x, pieces), a),
            lambda: _call("(- {0})", "neg", lambda x: -x, a),
            lambda: _call("ABS({0})", "ABS", abs, a),
            lambda: _call("SIGN({0})", "SIGN", ref.sign, a),
            lambda: _call("ROUND({0}, -1)", "ROUND-", lambda x: ref.round_half_away(x, -1), a),
            lambda: _call("ROUND({0}, -1, 1)", "ROUND1", lambda x: ref.round_truncating(x, -1), a),
            lambda: _call("CAST({0} AS int)", "CAST int", ref.toward_zero, self.exact(0)),
            lambda: _call("CONVERT(bigint, {0})", "CONVERT", ref.toward_zero, self.exact(0)),
            lambda: _call("CAST({0} AS bit)", "CAST bit", lambda x: int(x != 0), a),
            lambda: _call("CAST(Code AS int)", "CAST text", ref.text_to_int, _column("Code")),
            lambda: _call("TRY_CAST({0} AS int)", "TRY_CAST", ref.text_to_int, self.plain_text()),
            lambda: _call("TRY_CONVERT(int, {0})", "TRY_CONVERT", ref.text_to_int, self.plain_text()),
            lambda: _call("LEN({0})", "LEN", ref.length, t),
            lambda: _call("LEN({0})", "LEN int", lambda x: len(str(x)), a),
            lambda: _call(f"CHARINDEX('{sought}', {{0}})", "CHARINDEX", lambda s: ref.charindex(sought.replace("''", "'"), s), t),
            lambda: _call(f"DATEPART({part}, {{0}})", f"DATEPART {part}", lambda x: ref.datepart(part, x), d),
            lambda: _call("YEAR({0})", "YEAR", lambda x: x.year, d),
            lambda: _call("MONTH({0})", "MONTH", lambda x: x.month, d),
            lambda: _call("DAY({0})", "DAY", lambda x: x.day, d),
            lambda: _call(f"DATEDIFF({unit}, {{0}}, {{1}})", f"DATEDIFF {unit}", lambda x, y: ref.datediff(unit, x, y), d, e),
            lambda: _call("GREATEST({0}, {1}, 3)", "GREATEST", lambda x, y: ref.greatest(x, y, 3), a, self.whole(0), null=False),
            lambda: _call("LEAST({0}, {1})", "LEAST", ref.least, a, self.whole(0), null=False),
        ])()  # fmt: skip

    def exact(self, depth: int) -> Form:
        r = self.r
        if depth <= 0 or r.random() < 0.1:
            return r.choice([_column("Pts"), _column("Wide"), Form("2.5", lambda _: Decimal("2.5"))])
        a, n = self.exact(depth - 1), r.randint(0, 3)
        return r.choice([
            lambda: _call("({0} + {1})", "+", lambda x, y: x + y, a, self.exact(0)),
            lambda: _call("({0} - {1})", "-", lambda x, y: x - y, a, self.whole(0)),
            lambda: _call("({0} * {1})", "*", lambda x, y: x * y, a, self.exact(0)),
            lambda: _call(f"ROUND({{0}}, {n})", "ROUND", lambda x: ref.round_half_away(x, n), a),
            lambda: _call(f"ROUND({{0}}, {n}, 1)", "ROUND1", lambda x: ref.round_truncating(x, n), a),
            lambda: _call("ROUND({0}, -1)", "ROUND-", lambda x: ref.round_half_away(x, -1), a),
            lambda: _call("FLOOR({0})", "FLOOR", lambda x: x.__floor__(), a),
            lambda: _call("CEILING({0})", "CEILING", lambda x: x.__ceil__(), a),
            lambda: _call("ABS({0})", "ABS", abs, a),
            lambda: _call("SIGN({0})", "SIGN", ref.sign, a),
            lambda: _call("({0} % 1.5)", "%", lambda x: ref.modulo(x, Decimal("1.5")), a),
            lambda: _call(f"CAST({{0}} AS decimal(18, {n}))", "CAST decimal", lambda x: ref.to_decimal(x, n), a),
            lambda: _call("CAST({0} AS decimal)", "CAST decimal", lambda x: ref.to_decimal(x, 0), a),
            lambda: _call("TRY_CAST({0} AS decimal(9, 2))", "TRY_CAST decimal", lambda s: ref.text_to_decimal(s, 9, 2), self.plain_text()),
            lambda: _call("COALESCE({0}, {1}, 0)", "COALESCE", lambda x, y: next(v for v in (x, y, 0) if v is not None), a, self.exact(0), null=False),
            lambda: _call("NULLIF({0}, {1})", "NULLIF", lambda x, y: None if x is not None and x == y else x, a, self.exact(0), null=False),
        ])()  # fmt: skip

    def real(self, depth: int) -> Form:
        r, a = self.r, self.exact(min(depth - 1, 1))
        return r.choice([
            lambda: _call("({0} / NULLIF({1}, 0))", "/ decimal", lambda x, y: None if y == 0 else float(x) / float(y), a, self.exact(0)),
            lambda: _call("CAST({0} AS float)", "CAST float", float, a),
            lambda: _call("SQRT(ABS({0}))", "SQRT", lambda x: float(abs(x)) ** 0.5, a),
            lambda: _call("SQRT(Ratio)", "SQRT", lambda x: x**0.5, _column("Ratio")),
            lambda: _call("LOG(Ratio)", "LOG", ref.math.log, _column("Ratio")),
            lambda: _call("LOG10(Small)", "LOG10", ref.math.log10, _column("Small")),
            lambda: _call("LOG(Ratio, 3)", "LOG b", lambda x: ref.math.log(x) / ref.math.log(3), _column("Ratio")),
            lambda: _call("LOG(NULLIF(Pts, 0))", "LOG NULLIF", lambda x: None if x == 0 else ref.math.log(x), _column("Pts")),
            lambda: _call("CASE WHEN {0} > 0 THEN LOG({0}) END", "LOG CASE", lambda x: ref.math.log(x) if x > 0 else None, a),
            lambda: _call("CASE WHEN {0} <> 0 THEN 1.0 / {0} END", "/ CASE", lambda x: 1 / float(x) if x != 0 else None, a),
            lambda: _call("EXP({0})", "EXP", lambda x: ref.math.exp(x), _column("Num")),
            lambda: _call("SQUARE(CAST({0} AS float))", "SQUARE", lambda x: float(x) ** 2, a),
            lambda: _call("POWER(Ratio, -0.5)", "POWER", lambda x: x**-0.5, _column("Ratio")),
            lambda: _call("ROUND(CAST({0} AS float), 1)", "ROUND float", lambda x: ref.round_half_away(x, 1), _column("Ratio")),
            lambda: _call("TRY_CAST('12.5' AS float)", "TRY_CAST float", lambda _: 12.5, _column("Small")),
        ])()  # fmt: skip

    def plain_text(self) -> Form:
        return self.r.choice([_column("Note"), _column("Mixed"), _column("Code")])

    def text(self, depth: int) -> Form:
        r = self.r
        if depth <= 0 or r.random() < 0.1:
            return r.choice([_column("Note"), _column("Sex"), _column("Code"), Form("'Ab '", lambda _: "Ab ")])
        a, d, i, n, m = self.text(depth - 1), self.day(0), self.whole(0), r.randint(1, 4), r.randint(0, 3)
        old, new = r.choice(SOUGHT), r.choice(["", "x", "QQ"])
        style, part = r.choice([103, 112, 120, 23]), r.choice(["month", "weekday"])
        return r.choice([
            lambda: _call("LTRIM({0})", "LTRIM", lambda s: s.lstrip(" "), a),
            lambda: _call("RTRIM({0})", "RTRIM", lambda s: s.rstrip(" "), a),
            lambda: _call("TRIM({0})", "TRIM", lambda s: s.strip(" "), a),
            lambda: _call("UPPER({0})", "UPPER", str.upper, a),
            lambda: _call("LOWER({0})", "LOWER", str.lower, a),
            lambda: _call(f"LEFT({{0}}, {m})", "LEFT", lambda s: ref.substring(s, 1, m), a),
            lambda: _call(f"RIGHT({{0}}, {n})", "RIGHT", lambda s: s[max(0, len(s) - n):], a),
            lambda: _call(f"SUBSTRING({{0}}, {n}, {m})", "SUBSTRING", lambda s: ref.substring(s, n, m), a),
            lambda: _call(f"STUFF({{0}}, {n}, {m}, '{new}')", "STUFF", lambda s: ref.stuff(s, n, m, new), a),
            lambda: _call(f"REPLACE({{0}}, '{old}', '{new}')", "REPLACE", lambda s: ref.replace(s, old.replace("''", "'"), new), a),
            lambda: _call("({0} + {1})", "+ text", lambda x, y: x + y, a, self.text(0)),
            lambda: _call("CONCAT({0}, {1}, NULL, '-')", "CONCAT", lambda x, y: ref.concat(x, y, None, "-"), a, i, null=False),
            lambda: _call("CONCAT_WS('; ', {0}, {1})", "CONCAT_WS", lambda x, y: ref.concat_ws("; ", x, y), a, i, null=False),
            lambda: _call("CAST({0} AS varchar(12))", "CAST varchar", lambda x: str(x), i),
            lambda: _call(f"CAST({{0}} AS varchar({n}))", "CAST varchar", lambda s: ref.substring(s, 1, n), a),
            lambda: _call("CAST({0} AS varchar(max))", "CAST varchar", lambda s: s, a),
            lambda: _call(f"CONVERT(varchar(10), {{0}}, {style})", "CONVERT style", lambda x: ref.convert_date(style, x), d),
            lambda: _call(f"DATENAME({part}, {{0}})", "DATENAME", lambda x: ref.datename(part, x), d),
            lambda: _call("CHOOSE({0}, 'one', 'two', 'three')", "CHOOSE", lambda x: {1: "one", 2: "two", 3: "three"}.get(x), i, null=False),
            lambda: _call("ISNULL(Sex, 'x')", "ISNULL", lambda s: "x" if s is None else s, _column("Sex"), null=False),
            lambda: _call("COALESCE({0}, 'none')", "COALESCE", lambda s: "none" if s is None else s, a, null=False),
        ])()  # fmt: skip

    def day(self, depth: int) -> Form:
        r = self.r
        if depth <= 0 or r.random() < 0.2:
            return r.choice([_column("D"), _column("E")])
        d, n, unit = self.day(depth - 1), r.randint(-30, 30), r.choice(["year", "quarter", "month", "week", "day"])
        part = r.choice(["year", "quarter", "month"])
        return r.choice([
            lambda: _call(f"DATEADD({unit}, {n}, {{0}})", f"DATEADD {unit}", lambda x: ref.dateadd(unit, n, x), d),
            lambda: _call("DATEADD(month, {1}, {0})", "DATEADD n", lambda x, y: ref.dateadd("month", y, x), d, _column("Num")),
            lambda: _call("EOMONTH({0})", "EOMONTH", ref.eomonth, d),
            lambda: _call("EOMONTH({0}, 1)", "EOMONTH n", lambda x: None if (y := ref.dateadd("month", 1, x)) is None else ref.eomonth(y), d),
            lambda: _call(f"DATETRUNC({part}, {{0}})", "DATETRUNC", lambda x: ref.datetrunc(part, x), d),
            lambda: _call("DATEFROMPARTS(2018, {0}, 7)", "DATEFROMPARTS", lambda x: date(2018, x, 7), _column("Small")),
            lambda: _call("CAST({0} AS date)", "CAST date", lambda x: x, d),
            lambda: _call("GREATEST({0}, {1})", "GREATEST", ref.greatest, d, self.day(0), null=False),
        ])()  # fmt: skip

    def choice(self, depth: int) -> Form:
        """A predicate as a value, with its three truths apart."""
        truth = self.truth(depth)
        text = f"CASE WHEN {truth.text} THEN 'yes' WHEN NOT ({truth.text}) THEN 'no' ELSE 'neither' END"
        return Form(text, lambda row: {True: "yes", False: "no", None: "neither"}[truth.value(row)], truth.uses)

    def truth(self, depth: int) -> Form:
        r, t, u, i, d = self.r, self.text(depth - 1), self.text(0), self.whole(depth - 1), self.day(0)
        p, days = r.choice(PATTERNS), ["2018-09-01", "20180901"]
        when = r.choice(days)
        return r.choice([
            lambda: _call("{0} = {1}", "= text", ref.same_text, t, u),
            lambda: _call("{0} <> 'ABC'", "= text", lambda s: not ref.same_text(s, "ABC"), t),
            lambda: _call("{0} IN ('m', 'aBC', '12')", "IN", lambda s: any(ref.same_text(s, c) for c in ("m", "abc", "12")), t),
            lambda: _call(f"{{0}} LIKE '{p}'", "LIKE", lambda s: ref.like(s, p), t),
            lambda: _call(f"{{0}} NOT LIKE '{p}'", "NOT LIKE", lambda s: not ref.like(s, p), t),
            lambda: _call("{0} LIKE '%!%' ESCAPE '!'", "ESCAPE", lambda s: ref.like(s, "%!%", "!"), t),
            lambda: _call("{0} LIKE '%!_%' ESCAPE '!'", "ESCAPE", lambda s: ref.like(s, "%!_%", "!"), t),
            lambda: _call("{0} > {1}", ">", lambda x, y: x > y, i, self.exact(0)),
            lambda: _call("{0} BETWEEN 1 AND 7", "BETWEEN", lambda x: 1 <= x <= 7, i),
            lambda: _call(f"{{0}} >= '{when}'", "date literal", lambda x: x >= date(2018, 9, 1), d),
            lambda: _call("{0} IS NULL", "IS NULL", lambda x: x is None, i, null=False),
            lambda: _call("{0} IS NOT DISTINCT FROM {1}", "IS DISTINCT", lambda x, y: (x is None and y is None) or (x is not None and y is not None and ref.same_text(x, y)), t, u, null=False),
            lambda: _call("{0} / 0.1 >= 3", "quotient", lambda x: x * 10 >= 3, _column("Pts")),
        ])()  # fmt: skip


def _number(n: int) -> Form:
    return Form(str(n), lambda _: n)


_EVERY = """
+|-|*|/|%|neg|ABS|SIGN|ROUND|ROUND-|ROUND1|FLOOR|CEILING|CAST int|CONVERT|CAST bit|CAST text|TRY_CAST|LEN|LEN int|
CHARINDEX|YEAR|MONTH|DAY|GREATEST|LEAST|CAST decimal|TRY_CAST decimal|COALESCE|NULLIF|/ decimal|CAST float|SQRT|LOG|
LOG10|LOG b|LOG NULLIF|LOG CASE|/ CASE|EXP|SQUARE|POWER|LTRIM|RTRIM|TRIM|UPPER|LOWER|LEFT|RIGHT|SUBSTRING|STUFF|
REPLACE|+ text|CONCAT|CONCAT_WS|CAST varchar|CONVERT style|DATENAME|CHOOSE|ISNULL|EOMONTH|DATETRUNC|DATEFROMPARTS|
= text|IN|LIKE|NOT LIKE|ESCAPE|date literal|IS DISTINCT|BETWEEN|quotient
"""
EVERY = frozenset(_EVERY.replace("\n", "").split("|"))
"""Functions that a full proof must have met in an accepted expression."""

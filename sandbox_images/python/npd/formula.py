"""The names in a regression's formula, and a sentence about what the broker will not take. Evaluates nothing."""

import re

from npd.errors import NpdError

TOKEN = re.compile(r"\s*(?:([A-Za-z_]\w*)|(\d+)|([~+:*()|\-]))")
FORM = 'Write "y ~ x + C(group) + x:z | URN": names, C() for categories, + : *, -1, and | before fixed effects.'


def names_in(formula: str) -> list[str]:
    """Outcome first, then each name once."""
    if not isinstance(formula, str):
        raise NpdError(f"A formula is text. {FORM}")
    tokens = _tokens(formula)
    if len(tokens) < 3 or tokens[1] != "~" or tokens.count("~") != 1 or not _is_name(tokens[0]):
        raise NpdError(f"A formula is an outcome, ~, and what explains it. {FORM}")
    bar = tokens.index("|") if "|" in tokens else len(tokens)
    right = [*_terms(tokens[2:bar]), *_absorbed(tokens[bar:])]
    if tokens[0] in right:
        raise NpdError(f"The outcome {tokens[0]!r} also stands on the right of the formula.")
    return [tokens[0], *dict.fromkeys(right)]


def _tokens(formula: str) -> list[str]:
    found, at = [], 0
    text = formula.rstrip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            odd = text[at:].lstrip()
            raise NpdError(f"The formula cannot hold {odd[0]!r}: compute the column in the rows first. {FORM}")
        found.append(match[0].strip())
        at = match.end()
    return found


def _terms(tokens: list[str]) -> list[str]:
    """Names of `a + b:C(c) * d - 1`, checked one token after the other."""
    names, at, expects = [], 0, True
    while at < len(tokens):
        if expects:
            at, found = _factor(tokens, at)
            names += found
        elif tokens[at] == "-" and tokens[at + 1 : at + 2] == ["1"]:
            at += 2
            continue
        elif tokens[at] in "+:*":
            at += 1
        else:
            raise NpdError(f"The formula cannot have {tokens[at]!r} there. {FORM}")
        expects = not expects
    if expects or not names:
        raise NpdError(f"The formula ends too early, or explains by nothing. {FORM}")
    return names


def _absorbed(tokens: list[str]) -> list[str]:
    """`| URN + year`: fixed effects that are taken out and never released."""
    if not tokens:
        return []
    names, signs = tokens[1::2], set(tokens[2::2])
    if not names or signs - {"+"} or len(tokens) % 2 or not all(map(_is_name, names)) or len(names) > 2:
        raise NpdError(f"After | stand one or two columns: | URN + AcademicYear. {FORM}")
    return names


def _factor(tokens: list[str], at: int) -> tuple[int, list[str]]:
    if tokens[at : at + 2] == ["C", "("]:
        if len(tokens) < at + 4 or not _is_name(tokens[at + 2]) or tokens[at + 3] != ")":
            raise NpdError(f"C() takes the name of one column. {FORM}")
        return at + 4, [tokens[at + 2]]
    if tokens[at + 1 : at + 2] == ["("]:
        raise NpdError(f"The formula cannot call {tokens[at]}(): compute the column in the rows first. {FORM}")
    if tokens[at] in ("0", "1"):
        return at + 1, []
    if not _is_name(tokens[at]):
        raise NpdError(f"The formula cannot have {tokens[at]!r} there. {FORM}")
    return at + 1, [tokens[at]]


def _is_name(token: str) -> bool:
    return token[0].isalpha() or token[0] == "_"

"""One variable of a catalogue file. Checks what one line can get wrong by itself; tables are read elsewhere."""

import re

from broker.domain.scalars import Type
from broker.domain.variables import VariableClass
from broker.policy.files.fields import Fields
from broker.policy.files.read import Located
from broker.policy.variables import Codeset, Variable

VARIABLE_KEYS = (
    "name", "type", "class", "dfe", "default", "codeset", "codes", "low", "high", "decimals", "listed", "missing",
    "register", "most", "about",
)  # fmt: skip
STORED = frozenset({Type.INT, Type.FLAG, Type.DECIMAL, Type.TEXT, Type.DATE})
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_IDENTIFIABILITY = re.compile(r"[1-5][A-E]")


def read_variable(node: Located, codesets: dict[str, Codeset]) -> Variable:
    fields = Fields(node, VARIABLE_KEYS)
    codeset = fields.text_or_none("codeset")
    variable = Variable(
        name=fields.text("name"),
        type=fields.choice("type", Type),
        cls=fields.choice("class", VariableClass),
        identifiability=fields.text_or_none("dfe"),
        default_item=fields.flag("default", False),
        codeset=codeset,
        codes=_codes(fields, codesets),
        low=fields.number_or_none("low"),
        high=fields.number_or_none("high"),
        decimals=fields.whole("decimals") if fields.has("decimals") else None,
        missing=fields.flag("missing", True),
        listed=fields.flag("listed", False),
        register_key=fields.text_or_none("register"),
        most=fields.whole("most", least=1) if fields.has("most") else None,
        description=fields.text_or_none("about") or "",
    )
    _check(fields, variable)
    return variable


def _codes(fields: Fields, codesets: dict[str, Codeset]) -> tuple[str, ...] | None:
    if fields.has("codeset") and fields.has("codes"):
        raise fields.wrong("codes", "codes", "A variable has either a codeset or codes of its own.")
    if fields.has("codeset"):
        name = fields.text("codeset")
        if name not in codesets:
            raise fields.wrong("codeset", "unknown-codeset", f"There is no code list {name!r}.")
        return codesets[name].codes
    if not fields.has("codes"):
        return None
    codes = tuple(item.text() for item in fields.words("codes"))
    if not codes or len(set(codes)) != len(codes):
        raise fields.wrong("codes", "codes", "The code list is empty or names a code twice.")
    return codes


def _check(fields: Fields, variable: Variable) -> None:
    name, kind = variable.name, variable.type
    if not _NAME.fullmatch(name):
        raise fields.wrong("name", "variable-name", f"{name!r} is no name of a variable.")
    if kind not in STORED:
        raise fields.wrong("type", "variable-type", f"A stored variable is {', '.join(sorted(STORED))}, not {kind}.")
    if variable.identifiability and not _IDENTIFIABILITY.fullmatch(variable.identifiability):
        raise fields.wrong("dfe", "identifiability", "Identifiability is a digit 1-5 and a letter A-E.")
    if variable.codes is not None and kind is not Type.TEXT:
        raise fields.wrong("type", "codes", "A variable with a code list is text.")
    if (kind is Type.DECIMAL) != (variable.decimals is not None):
        raise fields.wrong("decimals", "decimals", "Decimals belong to variables of type decimal, and to no other.")
    _check_bounds(fields, variable)


def _check_bounds(fields: Fields, variable: Variable) -> None:
    low, high = variable.low, variable.high
    if (low is None) != (high is None):
        raise fields.node.wrong("bounds", "A bound needs its other side: give low and high.")
    if low is None or high is None:
        if variable.listed:
            raise fields.wrong("listed", "bounds", "A listed variable needs low and high.")
        return
    if variable.type not in {Type.INT, Type.DECIMAL}:
        raise fields.wrong("low", "bounds", "Only numbers have bounds.")
    if low > high:
        raise fields.wrong("low", "empty-range", f"The range {low:g}..{high:g} is empty.")
    if variable.type is Type.INT and (low % 1 or high % 1):
        raise fields.wrong("low", "bounds", "The bounds of a whole number are whole.")

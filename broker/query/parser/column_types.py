"""Declared types: of variables, and of the columns of temporary tables that CREATE TABLE, DECLARE and ALTER TABLE
name."""

from collections.abc import Collection
from dataclasses import replace

from sqlglot import exp

from broker.query.diagnostics import BindError
from broker.query.parser.temporary_tables import TempTable, aliased, column_names, quoted_column

WHOLE_NUMBER_RANGES = {
    exp.DType.UTINYINT: (0, 255),
    exp.DType.SMALLINT: (-(2**15), 2**15 - 1),
    exp.DType.INT: (-(2**31), 2**31 - 1),
    exp.DType.BIGINT: (-(2**63), 2**63 - 1),
}
TEXTS = frozenset({exp.DType.VARCHAR, exp.DType.NVARCHAR})
PADDED = frozenset({exp.DType.CHAR, exp.DType.NCHAR})
NEVER_NULL = (exp.NotNullColumnConstraint, exp.PrimaryKeyColumnConstraint)
PLAIN_PROPERTIES = (*NEVER_NULL, exp.UniqueColumnConstraint, exp.CollateColumnConstraint)
"""Properties of a column that change no value."""
MONEY = frozenset({exp.DType.MONEY, exp.DType.SMALLMONEY})
AS_DATES = frozenset({exp.DType.DATETIME, exp.DType.DATETIME2, exp.DType.SMALLDATETIME})
"""Types with a time of day, which no date of the catalogue has."""
KNOWN_TYPES = (
    frozenset(WHOLE_NUMBER_RANGES)
    | TEXTS
    | PADDED
    | {exp.DType.BIT, exp.DType.DECIMAL, exp.DType.FLOAT, exp.DType.DATE}
    | {exp.DType.TEXT, exp.DType.DOUBLE, exp.DType.BOOLEAN}
)


def declared_type(kind: exp.Expr | None, words: Collection[str], node: exp.Expr) -> exp.DataType:
    """Return the type of a declaration. A text type without a length has one character. `words` are those of the
    statement: the parser reads `real` as `float`, which has twice as many digits. Raises BindError for an unsupported
    type."""
    if isinstance(kind, exp.DataType) and kind.this in AS_DATES:
        return exp.DataType(this=exp.DType.DATE, nested=False)
    if isinstance(kind, exp.DataType) and kind.this in MONEY:
        sizes = [exp.DataTypeParam(this=exp.Literal.number(n)) for n in (19, 4)]
        return exp.DataType(this=exp.DType.DECIMAL, expressions=sizes, nested=False)
    if not isinstance(kind, exp.DataType) or kind.this not in KNOWN_TYPES or "real" in words or kind.args.get("nested"):
        advice = "Use a whole number, decimal, float (DOUBLE in DuckDB), text or date."
        raise BindError("type", "This type is not understood in a declaration.", advice, node)
    if kind.this in TEXTS | PADDED and not kind.expressions:
        one = exp.DataTypeParam(this=exp.Literal.number(1))
        return exp.DataType(this=kind.this, expressions=[one], nested=False)
    return kind


def converted(value: exp.Expr, kind: exp.DataType) -> exp.Expr:
    """Cast a value to a type. A literal that fits the type stays unchanged."""
    return value if _fits_type(value, kind) else exp.Cast(this=value, to=kind.copy())


def inserted_value(column: exp.Expr, kind: exp.DataType) -> exp.Expr:
    """A column as INSERT stores it in a column of that type. Unlike CAST, INSERT never cuts a text: it would fail."""
    found = converted(column, kind)
    if kind.this in TEXTS | PADDED | {exp.DType.TEXT}:
        found.meta["uncut"] = True
    return found


def _fits_type(value: exp.Expr, kind: exp.DataType) -> bool:
    if isinstance(value, exp.Literal) and value.is_string and kind.this is exp.DType.TEXT:
        return True
    if isinstance(value, exp.Literal) and value.is_string and kind.this in TEXTS:
        size = kind.expressions[0].name
        return size.lower() == "max" or (size.isdigit() and len(value.name) <= int(size))
    sign, literal = (-1, value.this) if isinstance(value, exp.Neg) else (1, value)
    if not isinstance(literal, exp.Literal) or not literal.is_int or kind.this not in WHOLE_NUMBER_RANGES:
        return False
    low, high = WHOLE_NUMBER_RANGES[kind.this]
    return low <= sign * int(literal.name) <= high


def created_table(tree: exp.Create, name: str, words: Collection[str]) -> TempTable:
    """Read CREATE TABLE #t (columns), or CREATE TEMP TABLE t (columns)."""
    schema = tree.this
    if not isinstance(schema, exp.Schema) or tree.args.get("exists") or tree.args.get("expression"):
        raise BindError(
            "statement", "This CREATE TABLE is not understood.", "Write CREATE TABLE #t (name type, …).", tree
        )
    return declared_table(schema, name, words)


def declared_table(schema: exp.Schema, name: str, words: Collection[str]) -> TempTable:
    """A table with declared columns. It has no rows until something is inserted."""
    types: dict[str, exp.DataType] = {}
    needed = set()
    for item in schema.expressions:
        if isinstance(item, exp.PrimaryKey | exp.Constraint | exp.UniqueColumnConstraint):
            _check_constraint(item)
            continue
        kinds = [c.kind for c in item.args.get("constraints") or ()] if isinstance(item, exp.ColumnDef) else [item]
        for kind in kinds:
            if not isinstance(kind, PLAIN_PROPERTIES):
                message = "This property of a column is not understood."
                raise BindError("column-property", message, "Write name type [NOT NULL] only.", item)
        if item.name.casefold() in (n.casefold() for n in types):
            raise BindError("duplicate-column", "Two columns have the same name.", "Rename one.", item)
        types[item.name] = declared_type(item.kind, words, item)
        if any(isinstance(k, NEVER_NULL) and not k.args.get("allow_null") for k in kinds):
            needed.add(item.name.casefold())
    return TempTable(name, None, tuple(types), types, frozenset(needed))


def _check_constraint(item: exp.Expr) -> None:
    parts = item.expressions if isinstance(item, exp.Constraint) else [item]
    if not all(isinstance(p, exp.PrimaryKey | exp.UniqueColumnConstraint) for p in parts):
        raise BindError("column-property", "This constraint is not understood.", "Remove it.", item)


def altered_table(tree: exp.Alter, temp: TempTable, words: Collection[str]) -> tuple[TempTable, list[exp.Expr]]:
    """The table that ALTER TABLE #t makes, and its columns as expressions over the old ones."""
    types = dict(temp.types)
    columns: dict[str, exp.Expr] = {n: quoted_column(n) for n in column_names(temp, tree)}
    folded = {n.casefold(): n for n in columns}
    for action in tree.args["actions"]:
        match action:
            case exp.ColumnDef():
                if action.name.casefold() in folded:
                    raise BindError("duplicate-column", "The table has this column already.", "Rename it.", action)
                types[action.name] = declared_type(action.kind, words, action)
                columns[action.name] = exp.Cast(this=exp.Null(), to=types[action.name].copy())
            case exp.AlterColumn(this=named) if action.args.get("dtype") and named.name.casefold() in folded:
                name = folded[named.name.casefold()]
                types[name] = declared_type(action.args["dtype"], words, action)
                columns[name] = exp.Cast(this=columns[name], to=types[name].copy())
            case exp.Drop() if action.args.get("kind") == "COLUMN":
                for named in action.args["tables"]:
                    columns.pop(folded.get(named.name.casefold(), ""), None)
                    types.pop(folded.get(named.name.casefold(), ""), None)
            case exp.AddConstraint(expressions=constraints):
                for constraint in constraints:
                    _check_constraint(constraint)
            case _:
                message = "This ALTER TABLE is not understood."
                raise BindError("statement", message, "Write ALTER TABLE #t ADD name type.", action)
    return replace(temp, columns=tuple(columns), types=types), [aliased(e, n) for n, e in columns.items()]

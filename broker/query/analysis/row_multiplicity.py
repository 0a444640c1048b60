"""Row multiplicity: whether conditions, joins or written rows decide how often a person's rows are counted."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from broker.domain.plans import operators as ops, scalars
from broker.domain.plans.substitution import substitute
from broker.domain.plans.variable_uses import Years
from broker.query.analysis.aggregate_arguments import is_linear_value
from broker.query.analysis.public_joins import Conjunct, joined_without_key, scans_within
from broker.query.analysis.self_joins import matches_written_rows, max_self_joins, read_through, row_parts
from broker.query.symbols import ColumnOrigin, SymbolTable

PUBLIC_JOIN = "A public table is not joined on its unique key, so rows are counted several times."
WRITTEN_ROWS = "A condition matches several written rows at once, so rows are counted several times."
SELF_JOINS = "A table is joined with itself so often that a person with many rows counts too much."
APPLY_ROWS = "APPLY turns one row into several."
CHOSEN_ROWS = "Conditions on some rows of a person decide how many of their other rows are counted."

MAX_SELF_JOINS = 2
"""Most self-joins of one table on the rows of one person."""

RANKS = frozenset({"row_number", "rank", "dense_rank", "percent_rank", "cumulative_share", "ntile"})


def multiplicity_reason(
    relation: ops.Relation, values: Sequence[scalars.Scalar], symbols: SymbolTable, years: Mapping[int, Years | None]
) -> str | None:
    """Why a checker must review how rows multiply. None if each public row is joined by its unique key, and each
    condition over several rows of a person is an equality of variables or reads years only. `values`: the keys and the
    arguments of the statistics, in which a CASE can decide which rows count. `years`: those of each scan; where it is
    one, it is a constant."""
    conjuncts = list(_conjuncts(relation, symbols))
    choices = [c for value in values for c in choices_in(symbols.expanded(value))]
    scans = frozenset(scans_within(relation, symbols))
    # Public rows alone are those of a subquery, which its conditions join with a row outside.
    joined = _is_joined(relation) or not any(map(symbols.is_person, scans))
    if joined and joined_without_key(scans, conjuncts, symbols):
        return PUBLIC_JOIN
    parts = list(row_parts(relation, symbols))
    kept = [c for c, _ in conjuncts]
    if any(matches_written_rows(parts, [*kept, *choice], symbols) for choice in ([], *([c] for c in choices))):
        return WRITTEN_ROWS
    if max_self_joins(relation, [c for c, _ in conjuncts], symbols) > MAX_SELF_JOINS:
        return SELF_JOINS
    decided = [*conjuncts, *((c, None) for c in choices)]
    if any(isinstance(p, ops.Join) and p.lateral and not _is_even_apply(p.right, decided, symbols) for p in parts):
        return APPLY_ROWS
    # a computed key would choose which rows of a person are combined
    if any(isinstance(p, ops.Aggregate) and not all(is_linear_value(k, symbols) for _, k in p.keys) for p in parts):
        return CHOSEN_ROWS
    if (
        any(_chooses_rows(c, symbols, years) for c, _ in conjuncts)
        or any(_mixes_years(c, symbols, years) for c in choices)
        or _mixes_ranks(parts, [*kept, *choices], symbols)
        or _chooses_outer_rows(relation, symbols, years)
        or _is_read_twice(relation, symbols)
        or _repeats_variable(parts, [*kept, *map(symbols.expanded, values)], symbols)
    ):
        return CHOSEN_ROWS
    return None


def choices_in(value: scalars.Scalar) -> Iterator[scalars.Scalar]:
    """The conditions by which a value decides whether a row counts, and whether it is missing. The branches of a CASE
    are alternatives, so its conditions are one choice, unless it has one branch and is 0 or NULL elsewhere: then each
    conjunct is one."""
    match value:
        case scalars.Case(whens=((condition, inner),), otherwise=scalars.Literal(value=0 | None)):
            yield from scalars.conjuncts_of(condition)
            yield from choices_in(inner)
        case scalars.Case():
            yield scalars.truth_call("or", *case_conditions(value))
        case scalars.Call(op=op, args=args):
            if op == "coalesce":
                yield scalars.truth_call("or", *(scalars.truth_call("is_null", a) for a in args))
            elif op == "nullif":
                yield scalars.truth_call("equal", *args)
            for arg in args:
                yield from choices_in(arg)


def case_conditions(value: scalars.Scalar) -> Iterator[scalars.Scalar]:
    """Every condition of every CASE inside a scalar."""
    match value:
        case scalars.Case(whens=whens, otherwise=otherwise):
            for condition, inner in whens:
                yield condition
                yield from case_conditions(inner)
            yield from case_conditions(otherwise)
        case scalars.Call(args=args):
            for arg in args:
                yield from case_conditions(arg)


def _mixes_years(choice: scalars.Scalar, symbols: SymbolTable, years: Mapping[int, Years | None]) -> bool:
    """Whether a choice reads years and something else, so that a person can count with more of their years."""
    read = [symbols.origins[i] for i in symbols.base(choice)]
    is_of_years = any(_is_open_year(origin, years) for origin in read)
    return is_of_years and (not all(origin.is_year for origin in read) or _reads_answer(choice, symbols))


def _is_open_year(origin: ColumnOrigin, years: Mapping[int, Years | None]) -> bool:
    """Whether a column is a year of which there are several."""
    return origin.is_year and not _is_of_one_year(origin.scan, years)


def _is_of_one_year(scan: int, years: Mapping[int, Years | None]) -> bool:
    found = years.get(scan)
    return found is not None and len(found) == 1


def _mixes_ranks(parts: Sequence[ops.Relation], conditions: Sequence[scalars.Scalar], symbols: SymbolTable) -> bool:
    """Whether a condition reads the number of a row among its person's rows, and something else: then one person can
    count with one row, and another with all of theirs."""
    windows = [w for part in parts if isinstance(part, ops.Window) for w in part.columns]
    ranks = {w.ident for w in windows if w.function.op in RANKS}
    others = {w.ident for w in windows} - ranks
    read = [read_through(c, symbols) for c in conditions]
    return any(found & ranks and found - ranks - others for found in read)


def _is_even_apply(right: ops.Relation, conjuncts: list[Conjunct], symbols: SymbolTable) -> bool:
    """Whether an APPLY multiplies rows evenly. It gives at most one row, the rows that a join on the key gives, or the
    same rows to everybody: written values and plain variables that no condition ties to the person's other values."""
    part = right
    while isinstance(part, ops.Filter | ops.Project):
        part = part.child
    if isinstance(part, ops.Limit):
        return part.count == 1  # one row multiplies nothing
    if isinstance(part, ops.Aggregate):
        return not part.keys  # without keys, an aggregation gives one row
    scans, inside = list(scans_within(right, symbols)), list(_conjuncts(right, symbols))
    if scans and not any(symbols.is_person(s) for s in scans):
        return not joined_without_key(frozenset(scans), inside, symbols)
    if scans:
        return not any(_is_choice(c, symbols) for c, _ in inside)
    made = [(i, s) for p in ops.walk(right) if isinstance(p, ops.Project) for i, s in p.columns]
    if any(isinstance(p, ops.Filter) for p in ops.walk(right)) or not all(is_linear_value(s, symbols) for _, s in made):
        return False
    mine = {i for i, _ in made} | {i for p in ops.walk(right) if isinstance(p, ops.Union) for i, _ in p.columns}
    # no condition may mix these columns with others
    read = [read_through(c, symbols) for c, _ in conjuncts]
    return all(not found & mine or found <= mine for found in read)


def _chooses_outer_rows(relation: ops.Relation, symbols: SymbolTable, years: Mapping[int, Years | None]) -> bool:
    """Whether a condition other than keys and years chooses the rows of an outer side. Such a condition decides how
    often the rows of the other side count, unless each finds one row at most."""
    for part in row_parts(relation, symbols):
        if isinstance(part, ops.Join) and part.how in {ops.JoinHow.LEFT, ops.JoinHow.FULL}:
            if part.how is ops.JoinHow.LEFT and _finds_one(part, symbols, years):
                continue
            sides = (part.right,) if part.how is ops.JoinHow.LEFT else (part.left, part.right)
            conditions = [c for side in sides for c, _ in _conjuncts(side, symbols)]
            conditions += scalars.conjuncts_of(part.on)
            if any(symbols.is_person(s) for side in sides for s in scans_within(side, symbols)) and any(
                _is_choice(c, symbols) for c in conditions
            ):
                return True
    return False


def _finds_one(join: ops.Join[ops.Relation], symbols: SymbolTable, years: Mapping[int, Years | None]) -> bool:
    """Whether a row finds one row at most on the right side of a join: what is applied to it gives one, or the side is
    one table of which a person has one row, and the join is by the key."""
    right = join.right
    while isinstance(right, ops.Filter | ops.Project):
        right = right.child
    if join.lateral:
        return (isinstance(right, ops.Limit) and right.count == 1) or (
            isinstance(right, ops.Aggregate) and not right.keys
        )
    if not isinstance(right, ops.Scan) or right.person is None or not symbols.is_person(right.person):
        return False
    scan = right.person
    is_single = symbols.tables[scan].max_rows_per_unit_year == 1 and _is_of_one_year(scan, years)
    return is_single and any(_is_key_of(c, scan, symbols) for c in scalars.conjuncts_of(join.on))


def _is_key_of(condition: scalars.Scalar, scan: int, symbols: SymbolTable) -> bool:
    """Whether a condition asks for the rows of a scan that have one link key."""
    match condition:
        case scalars.Call(op="equal" | "equal_text", args=(scalars.ColumnRef() as left, scalars.ColumnRef() as right)):
            for own, other in ((left, right), (right, left)):
                origin = symbols.origin(own)
                if origin is not None and origin.scan == scan and origin.variable.name == origin.table.link_key:
                    return symbols.key_domain(other.ident) is not None and scan not in symbols.scans_of(other.ident)
    return False


def _is_choice(condition: scalars.Scalar, symbols: SymbolTable) -> bool:
    """Whether a condition reads more than years and equal keys. Results of subqueries and aggregates have no variable
    behind them, and still count as a choice."""
    match condition:
        case scalars.Call(op="equal", args=(scalars.ColumnRef() as left, scalars.ColumnRef() as right)) if (
            _identifies_person(left, symbols)
        ):
            return not _identifies_person(right, symbols)
        case scalars.Call(op="not", args=(scalars.Call(op="is_null", args=(scalars.ColumnRef() as inner,)),)) if (
            _identifies_person(inner, symbols)
        ):
            return False
    return not all(symbols.origins[i].is_year for i in symbols.base(condition)) or _reads_answer(condition, symbols)


def _identifies_person(column: scalars.ColumnRef, symbols: SymbolTable) -> bool:
    """Whether a column is a link key or a person number."""
    known = (symbols.origins, symbols.definitions, symbols.opaque)
    return symbols.key_domain(column.ident) is not None or not any(column.ident in k for k in known)


def _is_read_twice(relation: ops.Relation, symbols: SymbolTable) -> bool:
    """Whether two branches of a UNION read one table, or choose the rows of two tables by different conditions. A
    condition can then decide whether a row counts twice, or a person, below an aggregation."""
    for part in row_parts(relation, symbols):
        if isinstance(part, ops.Union):
            scans = [{s.person or 0 for s in ops.walk(p) if isinstance(s, ops.Scan)} for p in part.parts]
            tables = [{symbols.tables[s].full_name for s in found if symbols.is_person(s)} for found in scans]
            # UNPIVOT tests another variable in each branch, so its branches do not overlap.
            present = [{v for c in conditions_within(p) if (v := _present_variable(c, symbols))} for p in part.parts]
            twice = len(set().union(*present)) < sum(map(len, present))
            chooses = any(
                _is_choice(c, symbols) and (twice or not _present_variable(c, symbols))
                for p in part.parts
                for c in conditions_within(p)
            )
            choices = {
                frozenset(_choice_texts(p, symbols)) for p, names in zip(part.parts, tables, strict=True) if names
            }
            overlap = len(set().union(*tables)) < sum(map(len, tables))
            if chooses and (len(choices) > 1 or overlap):
                return True
    return False


def _repeats_variable(parts: Sequence[ops.Relation], read_by: Sequence[scalars.Scalar], symbols: SymbolTable) -> bool:
    """Whether made rows hold one variable several times in a column that also has other values, and that something
    reads. The variable then decides how many of a person's rows count."""
    read = frozenset().union(*(read_through(s, symbols) for s in read_by))
    made = [
        p
        for part in parts
        for p in (part, *(ops.walk(part.right) if isinstance(part, ops.Join) and part.lateral else ()))
    ]
    for union in made:
        if isinstance(union, ops.Union):
            years = [frozenset(_year_texts(part, symbols)) for part in union.parts]
            for idents in (idents for ident, idents in union.columns if ident in read):
                held = [(_names_in(i, symbols), y) for i, y in zip(idents, years, strict=True)]
                times = Counter((name, y) for names, y in held for name in names)
                if len({names for names, _ in held}) > 1 and any(n > 1 for n in times.values()):
                    return True
    return False


def _names_in(ident: int, symbols: SymbolTable) -> frozenset[str]:
    """The names of a column's variables, without their tables: several tables have the same variable."""
    return frozenset(v.rpartition(".")[2] for v in variables_of(ident, symbols))


def variables_of(ident: int, symbols: SymbolTable) -> Iterator[str]:
    """The variables of persons that a column holds, without years and link keys."""
    for origin in (symbols.origins[i] for i in symbols.base(scalars.ColumnRef(ident, scalars.ScalarType.NULL))):
        if symbols.is_person(origin.scan) and not origin.is_year and origin.key_domain is None:
            yield origin.full_name


def _year_texts(relation: ops.Relation, symbols: SymbolTable) -> Iterator[str]:
    yield from (text_by_names(c, symbols) for c in conditions_within(relation) if not _is_choice(c, symbols))


def _choice_texts(relation: ops.Relation, symbols: SymbolTable) -> Iterator[str]:
    """The conditions that choose rows, with the names of variables for their columns."""
    for condition in conditions_within(relation):
        if _is_choice(condition, symbols) and not _present_variable(condition, symbols):
            yield text_by_names(condition, symbols)


def text_by_names(condition: scalars.Scalar, symbols: SymbolTable) -> str:
    return scalars.scalar_text(
        substitute(symbols.expanded(condition), lambda c: scalars.Literal(_name(c, symbols), c.type))
    )


def _name(column: scalars.ColumnRef, symbols: SymbolTable) -> str:
    return " ".join(sorted(symbols.origins[i].variable.name for i in symbols.base(column)))


def _present_variable(condition: scalars.Scalar, symbols: SymbolTable) -> str:
    """Variable of `x IS NOT NULL`, or "". UNPIVOT writes one such test in each branch, each of another variable."""
    match condition:
        case scalars.Call(op="not", args=(scalars.Call(op="is_null", args=(scalars.ColumnRef(ident=ident),)),)) if (
            ident in symbols.origins
        ):
            return symbols.origins[ident].full_name
    return ""


def conditions_within(relation: ops.Relation) -> Iterator[scalars.Scalar]:
    """Every condition of a relation and of all its descendants."""
    for part in ops.walk(relation):
        if isinstance(part, ops.Filter):
            yield from scalars.conjuncts_of(part.predicate)
        elif isinstance(part, ops.Join):
            yield from scalars.conjuncts_of(part.on)


def _conjuncts(relation: ops.Relation, symbols: SymbolTable) -> Iterator[Conjunct]:
    for part in row_parts(relation, symbols):
        match part:
            case ops.Filter(predicate=predicate):
                yield from ((c, None) for c in scalars.conjuncts_of(predicate))
            case ops.Join(left=left, right=right, how=how, on=on):
                outer = how is ops.JoinHow.LEFT and any(symbols.is_person(s) for s in scans_within(left, symbols))
                # The ON of a LEFT JOIN restricts the right side only.
                matched = frozenset(scans_within(right, symbols)) if outer else None
                yield from ((c, matched) for c in scalars.conjuncts_of(on))


def _is_joined(relation: ops.Relation) -> bool:
    match relation:
        case ops.Filter(child=child) | ops.Project(child=child) | ops.Window(child=child) | ops.Apply(child=child):
            return _is_joined(child)
        case ops.Union(parts=parts):
            return any(map(_is_joined, parts))
    return isinstance(relation, ops.Join)


def _chooses_rows(condition: scalars.Scalar, symbols: SymbolTable, years: Mapping[int, Years | None]) -> bool:
    """Whether a condition decides, by more than plain equality and years, which rows of a person are joined."""
    origins = [symbols.origins[i] for i in symbols.base(condition)]
    people = _person_rows_read(condition, symbols)
    only_years = all(o.is_year for o in origins) and not _reads_answer(condition, symbols)
    mixed = any(_is_open_year(o, years) for o in origins) and not only_years
    if people > 1:
        return not (_is_equality(condition, symbols) or only_years)
    return bool(people) and mixed and len(symbols.tables) > 1


def _reads_answer(condition: scalars.Scalar, symbols: SymbolTable) -> bool:
    """Whether a condition reads the result of a subquery or an aggregate, which has no variable behind it."""
    found = [symbols.opaque[i] for i in read_through(condition, symbols) if i in symbols.opaque]
    return any(not o.base and o.key_domain is None for o in found)


def _person_rows_read(condition: scalars.Scalar, symbols: SymbolTable) -> int:
    """How many different rows of persons a condition reads. A column of a set operation or an aggregation belongs to
    one row, whatever it is computed from."""
    found: list[frozenset[int]] = []
    for ident in scalars.column_ids(condition):
        inner = symbols.definitions.get(ident)
        if inner is not None and symbols.source_rows[ident].scans.isdisjoint(symbols.tables):
            found += [symbols.scans_of(i) for i in scalars.column_ids(inner)]
        else:
            found.append(symbols.scans_of(ident))
    rows: list[frozenset[int]] = []
    for scans in found:
        if any(s in symbols.tables and symbols.is_person(s) for s in scans):
            # Columns that share a scan are of the same row, so their groups are merged.
            rows = [r for r in rows if not r & scans] + [scans.union(*(r for r in rows if r & scans))]
    return len(rows)


def _is_equality(condition: scalars.Scalar, symbols: SymbolTable) -> bool:
    match condition:
        case scalars.Call(op="equal" | "equal_text", args=(scalars.ColumnRef() as left, scalars.ColumnRef() as right)):
            return all(c.ident in symbols.origins or symbols.key_domain(c.ident) is not None for c in (left, right))
    return False

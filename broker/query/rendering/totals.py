"""What is asked of the persons' totals in one cell, as DuckDB aggregates over one row a person. No tables, no plans."""


def second_text(size: str) -> str:
    """The second largest of sizes; nothing where there is one person only, in the type of the sizes."""
    return f"coalesce(list_extract(MAX({size}, 2), 2), MAX({size}) - MAX({size}))"


def others_text(total: str, least: int) -> str:
    """Persons whose total is not the most common one: exact below `least`, else a lower bound.

    Of a few totals all are looked at. Of more, one that all but fewer than `least` have stands at both places `least`
    from the ends, and the rest beyond them.
    """
    count, wide = f"COUNT({total})", 2 * least
    low, high = f"MIN({total}, {wide})", f"MAX({total}, {wide})"
    few = _unlike(low, f"list_aggregate({low}, 'mode')")
    ends = " + ".join(_unlike(f"{side}[1:{least}]", f"list_extract({side}, {least})") for side in (low, high))
    return (
        f"(CASE WHEN {count} = 0 THEN NULL "
        f"WHEN {count} <= {wide} THEN {few} "
        f"WHEN list_extract({low}, {least}) = list_extract({high}, {least}) THEN {ends} ELSE {least} END)"
    )


def _unlike(values: str, value: str) -> str:
    return f"len(list_filter({values}, lambda x: x <> {value}))"

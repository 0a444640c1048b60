"""A DuckDB that opens the job's files and nothing else, for images of trusted code. The settings are the broker's."""

import narrowing

PERFECT_BITS = 18
"""Groups by small whole numbers are found by place and not by hash, if they have no more bits together than these."""


def harden(connection, settings: dict, files: list[str]) -> None:
    """The order matters: access is closed after its exceptions are named, and the lock comes last."""
    allowed = "[" + ", ".join(literal(path) for path in files) + "]"
    memory = settings["memory_bytes"] * 3 // 4
    for setting in (
        "autoinstall_known_extensions=false",
        "autoload_known_extensions=false",
        "allow_community_extensions=false",
        "allow_persistent_secrets=false",
        "python_enable_replacements=false",
        "ieee_floating_point_ops=false",
        "temp_directory=''",
        f"threads={int(settings['threads'])}",
        f"memory_limit='{memory}B'",
        f"perfect_ht_threshold={PERFECT_BITS}",
        f"max_execution_time={int(settings['wall_seconds']) * 1000}",
        f"allowed_paths={allowed}",
        "enable_external_access=false",
        "lock_configuration=true",
    ):
        connection.execute("SET " + setting)


def views(connection, tables: list[dict]) -> None:
    for table in tables:
        schema, name = quoted(table["schema"]), quoted(table["name"])
        files = ", ".join(literal(path) for path in narrowing.sources(table))
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        connection.execute(f"CREATE VIEW {schema}.{name} AS SELECT * FROM read_parquet([{files}], union_by_name=true)")


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"

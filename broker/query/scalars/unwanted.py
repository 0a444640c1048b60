"""Functions that will never be on the list, by what is wrong with them: the clock, chance, sessions, hashes, formats.
Names and sentences only; what is allowed stands in `functions`."""

from sqlglot import exp

Words = tuple[str, str, str]
CLOCK = ("clock", "{} reads the clock: a job must mean the same whenever it runs.", "Write the date: '2018-09-01'.")
CHANCE = ("random", "{} gives another value at each run, so nobody could check the result.", "Leave it out.")
SESSION = (
    "session",
    "{} tells about the server, its session or its files, which a job must not depend on.",
    "Leave it out: a job reads the tables of the catalogue only.",
)
HASH = ("hash", "{} turns a value into another that can be guessed back.", "Group by the variable itself.")
FORMAT = (
    "formatting",
    "{} writes or reads text in ways that depend on the server's language.",
    "Release the number itself; for dates write CONVERT(varchar(10), d, 120), DATENAME or DATEPART.",
)
CODES = ("function", "{} is not on the list of functions.", "Compare codes with IN (…) or LIKE.")

_CLASSES: dict[Words, tuple[str, ...]] = {
    CLOCK: ("CurrentTimestamp", "CurrentTimestampLTZ", "CurrentDate", "CurrentDatetime", "CurrentTime", "Localtime",
            "Localtimestamp", "CurrentTimezone", "UtcDate", "UtcTime", "UtcTimestamp", "Systimestamp"),
    CHANCE: ("Rand", "Randn", "Randstr", "Uuid", "Uniform", "Zipf"),
    SESSION: ("CurrentUser", "SessionUser", "CurrentVersion", "CurrentSchema", "CurrentDatabase", "CurrentCatalog",
              "CurrentRole", "SessionParameter", "NextValueFor"),
    HASH: ("MD5", "MD5Digest", "SHA", "SHA1Digest", "SHA2", "SHA2Digest", "StandardHash", "FarmFingerprint"),
    FORMAT: ("NumberToStr", "TimeToStr", "Format", "StrToTime", "StrToDate", "ToChar", "ToNumber", "DateToDateStr"),
}  # fmt: skip
_NAMES: dict[Words, str] = {
    CLOCK: "NOW GETUTCDATE SYSUTCDATETIME SYSDATETIMEOFFSET CURRENT_TIMEZONE TRANSACTION_TIMESTAMP AGE "
    "GET_CURRENT_TIME CURRENT_LOCALTIME CURRENT_LOCALTIMESTAMP CLOCK_TIMESTAMP TODAY",
    CHANCE: "NEWSEQUENTIALID CRYPT_GEN_RANDOM SETSEED UUIDV4 UUIDV7 GEN_RANDOM_UUID NEXTVAL CURRVAL",
    SESSION: "DB_NAME DB_ID HOST_NAME HOST_ID APP_NAME SUSER_SNAME SUSER_ID USER_NAME USER_ID ORIGINAL_LOGIN OBJECT_ID "
    "OBJECT_NAME OBJECT_DEFINITION SCHEMA_NAME COL_NAME COL_LENGTH SERVERPROPERTY CONNECTIONPROPERTY SESSIONPROPERTY "
    "SESSION_CONTEXT CONTEXT_INFO HAS_PERMS_BY_NAME IS_MEMBER IS_SRVROLEMEMBER ERROR_MESSAGE ERROR_NUMBER "
    "CURRENT_SETTING GETENV READ_TEXT READ_BLOB GLOB PRAGMA_VERSION TXID_CURRENT CURRENT_QUERY GETVARIABLE "
    "IN_SEARCH_PATH CURRENT_SCHEMAS CURRENT_CONNECTION_ID CURRENT_QUERY_ID CURRENT_TRANSACTION_ID TYPEOF",
    HASH: "CHECKSUM BINARY_CHECKSUM CHECKSUM_AGG HASH MD5_NUMBER MD5_NUMBER_LOWER MD5_NUMBER_UPPER SHA1 SHA256 SHA512 "
    "SOUNDEX DIFFERENCE",
    FORMAT: "STR ISNUMERIC ISDATE PARSE TRY_PARSE PRINTF FORMATMESSAGE STRPTIME TRY_STRPTIME QUOTENAME",
    CODES: "PATINDEX REPLICATE SPACE TRANSLATE UNICODE ASCII CHAR NCHAR",
}
_BY_CLASS = {getattr(exp, name): words for words, names in _CLASSES.items() for name in names if hasattr(exp, name)}
_BY_NAME = {name: words for words, names in _NAMES.items() for name in names.split()}


def named(node: exp.Expr) -> Words | None:
    """The refusal of a function that has one of its own."""
    if isinstance(node, exp.Anonymous):
        return _BY_NAME.get(node.name.upper())
    return _BY_CLASS.get(type(node))

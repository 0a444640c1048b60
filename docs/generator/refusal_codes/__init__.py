"""Every code that a refusal of a submission can have, in one table. A test holds it equal to the source."""

from docs.generator.refusal_codes.batches import BATCHES
from docs.generator.refusal_codes.grants import GRANTS
from docs.generator.refusal_codes.names import NAMES
from docs.generator.refusal_codes.privacy import LEDGER, PRIVACY
from docs.generator.refusal_codes.refusal_code import RefusalCode
from docs.generator.refusal_codes.scripts import MICRODATA, SCRIPTS
from docs.generator.refusal_codes.shapes import SHAPES
from docs.generator.refusal_codes.statements import STATEMENTS
from docs.generator.refusal_codes.statistics import STATISTICS
from docs.generator.refusal_codes.values import VALUES

SECTIONS: dict[str, tuple[RefusalCode, ...]] = {
    "What a project may use": GRANTS,
    "Names of tables and columns": NAMES,
    "The text and its statements": STATEMENTS,
    "Variables, temporary tables and outputs": BATCHES,
    "Subqueries, windows, sets and levels": SHAPES,
    "What may be released": STATISTICS,
    "Values and functions": VALUES,
    "Private questions": PRIVACY,
    "Privacy budgets": LEDGER,
    "Python scripts": SCRIPTS,
    "Outputs of a script": MICRODATA,
}
CODES: dict[str, RefusalCode] = {c.code: c for codes in SECTIONS.values() for c in codes}

__all__ = ["CODES", "SECTIONS", "RefusalCode"]

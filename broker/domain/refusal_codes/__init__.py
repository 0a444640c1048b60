"""Every code that a refusal of a submission can have, in one table. A test holds it equal to the source."""

from broker.domain.refusal_codes.batches import BATCHES
from broker.domain.refusal_codes.code import Code
from broker.domain.refusal_codes.grants import GRANTS
from broker.domain.refusal_codes.names import NAMES
from broker.domain.refusal_codes.privacy import LEDGER, PRIVACY
from broker.domain.refusal_codes.scripts import HANDED, SCRIPTS
from broker.domain.refusal_codes.shapes import SHAPES
from broker.domain.refusal_codes.statements import STATEMENTS
from broker.domain.refusal_codes.statistics import STATISTICS
from broker.domain.refusal_codes.values import VALUES

SECTIONS: dict[str, tuple[Code, ...]] = {
    "What a project may use": GRANTS,
    "Names of tables and columns": NAMES,
    "The text and its statements": STATEMENTS,
    "Variables, temporary tables and outputs": BATCHES,
    "Subqueries, windows, sets and levels": SHAPES,
    "What may be released": STATISTICS,
    "Values and functions": VALUES,
    "Private questions": PRIVACY,
    "What is left to spend": LEDGER,
    "Python scripts": SCRIPTS,
    "What a script hands over": HANDED,
}
CODES: dict[str, Code] = {c.code: c for codes in SECTIONS.values() for c in codes}

__all__ = ["CODES", "SECTIONS", "Code"]

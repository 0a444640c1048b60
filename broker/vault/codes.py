"""Numbers of codes beside texts in a vault's evidence rendering: they group faster. Pure; touches no file."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from broker.domain.proofs import Proofs
from broker.domain.scalars import Type
from broker.policy.variables import Variable
from broker.vault.duck import name, texts
from broker.vault.shares import Share, is_pseudonymous

PREFIX = "__c_"
MOST = 255
"""Numbers have one byte."""


def coded(share: Share) -> Mapping[str, tuple[str, ...]]:
    """The share's text variables with a list of codes, each with its codes in the order of texts. Ingest has refused
    every value outside the list."""
    return {v.name: _codes(v) for v in share.variables if _is_coded(share, v)}


def _is_coded(share: Share, variable: Variable) -> bool:
    return (
        variable.type is Type.TEXT and 0 < len(_codes(variable)) <= MOST and not is_pseudonymous(share.table, variable)
    )


def _codes(variable: Variable) -> tuple[str, ...]:
    return tuple(sorted(set(variable.codes or ())))


def code_columns(share: Share) -> list[tuple[str, str]]:
    """(name, DuckDB type) of the numbers' columns."""
    return [(PREFIX + variable, "UTINYINT") for variable in coded(share)]


def code_texts(share: Share) -> list[str]:
    """SQL of the columns, over the granted ones. A text that is no code is an error: the number would be another's."""
    return [
        f"enum_code({name(variable)}::ENUM ({texts(codes)}))::UTINYINT AS {name(PREFIX + variable)}"
        for variable, codes in coded(share).items()
    ]


def with_codes(proofs: Proofs, shares: Sequence[Share]) -> Proofs:
    """The proofs with what the numbers stand for."""
    known = {s.table.full_name: coded(s) for s in shares}
    return {table: {y: replace(p, codes=known[table]) for y, p in years.items()} for table, years in proofs.items()}

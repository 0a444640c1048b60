"""From planned keys to dimensions: by a code list, a public register or a size, or why there is none. Reads no data."""

from broker.domain.errors import Refusal
from broker.domain.plans import Key
from broker.privacy.asking.given import Given
from broker.privacy.tables import Dimension
from broker.query.bounding.sizes import Sizes


def dimension(shown: str, key: Key, given: Given, sizes: Sizes) -> Dimension:
    """`shown`: its name in the output, where it is no variable."""
    name = key.variable.rpartition(".")[2] if key.variable else shown
    if key.domain is not None:
        return Dimension(name, key.domain)
    if key.variable is None or key.variable not in given.registers:
        return Dimension(name, None, sizes.of(key.expression))
    return Dimension(name, tuple(dict.fromkeys(given.registers[key.variable])), _most_listed(key.variable, given))


def _most_listed(variable: str, given: Given) -> int | None:
    """How long the register of a variable can be."""
    table, _, name = variable.rpartition(".")
    found = given.catalogue.table(table).find(name)
    register, _, column = (found.register_key or "").rpartition(".") if found else ("", "", "")
    listed = given.catalogue.find(register)
    public = listed.find(column) if listed else None
    return public.most if public else None


def unlisted(dimension: Dimension) -> Refusal:
    return Refusal(
        "private-keys",
        f"{dimension.name} has no public list of values, and which values occur is an answer about persons.",
        "Group by a variable with a code list or register, or by bands that the query names.",
    )


def unsized(dimension: Dimension) -> Refusal:
    return Refusal(
        "private-keys",
        f"Nothing public says how many values {dimension.name} can have, so an answer about all of them has no bound.",
        "Group by a variable with a code list or register, or by bands that the query names.",
    )

"""The header of the running script: which outputs it declares. A courtesy here; the broker reads the header itself."""

import re

LINE = re.compile(r"[ \t\f]*#[ \t]*(input|output)[ \t]*:(.*)", re.IGNORECASE)


def declared_outputs(text: str) -> dict[str, str]:
    """File name to description, as the lines at the top of a script say."""
    found = {}
    for line in re.split(r"\r\n|\r|\n", text):
        match = LINE.match(line)
        if match is None and line.strip() and not line.lstrip().startswith("#"):
            break
        if match is not None and match[1].lower() == "output":
            name, _, description = (part.strip() for part in match[2].partition("|"))
            if name:
                found[name] = description
    return found

"""What a schema says of a wrong configuration, in one line."""

from typing import Any


def schema_problem(error: Any) -> str:
    """Return one line about a ``jsonschema.ValidationError``: the key, what is wrong, what it is.

    Of an unknown key also those that there are.
    """
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.path)
    where = f"{key.removeprefix('.')}: " if key else ""
    known = list(error.schema.get("properties", ()))
    hint = error.schema.get("description", "")
    if error.validator == "additionalProperties" and known:
        hint = f"expected {', '.join(known)}"
    return " ".join(f"{where}{error.message}; {hint}".removesuffix("; ").split())

"""One sentence about what is wrong with a value, from pydantic's report, and a guess at what was meant."""

import difflib
import json
from collections.abc import Iterable

from pydantic import ValidationError
from pydantic_core import ErrorDetails


def first_mistake(error: ValidationError) -> tuple[str, str]:
    """The dotted path of the first mistake in `error`, and what is wrong there, with the count of further mistakes."""
    mistakes = error.errors()
    # A value that fits no type of a union is reported once per type; the deepest complaint is the useful one
    first = max(
        mistakes, key=lambda mistake: len(mistake["loc"]) if _path(mistake)[:4] == _path(mistakes[0])[:4] else 0
    )
    path = ".".join(_path(first))
    more = {".".join(_path(mistake)) for mistake in mistakes} - {path}
    count = f" ({len(more)} more mistake{'s' * (len(more) > 1)} after this one)" if more else ""
    return path, _complaint(first) + count


_UNION_TAGS = {"int", "float", "str", "bool", "[key]"}
_UNION_TAG_BEGINS = ("function-before[", "constrained-", "literal[", "dict[", "format ")


def _path(mistake: ErrorDetails) -> list[str]:
    # A key may contain line breaks, but a sentence must not
    return [str(part).replace("\n", "\\n") for part in mistake["loc"] if not _is_union_tag(str(part))]


def _is_union_tag(part: str) -> bool:
    return part in _UNION_TAGS or part.startswith(_UNION_TAG_BEGINS)


def _complaint(mistake: ErrorDetails) -> str:
    value, context = mistake["input"], mistake.get("ctx", {})
    shown = repr(value) if isinstance(value, str) else json.dumps(value, default=str)
    match mistake["type"]:
        case "extra_forbidden":
            return "there is no such key; correct or remove it"
        case "missing":
            return "this key is missing; add it"
        case "literal_error":
            return f"{shown} is not one of {context['expected']}"
        case "union_tag_invalid":
            return f"{context['tag']!r} is not one of the layers {context['expected_tags']}"
        case "unknown_format":
            return f"{value['format']!r} {mistake['msg']}"
        case "value_error":
            return str(context["error"])
        case "too_short":
            return "must not be empty"
        case "string_pattern_mismatch":
            return f"{shown} does not have the form {context['pattern']}"
        case "none_required":
            return f"{shown} has no meaning here; remove this key"
        case "finite_number":
            return f"{shown} is not a finite number"
    message = mistake["msg"].removeprefix("Input ").replace("valid integer", "whole number")
    return f"{shown if len(shown) < 80 else 'the value'} {message}"


def hint(name: str, known: Iterable[str]) -> str:
    """What may have been meant by an unknown name; failing that, the names that are known."""
    close = difflib.get_close_matches(name, list(known), 1)
    return f" (did you mean {close[0]!r}?)" if close else f" (known: {', '.join(sorted(known))})"

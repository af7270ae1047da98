"""One sentence about what is wrong with a value, from pydantic's report, and a guess at what was meant."""

import difflib
import json
from collections.abc import Callable, Iterable

from pydantic import ValidationError, ValidationInfo
from pydantic_core import ErrorDetails

from regrade.core.errors import UserError

# The keys that lead to a mistake
Where = tuple[str, ...]


def first_mistake(error: ValidationError) -> tuple[str, str]:
    """The dotted path of the first mistake in `error`, and what is wrong there, with the count of further mistakes."""
    (path, complaint), *others = mistakes(error)
    return ".".join(path), complaint + further(len(others))


def further(count: int) -> str:
    """What follows the first of several mistakes."""
    return f" ({count} more mistake{'s' * (count > 1)} after this one)" if count else ""


def refusal(error: ValidationError, place: Callable[[str], str]) -> UserError:
    """The error for what is wrong with a user's values. `place`: where a mistake is, by its dotted path."""
    sentences = [f"{place('.'.join(path))}: {complaint}" for path, complaint in mistakes(error)]
    return UserError(f"{sentences[0]}{further(len(sentences) - 1)}", sentences)


def mistakes(error: ValidationError) -> list[tuple[Where, str]]:
    """The path of every mistake in `error`, and what is wrong there."""
    complaints: dict[Where, str] = {}
    for mistake in error.errors():
        # A value that fits no type of a union is reported once per type
        complaints.setdefault(_path(mistake), _complaint(mistake))
    # Of these reports the deepest is the useful one
    above = {path[:length] for path in complaints for length in range(len(path))}
    return [(path, complaint) for path, complaint in complaints.items() if path not in above]


def refuse(complaints: Iterable[str], info: ValidationInfo) -> None:
    """ValueError for the first of what a model's validator complains of; all of it goes to a list given as context."""
    if info.context is not None:
        info.context.extend(complaints)
    elif first := next(iter(complaints), None):
        raise ValueError(first)


_UNION_TAGS = {"int", "float", "str", "bool", "[key]"}
_UNION_TAG_BEGINS = ("function-before[", "constrained-", "literal[", "dict[", "format ")


def _path(mistake: ErrorDetails) -> Where:
    # A key may contain line breaks, but a sentence must not
    return tuple(str(part).replace("\n", "\\n") for part in mistake["loc"] if not _is_union_tag(str(part)))


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
            return f"{context['tag']!r} is not one of {context['expected_tags']}"
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
    names = sorted(known)
    close = difflib.get_close_matches(name, names, 1)
    return f" (did you mean {close[0]!r}?)" if close else f" (known: {', '.join(names) or 'none'})"

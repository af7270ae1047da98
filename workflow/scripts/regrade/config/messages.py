"""One sentence about what is wrong with a value, from pydantic's report, and a guess at what was meant."""

import difflib
import json
from collections.abc import Callable, Iterable
from typing import Any

from pydantic import ValidationError, ValidationInfo
from pydantic_core import ErrorDetails

from regrade.config.types import FORMS
from regrade.core.errors import UserError

# The keys that lead to a mistake
Where = tuple[str, ...]


def first_mistake(error: ValidationError, content: object = None) -> tuple[str, str]:
    """The dotted path of the first mistake in `error`, and what is wrong there, with the count of further mistakes.

    `content`: what was read, as for `mistakes`.
    """
    (path, complaint), *others = mistakes(error, content)
    return ".".join(path), complaint + further(len(others))


def further(count: int) -> str:
    """What follows the first of several mistakes."""
    return f" ({count} more mistake{'s' * (count > 1)} after this one)" if count else ""


def refusal(error: ValidationError, place: Callable[[str], str]) -> UserError:
    """The error for what is wrong with a user's values. `place`: where a mistake is, by its dotted path."""
    sentences = [f"{place('.'.join(path))}: {complaint}" for path, complaint in mistakes(error)]
    return UserError(f"{sentences[0]}{further(len(sentences) - 1)}", sentences)


def mistakes(error: ValidationError, content: object = None) -> list[tuple[Where, str]]:
    """The path of every mistake in `error`, and what is wrong there.

    `content`: what was read, by which its keys are told from the names that pydantic gives to the types of a union.
    """
    reports: dict[Where, list[ErrorDetails]] = {}
    for mistake in error.errors():
        # A value that fits no type of a union is reported once per type
        reports.setdefault(_path(mistake, content), []).append(mistake)
    # Of these reports the deepest is the useful one
    above = {path[:length] for path in reports for length in range(len(path))}
    return [(path, _complaint(of_path)) for path, of_path in reports.items() if path not in above]


def no_study(name: str, known: Iterable[str]) -> str:
    """One sentence for a study that the parameters at hand do not have."""
    return (
        f"params.yaml has no study {name!r}; it has {', '.join(map(str, known))}; correct the name, or give the "
        "overlay that has the study (--configfile)"
    )


def refuse(complaints: Iterable[str], info: ValidationInfo) -> None:
    """ValueError for the first of what a model's validator complains of; all of it goes to a list given as context."""
    if info.context is not None:
        info.context.extend(complaints)
    elif first := next(iter(complaints), None):
        raise ValueError(first)


_UNION_TAGS = {"int", "float", "str", "bool", "[key]"}
_UNION_TAG_BEGINS = ("function-before[", "constrained-", "literal[", "dict[", "list[", "nullable[", "format ")


def _path(mistake: ErrorDetails, content: object) -> Where:
    parts = list(mistake["loc"])
    missing = [parts.pop()] if mistake["type"] == "missing" else []
    keys = [*(_keys(parts, content) if content else parts), *missing]
    # A key may contain line breaks, but a sentence must not
    return tuple(str(key).replace("\n", "\\n") for key in keys if content or not _is_union_tag(str(key)))


def _keys(parts: Iterable[str | int], content: Any) -> list[str | int]:
    """Those of these parts that lead somewhere in the content."""
    keys = []
    for part in parts:
        try:
            content = content[part]
        except (LookupError, TypeError):
            continue
        keys.append(part)
    return keys


def _is_union_tag(part: str) -> bool:
    return part in _UNION_TAGS or part.startswith(_UNION_TAG_BEGINS)


# What a value should be that is not of a type
_TYPES = {
    "int_type": "a whole number",
    "float_type": "a number",
    "string_type": "a text",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
}
_LONGEST = 80


def _complaint(of_union: list[ErrorDetails]) -> str:
    """What is wrong with a value that no type of a union fits, or the only type."""
    types = [mistake["type"] for mistake in of_union]
    others = [mistake for mistake in of_union if mistake["type"] not in (*_TYPES, "literal_error")]
    # Where a value has the right type, what else is wrong with it is the useful report
    if others or set(types) == {"literal_error"}:
        return _of_value(others[0] if others else of_union[0])
    fitting = [
        _TYPES.get(mistake["type"]) or mistake["ctx"]["expected"]
        for mistake in of_union
        if mistake["type"] != "int_type" or "float_type" not in types
    ]
    *first, last = dict.fromkeys(fitting)
    needed = f"{', '.join(first)} or {last}" if first else last
    value = of_union[0]["input"]
    return f"there is no value; give {needed}" if value is None else f"{_shown(value)} should be {needed}"


def _of_value(mistake: ErrorDetails) -> str:
    """What is wrong with a value of the right type, or with a key."""
    value, context = mistake["input"], mistake.get("ctx", {})
    shown = _shown(value)
    match mistake["type"]:
        case "extra_forbidden":
            return "there is no such key; correct or remove it"
        case "missing":
            return "this key is missing; add it"
        case "literal_error":
            return f"{shown} is not one of {context['expected']}"
        case "union_tag_not_found":
            key = context["discriminator"].strip("'")
            return f"the key {key} is missing; add it"
        case "union_tag_invalid":
            return f"{_shown(context['tag'])} is not one of {context['expected_tags']}"
        case "unknown_format":
            return f"{_shown(value['format'])} {mistake['msg']}"
        case "value_error":
            return str(context["error"])
        case "too_short" | "string_too_short" if context["min_length"] == 1:
            return "must not be empty"
        case "too_short":
            return f"must have {context['min_length']} entries or more, not {context['actual_length']}"
        case "string_too_long":
            return f"{shown} should have at most {context['max_length']} characters; make it shorter"
        case "string_pattern_mismatch":
            pattern = context["pattern"]
            return f"{shown} does not have the form of {FORMS.get(pattern, pattern)}"
        case "none_required":
            return f"{shown} has no meaning here; remove this key"
        case "finite_number":
            return f"{shown} is not a finite number"
    return f"{shown} {mistake['msg'].removeprefix('Input ')}"


def _shown(value: object) -> str:
    """A value as a file has it, unless it is long: aliases of YAML can make it longer than any memory."""
    if isinstance(value, str):
        text = repr(value)
    else:
        text = ""
        for part in json.JSONEncoder(default=str, skipkeys=True).iterencode(value):
            text += part
            if len(text) >= _LONGEST:
                break
    return text if len(text) < _LONGEST else "the value"


def hint(name: str, known: Iterable[str]) -> str:
    """What may have been meant by an unknown name; failing that, the names that are known."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, 1)
    return f" (did you mean {close[0]!r}?)" if close else f" (known: {', '.join(names) or 'none'})"

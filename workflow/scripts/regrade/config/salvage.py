"""All mistakes in a file at once, and as much of its content as they leave."""

import copy
from collections.abc import Callable, Collection
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from regrade.config.messages import Where, mistakes

Model = TypeVar("Model", bound=BaseModel)


def salvage(
    model: type[Model], content: object, part: Callable[[Where], int]
) -> tuple[Model | None, list[tuple[Where, str]]]:
    """`content` as the model, without parts that are wrong; and every mistake in it.

    `part`: how many of the keys that lead to a mistake lead to the part to leave out; 0 for one that cannot be spared,
    so that there is no model.
    """
    complaints: list[tuple[Where, str]] = []
    left_out: set[Where] = set()
    while True:
        contradictions: list[str] = []
        try:
            rest = model.model_validate(content, context=contradictions)
        except ValidationError as error:
            wrong = mistakes(error, content)
            # What is wrong with the rest only follows from what is left out
            complaints = complaints or wrong
            parts = {path[: part(path)] for path, _ in wrong}
            if () in parts or parts <= left_out:
                return None, complaints
            left_out |= parts
            try:
                content = _without(content, parts)
            except LookupError:
                return None, complaints
        else:
            return rest, [*complaints, *(((), text) for text in contradictions)]


def _without(content: object, paths: Collection[Where]) -> object:
    """A copy without what these paths lead to. LookupError for one that leads nowhere, as keys may be no texts."""
    rest: Any = copy.deepcopy(content)
    # The last of a list first, so that the others keep their places
    for *above, last in sorted(paths, key=lambda path: [key.zfill(9) for key in path], reverse=True):
        holder = rest
        for key in above:
            holder = holder[_key(holder, key)]
        del holder[_key(holder, last)]
    return rest


def _key(holder: object, key: str) -> str | int:
    return int(key) if isinstance(holder, list) else key

"""The entities of an RO-Crate, each created once however often it is referred to."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from rocrate.model import ContextEntity, Entity
from rocrate.rocrate import ROCrate


class Entities:
    """Those of a crate under construction."""

    def __init__(self, crate: ROCrate):
        self.crate = crate
        # By identifier: the crate itself would search all its entities for each new one
        self.known: dict[str, Entity] = {}

    def add(self, identifier: str, kind: str, **properties: Any) -> Entity:
        """The entity with this identifier, not a file; it gets these properties if it is new."""
        if identifier not in self.known:
            entity = ContextEntity(self.crate, identifier, {"@type": kind, **properties})
            self.known[identifier] = self.crate.add(entity)
        return self.known[identifier]

    def file(self, path: str, name: str, kind: str) -> Entity:
        """A file below the crate's root; `kind` is its media type."""
        return self.crate.add_file(dest_path=path, properties={"name": name, "encodingFormat": kind})

    def folder(self, path: str, name: str) -> Entity:
        """A folder below the crate's root, with all that is in it."""
        return self.crate.add_dataset(dest_path=path, properties={"name": name})

    def values(self, content: dict, prefix: str = "") -> list[Entity]:
        """`content` as PropertyValues; the keys of nested mappings are joined by dots, None is left out."""
        entities = []
        for key, value in content.items():
            if isinstance(value, dict):
                entities += self.values(value, f"{prefix}{key}.")
            elif value is not None:
                entities.append(self.value(prefix + key, value))
        return entities

    def value(self, name: str, value: str | float | list) -> Entity:
        """A PropertyValue; equal ones are one entity. A list becomes a text, since those of JSON-LD have no order."""
        text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        shown = text if isinstance(value, list) else value
        return self.add(f"#{quote(f'{name}={text}')}", "PropertyValue", name=name, value=shown, propertyID=name)


def compact(entities: Iterable[Entity]) -> Entity | list[Entity]:
    """The distinct ones, in order; one alone stands for itself, as compact JSON-LD has it."""
    distinct = list({entity.id: entity for entity in entities}.values())
    return distinct[0] if len(distinct) == 1 else distinct

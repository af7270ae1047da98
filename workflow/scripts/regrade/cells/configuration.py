"""All that decides the result of a run, except its seed; the code that trains it included."""

from functools import cached_property
from typing import Any

from pydantic import model_validator

from regrade.cells import own_code
from regrade.config.layer_specs import Layer, ModuleSpec
from regrade.config.settings import Settings
from regrade.config.types import Section
from regrade.core.files import short_hash
from regrade.core.fingerprints import closure, code
from regrade.datasets import registry
from regrade.datasets.identity import DataIdentity

# Packages and modules that a training job runs but its results do not depend on, and why; its digest leaves them out
WITHOUT_INFLUENCE = {
    "regrade.core": "how bytes reach the disk, what is recorded about code and machine, the wording of errors",
    "regrade.config": "makes the configuration, which the cell's name covers",
    "regrade.cells": "makes the configuration, which the cell's name covers",
    "regrade.datasets.registry": "finds prepared data by what they are made of, which the cell's name covers",
    "regrade.datasets.identity": "names prepared data by what they are made of, which the cell's name covers",
    "regrade.runtime.logs": "logs, and the wording of errors",
    "regrade.runtime.device": "chooses and names the device, which is recorded",
    "regrade.training.store": "keeps the states of runs, byte by byte",
    "regrade.training.results": "writes the files from the states; has a digest of its own (see Cell.code)",
}
APART = frozenset(WITHOUT_INFLUENCE)


class Configuration(Section):
    """All that decides the result of a run, except its seed."""

    conventions: str
    data: DataIdentity
    settings: Settings
    network: list[Layer]

    @model_validator(mode="after")
    def _own_modules_are_trained_run_by_run(self) -> "Configuration":
        if self.own_modules:
            self.__dict__["settings"] = self.settings.one_by_one()
        return self

    @cached_property
    def hash(self) -> str:
        """Short name; runs of equal configurations have equal results, in whichever experiment they stand."""
        return short_hash(self.identity)

    @property
    def identity(self) -> dict[str, Any]:
        """What is hashed: everything, defaults included, so that another default is another configuration.

        Only what is off (none, false or zero) is left out: a new setting that is off by default renames no old cell.
        """
        # The names of network and dataset say nothing that their content does not
        content = self.model_dump(exclude={"settings": {"network", "dataset"}})
        return content | {
            "data": self.data.parts,
            "settings": _switched_on(content["settings"]),
            # What an own module makes of zero or false is not known: it may be other than its default
            "network": [layer if layer["kind"] == "module" else _switched_on(layer) for layer in content["network"]],
        }

    @property
    def own_modules(self) -> list[ModuleSpec]:
        """The layers that are modules of the user's own."""
        return [layer for layer in self.network if layer.kind == "module"]

    @property
    def code(self) -> str:
        """Digest of the code that trains a run: the training job, its task and backend, the layers of the network.

        With modules of the user's own, what they are imported from is part of it.
        """
        own = sorted({own_code.digest(layer.target) for layer in self.own_modules})
        ours = code(*self._code_roots, apart=APART)
        return short_hash([ours, *own]) if own else ours

    @property
    def modules(self) -> set[str]:
        """The modules that `code` covers."""
        return closure(*self._code_roots, apart=APART)

    @property
    def _code_roots(self) -> list[str]:
        parts = ("job", registry.task(self.data.dataset), f"learners.{self.settings.backend}")
        layers = sorted({f"regrade.models.{layer.module}" for layer in self.network})
        return [*(f"regrade.training.{part}" for part in parts), *layers]


def _switched_on(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings that are neither None nor False nor zero."""
    return {name: value for name, value in settings.items() if value}

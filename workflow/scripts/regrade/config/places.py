"""Which of params.yaml, its overlays and the values of --config a mistake is in."""

import copy
from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import Any

from regrade.config import overlays
from regrade.config.messages import further, no_study
from regrade.core.errors import UserError

# How sentences about the parameters begin, whichever file they are in
_ABOUT = f"{overlays.BASE}: "


def about_parameters(sentence: str) -> bool:
    """Whether a mistake is in params.yaml or in what lies on top of it."""
    return sentence.startswith(_ABOUT)


def placed(sentence: str, files: Iterable[str], values: Iterable[str]) -> str:
    """A sentence about the parameters, about the file that its mistake is in; any other sentence unchanged.

    `files`, `values`: the overlays and the values of --config.
    """
    return Places(files, values).by_file([sentence])[-1] if about_parameters(sentence) else sentence


class Places:
    """params.yaml and what lies on top of it: the content of each file, and the values of --config."""

    def __init__(self, files: Iterable[str], values: Iterable[str]):
        """UserError when params.yaml cannot be read; other files that cannot are among the mistakes."""
        self._unreadable: list[str] = []
        # By the names that users know them by, in the order in which they apply
        self._contents: dict[str, dict[str, Any]] = {overlays.BASE: overlays.of_file(overlays.BASE)}
        for name in files:
            self._add(name, partial(overlays.of_file, name))
        for value in values:
            self._add("--config", partial(overlays.of_value, value))

    def _add(self, name: str, read: Callable[[], dict[str, Any]]) -> None:
        try:
            overlays.merge(self._contents.setdefault(name, {}), read())
        except UserError as error:
            self._unreadable.append(str(error))

    def merged(self) -> dict[str, Any]:
        """All of it as Snakemake gets it."""
        config: dict[str, Any] = {}
        for content in self._contents.values():
            overlays.merge(config, copy.deepcopy(content))
        return config

    def studies(self, names: Collection[str]) -> list[str]:
        """These studies, in the order of params.yaml; all if there are none. UserError for one that does not exist."""
        known = self.merged().get("studies")
        if not isinstance(known, dict):
            known = {}
        for name in names:
            if name not in known:
                raise self._no_study(name, known)
        return [name for name in known if not names or name in names]

    def _no_study(self, name: str, known: Iterable[str]) -> UserError:
        """The error for a study that is not there: it may be in a file that cannot be read, or there are none."""
        if self._unreadable:
            return UserError(f"{self._unreadable[0]}{further(len(self._unreadable) - 1)}", self._unreadable)
        if not known:
            return UserError(f"{self._file(['studies'])}: studies has no study; give {name!r}, or remove the key")
        return UserError(no_study(name, known))

    def by_file(self, sentences: Iterable[str]) -> list[str]:
        """Sentences about params.yaml, each once and about the file that its mistake is in, in the files' order.

        What is wrong with files that cannot be read comes first. Sentences about other files are left out.
        """
        files: dict[str, list[str]] = {name: [] for name in self._contents}
        for sentence in filter(about_parameters, dict.fromkeys(sentences)):
            complaint = sentence.removeprefix(_ABOUT)
            name = self._file(complaint.partition(": ")[0].split("."))
            files[name].append(f"{name}: {complaint}")
        return [*self._unreadable, *(sentence for of_file in files.values() for sentence in of_file)]

    def _file(self, keys: list[str]) -> str:
        """The last file that has most of these keys, which lead to a value."""
        found, most = overlays.BASE, 0
        for name, content in self._contents.items():
            values = _values(content, keys)
            # Mappings are merged; of anything else, what a file has takes the place of what those before it have
            if len(values) > most or any(not isinstance(value, dict) for value in values):
                found, most = name, len(values)
            elif values and len(values) == most:
                found = name
        return found


def _values(content: object, keys: list[str]) -> list[object]:
    """What the keys lead to, one after another, up to the first that leads nowhere."""
    values: list[object] = []
    for key in keys:
        if isinstance(content, list) and key.isdecimal() and int(key) < len(content):
            content = content[int(key)]
        elif isinstance(content, dict) and key in content:
            content = content[key]
        else:
            break
        values.append(content)
    return values

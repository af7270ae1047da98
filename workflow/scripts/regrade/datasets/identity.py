"""What a dataset is made of, by which its folders are named."""

from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from regrade.config.types import Section
from regrade.core.files import short_hash

RAW = Path("data/raw")
PREPARED = Path("data/prepared")


class DataIdentity(Section):
    """What a cell's rows, and its word vectors if it starts from any, are made of.

    `data`: real or stand_in. `format`: that of one's own data. `code`: digest of the modules that prepare it.
    `options`: what decides how it is prepared: settings of a cell, or what params.yaml says of one's own data. `files`:
    checksums of raw files by source/name. `reading`: the settings that decide how its prepared rows are read.
    `word_vectors`: how they are fitted and on which rows, and the digest of the code that does it.
    """

    dataset: str
    data: Literal["real", "stand_in"] = "stand_in"
    format: str = ""
    code: str = ""
    options: dict[str, Any] = Field({})
    files: dict[str, str] = Field({})
    reading: dict[str, Any] = Field({})
    word_vectors: dict[str, Any] | None = None

    @property
    def parts(self) -> dict[str, Any]:
        """All that is not empty, as plain values; of the reading, what is on: a new setting begins as off."""
        content = self.model_dump()
        content["reading"] = {name: value for name, value in self.reading.items() if value}
        return {name: value for name, value in content.items() if value}

    @cached_property
    def prepared(self) -> "DataIdentity":
        """The part that decides how the dataset is prepared."""
        return self.model_copy(update={"reading": {}, "word_vectors": None})

    @cached_property
    def fitted(self) -> "DataIdentity":
        """The part that decides what its word vectors are."""
        return self.model_copy(update={"reading": {}})

    @cached_property
    def folder(self) -> Path:
        """Where the prepared dataset is kept."""
        return PREPARED / self.dataset / f"{self.data}-{short_hash(self.prepared.parts)}"

    @cached_property
    def word_vectors_folder(self) -> Path | None:
        """Where the word vectors are kept; None where none are needed."""
        if self.word_vectors is None:
            return None
        return PREPARED / self.dataset / f"word_vectors-{short_hash(self.fitted.parts)}"

    @property
    def folders(self) -> list[Path]:
        """All folders that a training job reads."""
        return [self.folder, *([self.word_vectors_folder] if self.word_vectors_folder else [])]

"""`datasets`: where raw data come from, and what every cell on them has in common."""

from typing import Annotated

from pydantic import Field

from regrade.config.types import Count, FileName, Name, Section, Value


class DataFile(Section):
    """A file of a dataset's publisher: its addresses, tried in order, and its checksum."""

    urls: Annotated[list[str], Field(min_length=1)]
    """Addresses, tried in order; `file://` works."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Checksum of the file."""


class Dataset(Section):
    """A publisher's raw files; settings that every cell on the dataset of this name has; how to fit word vectors."""

    files: dict[FileName, DataFile] = Field({})
    """The publisher's files by name, each with its `urls` and its `sha256`."""
    options: dict[Name, Value] = Field({})
    """Settings of every cell on this dataset, unless its experiment says otherwise."""
    word_vectors: dict[Name, Count] | None = None
    """How word2vec is fitted on the training texts, including those without a label."""

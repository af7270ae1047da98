"""`datasets`: where raw data come from, and what every cell on them has in common."""

from typing import Annotated

from pydantic import Field

from regrade.config.types import Count, FileName, Name, Section, Value


class DataFile(Section):
    """A file of a dataset's publisher: its addresses, tried in order, and its checksum."""

    urls: Annotated[list[str], Field(min_length=1)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Dataset(Section):
    """A publisher's raw files; settings that every cell on the dataset of this name has; how to fit word vectors."""

    files: dict[FileName, DataFile] = Field({})
    options: dict[Name, Value] = Field({})
    word_vectors: dict[Name, Count] | None = None

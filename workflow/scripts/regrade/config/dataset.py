"""`datasets`: where raw data come from, how one's own are read, and what every cell on them has in common."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from regrade.config.own_data import ArraysOptions, ByPart, ImagesOptions, OwnOptions, TableOptions, TextsOptions
from regrade.config.types import Checksum, Count, FileName, Name, Positive, Section, Value


class DataFile(Section):
    """A file of a dataset: its addresses, tried in order, and its checksum."""

    urls: Annotated[list[str], Field(min_length=1)]
    """Addresses, tried in order. `file://` works, and so does a path in the project's folder, to a file or, for images,
    to a folder of them.
    """
    sha256: Checksum | None = None
    """Checksum of the file; required. Leave it out to be told the checksum of a file on this machine."""


class Expected(Section):
    """What a dataset will be like, for forecasts made before it is prepared; afterwards, its own sizes count."""

    train_rows: Count | None = None
    """Training rows."""
    test_rows: Count | None = None
    """Test rows."""
    tokens: Positive | None = None
    """Tokens of a training text, on average, where texts are read whole."""
    lengths: Count | None = None
    """Number of different lengths of training texts, for texts of a formal language."""
    words: Count | None = None
    """Number of different tokens."""
    pairs: Count | None = None
    """Number of further tokens where sequences of two words are tokens, too (`ngrams: 2`)."""
    triples: Count | None = None
    """Number of further tokens where sequences of two and of three words are tokens, too (`ngrams: 3`)."""


class Dataset(Section):
    """A publisher's raw files; settings that every cell on the dataset of this name has; how to fit word vectors."""

    files: dict[FileName, DataFile] = Field({})
    """The files by name, each with its `urls` and its `sha256`."""
    options: dict[Name, Value] = Field({})
    """Settings of every cell on this dataset, unless its experiment says otherwise."""
    word_vectors: dict[Name, Count] | None = None
    """How word2vec is fitted on the training texts, including those without a label."""
    expected: Expected | None = None
    """What the real data will be like, for forecasts made before they are prepared."""
    contents: list[Checksum] = Field([])
    """Checksums of what is prepared from the publisher's files (`regrade.datasets.content`). Files with other
    checksums, such as archives that were packed again, are the same data where one of these comes out.
    """

    @model_validator(mode="before")
    @classmethod
    def _has_no_keys_of_own_data(cls, content: Any) -> Any:
        if isinstance(content, dict) and "format" not in content:
            own = [
                key for model in OWN for key in model.model_fields if key not in Dataset.model_fields and key in content
            ]
            if own:
                raise ValueError(
                    f"{own[0]} belongs to data of your own, which need a format: {', '.join(FORMATS)}; add it"
                )
        return content


class OwnDataset(Dataset, OwnOptions):
    """A dataset of one's own."""

    format: str
    """What its files are: `table`, `images`, `arrays` or `texts`."""

    @model_validator(mode="after")
    def _split_is_of_its_files(self) -> "OwnDataset":
        split = self.split
        if split is None or split.train is None:
            return self
        parts = [*(split.train or ()), *(split.test or ())]
        for position, part in enumerate(parts):
            known = part.partition("/")[0] if self.format == "images" else part
            if known not in self.files:
                raise ValueError(f"split: there is no file {known!r} under files; correct or add it")
            for other in parts[:position] + parts[position + 1 :]:
                if f"{other}/".startswith(f"{part}/"):
                    raise ValueError(f"split: {other!r} is in {part!r}, so its rows would be there twice; remove one")
        if unused := self.files.keys() - {part.partition("/")[0] for part in parts}:
            raise ValueError(f"split: {min(unused)!r} is neither in train nor in test; add it, or remove it from files")
        return self

    @model_validator(mode="after")
    def _is_split(self) -> "OwnDataset":
        is_split = self.split is not None and (self.split.drawn or self.split.train is not None)
        if not is_split and not self._has_split_arrays:
            raise ValueError("split is missing; say which rows are test rows, as in split: {test_share: 0.2, seed: 1}")
        if self._has_split_arrays and len(self.files) > 1:
            raise ValueError(
                "inputs and targets name the arrays of both splits, which one file must have; remove others"
            )
        return self

    @property
    def _has_split_arrays(self) -> bool:
        return isinstance(self, ArraysOptions) and isinstance(self.inputs, ByPart)

    @model_validator(mode="after")
    def _word_vectors_are_of_texts(self) -> "OwnDataset":
        if self.word_vectors and self.format != "texts":
            raise ValueError(f"word_vectors are fitted on texts, but the format is {self.format}; remove them")
        return self


class TableDataset(TableOptions, OwnDataset):
    """CSV or Parquet files with a column of classes and columns of numbers."""

    format: Literal["table"]

    @model_validator(mode="before")
    @classmethod
    def _has_no_text(cls, content: Any) -> Any:
        if isinstance(content, dict) and "text" in content:
            raise ValueError("a table of numbers has no text column; for texts, say format: texts")
        return content


class ImagesDataset(ImagesOptions, OwnDataset):
    """A folder or an archive (zip, tar) of images, each in a folder that is named as its class."""

    format: Literal["images"]


class ArraysDataset(ArraysOptions, OwnDataset):
    """Arrays in an `.npz` or a `.safetensors` file, one row per example, and the class of each row."""

    format: Literal["arrays"]


class TextsDataset(TextsOptions, OwnDataset):
    """CSV or Parquet files with a column of classes and a column of texts."""

    format: Literal["texts"]


OWN = (TableDataset, ImagesDataset, ArraysDataset, TextsDataset)
FORMATS = ("table", "images", "arrays", "texts")
BUILT_IN = "built in"


def _tag(content: Any) -> str | None:
    """Which model a dataset is of; None where there is no such format. Messages leave the tag out of a key's path."""
    if isinstance(content, OwnDataset):
        return f"format {content.format}"
    form = content.get("format", BUILT_IN) if isinstance(content, dict) else BUILT_IN
    return f"format {form}" if form in (*FORMATS, BUILT_IN) else None


AnyDataset = Annotated[
    Annotated[Dataset, Tag("format built in")]
    | Annotated[TableDataset, Tag("format table")]
    | Annotated[ImagesDataset, Tag("format images")]
    | Annotated[ArraysDataset, Tag("format arrays")]
    | Annotated[TextsDataset, Tag("format texts")],
    Discriminator(
        _tag,
        custom_error_type="unknown_format",
        custom_error_message=f"is not one of the formats {', '.join(FORMATS)}",
    ),
]

"""What params.yaml says of a dataset of one's own, format by format: how it is read, split, and stood in for."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PositiveInt, model_validator

from regrade.config.options import DatasetOptions, Many

# Not of `regrade.config.types`: own data are named by the code that prepares them, and this module is part of it
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Side = Annotated[int, Field(gt=0, le=10_000)]
Text = Annotated[str, Field(min_length=1)]


def _two(size: list[int]) -> list[int]:
    """The size unchanged. ValueError for one that is not two numbers."""
    if len(size) != 2:
        raise ValueError("is not two numbers; give height and width, as in [32, 32]")
    return size


HeightAndWidth = Annotated[list[Side], AfterValidator(_two)]


class Split(DatasetOptions):
    """Which rows are for training and which for testing: by file, or by a stratified draw."""

    train: Annotated[list[Text], Field(min_length=1)] | None = None
    """Files with the training rows. `pets.zip/train` is the folder `train` in the archive `pets.zip`."""
    test: Annotated[list[Text], Field(min_length=1)] | None = None
    """Files with the test rows."""
    test_share: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Share of all rows that is drawn for testing, the same of each class, in place of `train` and `test`."""
    seed: Seed | None = None
    """Random seed of the draw. With `train` and `test`: the seed that shuffles each split, which otherwise keeps the
    order of its files.
    """

    @model_validator(mode="after")
    def _is_one_of_two(self) -> "Split":
        by_file = (self.train is not None, self.test is not None)
        if any(by_file) and self.drawn:
            raise ValueError("has train and test (names of files) and test_share (a draw); remove one of the two")
        if any(by_file) and not all(by_file):
            raise ValueError("train and test belong together; give both")
        if self.drawn and self.seed is None:
            raise ValueError("test_share needs a seed, by which the test rows are drawn; add it")
        return self

    @property
    def drawn(self) -> bool:
        """Whether the test rows are drawn."""
        return self.test_share is not None


def _distinct(classes: list[str | int]) -> list[str | int]:
    """The classes unchanged. ValueError for one that is there twice."""
    names = [str(name) for name in classes]
    if len(set(names)) < len(names):
        raise ValueError(f"{max(names, key=names.count)!r} is there twice; remove one")
    return classes


Classes = Annotated[list[Text | int], Field(min_length=2), AfterValidator(_distinct)]


class StandIn(DatasetOptions):
    """Rows that are generated in place of the real ones at a scale with stand-in data."""

    classes: Annotated[int, Field(ge=2, le=10_000)]
    """Number of classes."""
    train_rows: Many
    """Training rows."""
    test_rows: Many
    """Test rows."""


class TableStandIn(StandIn):
    """Rows of numbers, a cloud of points per class."""

    features: PositiveInt
    """Numbers of a row."""


class ImagesStandIn(StandIn):
    """Images, a pattern per class in noise."""

    size: HeightAndWidth
    """Height and width."""


class ArraysStandIn(StandIn):
    """Rows of an array, a cloud of points per class."""

    shape: Annotated[list[Side], Field(min_length=1, max_length=3)]
    """Shape of a row, channels first."""
    values: Literal["numbers", "bytes"] = "numbers"
    """What a row consists of: `numbers`, or `bytes`, as images do."""


class TextsStandIn(StandIn):
    """Texts of made-up words, of which some are a class's own."""

    words: PositiveInt
    """Words of a text."""


class OwnOptions(DatasetOptions):
    """What all formats have in common."""

    split: Split | None = None
    """Which rows are for training and which for testing."""
    classes: Classes | None = None
    """The classes in their order. If absent, those of the data: whole numbers by size, texts by alphabet."""
    stand_in: StandIn | None = None
    """Rows that are generated in place of the real ones at a scale with stand-in data."""

    @model_validator(mode="after")
    def _stand_in_has_its_classes(self) -> "OwnOptions":
        if self.stand_in and self.classes and self.stand_in.classes != len(self.classes):
            raise ValueError(
                f"stand_in has {self.stand_in.classes} classes, but {len(self.classes)} are listed; make them equal"
            )
        return self


class Delimited(OwnOptions):
    """What files with columns have in common."""

    label: Text
    """Column with the class, a text or a whole number."""
    separator: Literal["comma", "semicolon", "tab", "bar"] | None = None
    """What separates the columns of a CSV file: a `comma`, a `semicolon`, a `tab` or a `bar`; if absent, the one that
    makes the label a column.
    """


class TableOptions(Delimited):
    """CSV or Parquet files with a column of classes and columns of numbers."""

    features: Annotated[list[Text], Field(min_length=1)] | None = None
    """Columns with the numbers that a network gets, in this order; if absent, all but the label."""
    decimal: Literal["point", "comma"] | None = None
    """What stands before the decimals in a CSV file: a `point` or a `comma`; if absent, what the cells show."""
    standardize: bool = False
    """Whether each column has the mean of its training rows subtracted and is divided by their standard deviation."""
    stand_in: TableStandIn | None = None
    """Rows that are generated in place of the real ones at a scale with stand-in data."""

    @model_validator(mode="after")
    def _label_is_no_feature(self) -> "TableOptions":
        if self.features and self.label in self.features:
            raise ValueError(f"features has the label {self.label!r}, which would give the class away; remove it")
        if self.features and len(set(self.features)) < len(self.features):
            raise ValueError(f"features has {max(self.features, key=self.features.count)!r} twice; remove one")
        return self

    @model_validator(mode="after")
    def _stand_in_has_its_features(self) -> "TableOptions":
        if self.stand_in and self.features and self.stand_in.features != len(self.features):
            raise ValueError(
                f"stand_in has {self.stand_in.features} features, but {len(self.features)} are listed; make them equal"
            )
        return self


class ImagesOptions(OwnOptions):
    """A folder or an archive (zip, tar) of images, each in a folder that is named as its class."""

    colours: Literal["rgb", "gray"] = "rgb"
    """Channels of the prepared images: `rgb` or `gray`."""
    size: HeightAndWidth | None = None
    """Height and width to which all images are resized; if absent, they must be of one size."""
    stand_in: ImagesStandIn | None = None
    """Images that are generated in place of the real ones at a scale with stand-in data."""

    @model_validator(mode="after")
    def _stand_in_has_its_size(self) -> "ImagesOptions":
        if self.stand_in and self.size and self.stand_in.size != self.size:
            raise ValueError(f"stand_in has the size {self.stand_in.size}, but size is {self.size}; make them equal")
        return self


class ByPart(DatasetOptions):
    """Names of the arrays of both splits, where one file has them."""

    train: Text
    """The array of the training rows."""
    test: Text
    """The array of the test rows."""


class ArraysOptions(OwnOptions):
    """Arrays in an `.npz` or a `.safetensors` file, one row per example, and the class of each row."""

    inputs: Text | ByPart
    """Name of the array of inputs, or `train` and `test` with a name each where one file has both splits."""
    targets: Text | ByPart
    """Name of the array of classes (whole numbers or texts), or `train` and `test` with a name each."""
    channels: Literal["first", "last", "absent"] | None = None
    """Where the channels of images are: `first` (3, 32, 32), `last` (32, 32, 3), or `absent` (28, 28); if absent, rows
    are used as they are.
    """
    stand_in: ArraysStandIn | None = None
    """Rows that are generated in place of the real ones at a scale with stand-in data."""

    @model_validator(mode="after")
    def _is_split_once(self) -> "ArraysOptions":
        by_part = [isinstance(names, ByPart) for names in (self.inputs, self.targets)]
        if by_part[0] != by_part[1]:
            raise ValueError("inputs and targets must both be a name, or both have train and test")
        if all(by_part) and self.split and (self.split.drawn or self.split.train):
            raise ValueError("inputs and targets name the arrays of both splits, so split is not needed; remove it")
        return self


class TextsOptions(Delimited):
    """CSV or Parquet files with a column of classes and a column of texts."""

    text: Text
    """Column with the texts."""
    level: Literal["word", "char"] = "word"
    """Whether tokens are words (`word`), with each mark of punctuation a word of its own, or characters (`char`)."""
    stand_in: TextsStandIn | None = None
    """Texts that are generated in place of the real ones at a scale with stand-in data."""

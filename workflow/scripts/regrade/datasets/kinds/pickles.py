"""Reading pickles from elsewhere without letting them run code."""

import pickle
from io import BufferedIOBase
from typing import IO, Any

import numpy as np
from numpy._core import multiarray

from regrade.core.errors import UserError

# What an array is rebuilt from, by its names in pickles of NumPy 1 and 2
_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"): multiarray._reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): multiarray._reconstruct,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}") from None


def load(file: IO[bytes] | BufferedIOBase, where: str) -> Any:
    """The content of a pickle that consists of NumPy arrays and plain containers, texts of Python 2 as bytes.

    UserError, naming `where`, for a pickle that asks for anything else: it is refused before it can run.
    """
    try:
        return _ArraysOnly(file, encoding="bytes").load()
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{where} is not a pickle of arrays ({error}), so it was not read; get the file again"
        ) from error

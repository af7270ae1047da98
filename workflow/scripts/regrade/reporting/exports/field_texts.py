"""The texts below the fields of models: what docs/ and editors say about the keys of params.yaml and claims.yaml."""

import ast
import inspect
import itertools

from pydantic import BaseModel


def of(model: type[BaseModel]) -> dict[str, str]:
    """Of each field that has one: its description, or else the docstring below it."""
    bases = [base for base in reversed(model.__mro__) if issubclass(base, BaseModel) and base is not BaseModel]
    below = {name: text for base in bases for name, text in _docstrings(base).items()}
    described = {name: field.description for name, field in model.model_fields.items() if field.description}
    return below | described


def _docstrings(model: type[BaseModel]) -> dict[str, str]:
    """Those below the fields that a class declares."""
    (tree,) = ast.parse(inspect.getsource(model)).body
    texts = {}
    for field, text in itertools.pairwise(getattr(tree, "body", ())):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(description))):
                texts[name] = inspect.cleandoc(description)
    return texts

"""What all settings have in common, and how the settings within settings are found."""

from collections.abc import Iterable
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo


class Model(BaseModel):
    """Settings: they don't change, have no unknown keys; a field's docstring describes it."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def models_in(annotation: Any) -> list[type[Model]]:
    """Return the models within a field's type: none, one, or each of a union."""
    if parts := get_args(annotation):
        return [model for part in parts for model in models_in(part)]
    return [annotation] if isinstance(annotation, type) and issubclass(annotation, Model) else []


def merged_fields(models: Iterable[type[Model]]) -> dict[str, FieldInfo]:
    """Return the fields of all these models by name; the first model with a name defines it."""
    found: dict[str, FieldInfo] = {}
    for model in models:
        found |= {name: field for name, field in model.model_fields.items() if name not in found}
    return found

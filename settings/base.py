"""What all settings have in common, and how the settings within settings are found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import InitErrorDetails, PydanticCustomError

#: The type of a validation error for values that are each right, and contradict each other.
CONTRADICTION = "contradiction"


class Model(BaseModel):
    """Settings: they don't change, and have no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


def contradictions(lines: Mapping[str, str]) -> ValidationError:
    """
    Return the error to raise for keys of a model that contradict each other.

    + lines: what is said of each key at fault
    """
    return ValidationError.from_exception_data(
        CONTRADICTION,
        [
            InitErrorDetails(type=PydanticCustomError(CONTRADICTION, line), loc=(key,), input=None)
            for key, line in lines.items()
        ],
    )


def models_in(annotation: Any) -> list[type[Model]]:
    """Return the models within a field's type: none, one, or each of a union."""
    if parts := get_args(annotation):
        return [model for part in parts for model in models_in(part)]
    return [annotation] if isinstance(annotation, type) and issubclass(annotation, Model) else []


def merged_fields(models: Iterable[type[Model]]) -> dict[str, FieldInfo]:
    """Return the fields of all these models by name; the first model with a name defines it."""
    found: dict[str, FieldInfo] = {}
    for model in models:
        for name, field in model.model_fields.items():
            found.setdefault(name, field)
    return found

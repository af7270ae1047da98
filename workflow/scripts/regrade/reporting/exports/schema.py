"""The JSON schema of params.yaml, for Snakemake's `validate` and for editors."""

from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from regrade.config.params import Params
from regrade.reporting.exports import field_texts


def schema() -> dict[str, Any]:
    """The schema, as it is kept in workflow/schemas/."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Params.model_json_schema(schema_generator=_WithTexts),
    }


class _WithTexts(GenerateJsonSchema):
    """Describes all fields.

    Pydantic itself would (`use_attribute_docstrings`), but whenever a model is imported: a tenth of a second in every
    job.
    """

    def model_schema(self, schema: Any) -> dict[str, Any]:
        """The JSON schema of one model."""
        made = super().model_schema(schema)
        model = schema["cls"]
        for name, text in field_texts.of(model).items():
            made["properties"][model.model_fields[name].alias or name]["description"] = text
        return made

"""The files as people write them: one pydantic model per kind of entry. JSON Schemas are made from these."""

"""The Admin API described as OpenAPI 3.1, made from the models and the table of kinds."""

"""Specifications of APIs (Swagger 2.0, OpenAPI 3.x) as values that a page shows."""

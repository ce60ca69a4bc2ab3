"""The service's OpenAPI 3.1 document, made from the tables of columns, parameters, formats and problems."""

from app.http.openapi.document import document, text

__all__ = ["document", "text"]

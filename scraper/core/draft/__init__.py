"""A vendor file and its tables' first SELECTs, drafted from an OpenAPI document.

What the document states is taken as known. Where lists, ids and pagination stand is guessed from names and examples,
and each guess is marked ``assumed`` in the file. Prices stand in no document: they are asked for.
"""

from __future__ import annotations

from scraper.core.draft.drafts import DraftedFiles, draft_vendor
from scraper.core.draft.openapi import OpenApiDocument

__all__ = ["DraftedFiles", "OpenApiDocument", "draft_vendor"]

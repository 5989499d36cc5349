"""A vendor file and its tables' first SELECTs, drafted from an OpenAPI document.

Statements of the document are taken as known. The places of lists, ids and pagination are guessed from names and
examples, and each guess is marked ``assumed`` in the file. No document states prices: they are left to fill in.
"""

from __future__ import annotations

from scraper.core.draft.drafts import DraftedFiles, draft_vendor
from scraper.core.draft.openapi import OpenApiDocument

__all__ = ["DraftedFiles", "OpenApiDocument", "draft_vendor"]

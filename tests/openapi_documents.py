"""OpenAPI documents of vendors that do not exist, and of boards such as the sandbox's KeyAPI has; in our own words."""

from __future__ import annotations

from typing import Any


def board(path: str, parameters: dict[str, str], records: dict[str, Any], paging: dict[str, Any], where: str) -> Any:
    """A GET operation as a reseller documents it: every parameter a string, an example and no schema."""
    stated = [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": "From 1 to 20; more is taken for 20." if name == "limit" else f"The {name} of the board.",
            "schema": {"type": "string", "default": default},
        }
        for name, default in parameters.items()
    ]
    example = {"code": 0, "message": "success", "data": {where: [records], "pagination": paging}, "requestId": "r-1"}
    failures = {
        str(status): {
            "description": "It failed.",
            "content": {
                "application/json": {
                    "schema": {"type": "object", "example": {"code": status, "data": None, "message": "no"}}
                }
            },
        }
        for status in (400, 401, 402, 429, 500)
    }
    answer = {"type": "object", "properties": {}, "example": example}
    return {
        path: {
            "get": {
                "summary": f"The board {where}",
                "parameters": stated,
                "responses": {"200": {"content": {"application/json": {"schema": answer}}}, **failures},
                "security": [{"A key": []}],
            }
        }
    }


def boards() -> dict[str, Any]:
    """The two boards that KeyAPI documents, of the form of its own document (OpenAPI 3.0.1)."""
    hashtag = {
        "hashtag_id": "4711",
        "hashtag_name": "soup",
        "country_info": {"id": "US", "value": "United States", "label": "US"},
        "industry_info": {"id": 27000000000, "value": "Food & Beverage", "label": "label_27000000000"},
        "is_promoted": False,
        "trend": [{"time": 1790000000, "value": 0.5}, {"time": 1790086400, "value": 1}],
        "creators": [{"nick_name": "A cook", "avatar_url": "https://pictures.example/1"}],
        "publish_cnt": 12,
        "video_views": 3_000_000_000,
        "rank": 1,
        "rank_diff_type": 4,
    }
    video = {
        "country_code": "US",
        "cover": "https://pictures.example/2",
        "duration": 9,
        "id": "75",
        "item_id": "75",
        "item_url": "https://videos.example/75",
        "region": "United States",
        "title": "A soup",
    }
    asked = {"page": "1", "limit": "20", "period": "7"}
    of_hashtags = {"page": 1, "size": 1, "total": 100, "has_more": True}
    of_videos = {"page": 1, "limit": 1, "total_count": 500, "has_more": True}
    hashtags = {**asked, "region": "all_regions", "industry_id": "nothing", "new_to_top_100": "false"}
    videos = {**asked, "region": "US", "order_by": "vv"}
    return {
        "openapi": "3.0.1",
        "info": {"title": "Boards", "version": "1.0.0"},
        "servers": [{"url": "https://api.boards.example"}],
        "paths": {
            **board("/v1/tiktok/trending/hashtags", hashtags, hashtag, of_hashtags, "list"),
            **board("/v1/tiktok/trending/videos", videos, video, of_videos, "videos"),
        },
        "components": {"securitySchemes": {"A key": {"type": "http", "scheme": "bearer"}}},
    }


def library() -> dict[str, Any]:
    """Books by cursor, a book by its number, and shelves that come whole: Swagger 2.0, references, no example."""
    return {
        "swagger": "2.0",
        "info": {"title": "Town library", "version": "2"},
        "host": "town-library.org",
        "basePath": "/api",
        "schemes": ["http", "https"],
        "securityDefinitions": {"card": {"type": "apiKey", "in": "header", "name": "X-Card"}},
        "parameters": {
            "after": {"name": "after", "in": "query", "type": "string", "description": "Where the last page ended."},
            "count": {"name": "page_size", "in": "query", "type": "integer", "maximum": 50, "default": 10},
        },
        "paths": {
            "/books": {
                "parameters": [{"$ref": "#/parameters/after"}],
                "get": {
                    "summary": "Books of the library",
                    "description": "Costs 3 credits per request.",
                    "parameters": [
                        {"$ref": "#/parameters/count"},
                        {"name": "shelf", "in": "query", "type": "string", "enum": ["new", "old"], "default": "new"},
                        {"name": "lent", "in": "query", "type": "boolean"},
                        {"name": "filter[year]", "in": "query", "type": "integer"},
                        {"name": "X-Trace", "in": "header", "type": "string"},
                    ],
                    "responses": {"200": {"schema": {"$ref": "#/definitions/Books"}}, "404": {"description": "None."}},
                },
                "post": {"summary": "Not a thing to buy"},
            },
            "/books/{number}": {
                "get": {
                    "summary": "One book",
                    "parameters": [{"name": "number", "in": "path", "required": True, "type": "integer"}],
                    "responses": {"200": {"schema": {"$ref": "#/definitions/Book"}}},
                }
            },
            "/shelves": {
                "get": {
                    "deprecated": True,
                    "parameters": [],
                    "responses": {"200": {"schema": {"type": "array", "items": {"$ref": "#/definitions/Shelf"}}}},
                }
            },
        },
        "definitions": _BOOKS,
    }


_BOOKS = {
    "Books": {
        "type": "object",
        "properties": {
            "items": {"type": "array", "items": {"$ref": "#/definitions/Book"}},
            "next_page_token": {"type": "string"},
        },
    },
    "Book": {
        "allOf": [
            {"$ref": "#/definitions/Thing"},
            {
                "properties": {
                    "title": {"type": "string", "description": "As it stands\non the cover."},
                    "pages": {"type": "integer"},
                    "sequel": {"$ref": "#/definitions/Book"},
                    "tags": {"type": "array", "items": {"type": "string"}},
                }
            },
        ]
    },
    "Thing": {"type": "object", "properties": {"id": {"type": "integer"}, "weight_kg": {"type": "number"}}},
    "Shelf": {"type": "object", "properties": {"name": {"type": "string"}, "order": {"type": "integer"}}},
}


def stations() -> dict[str, Any]:
    """Stations by offset, wrapped as GeoJSON: OpenAPI 3.1 with types in lists, and a server with a variable."""
    found = {
        "type": "FeatureCollection",
        "numFound": 900,
        "offset": 0,
        "features": [{"type": "Feature", "properties": {"stationId": "X1", "height": 12.5, "select": None}}],
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Weather", "version": "1"},
        "servers": [
            {
                "url": "https://{place}.weather.example/v{n}",
                "variables": {"place": {"default": "eu"}, "n": {"default": "3"}},
            }
        ],
        "paths": {
            "/stations": {
                "get": {
                    "parameters": [
                        {"name": "offset", "in": "query", "schema": {"type": ["integer", "null"], "default": 0}},
                        {
                            "name": "limit",
                            "in": "query",
                            "schema": {"anyOf": [{"type": "null"}, {"type": "integer", "maximum": 500}]},
                        },
                        {"name": "country_code", "in": "query", "schema": {"type": "string", "enum": ["NO", "SE"]}},
                    ],
                    "responses": {
                        "200": {"content": {"application/geo+json": {"examples": {"one": {"value": found}}}}}
                    },
                }
            }
        },
    }


ODD = (
    "id",
    "order",
    "select",
    'quo"te',
    "apo'strophe",
    "back\\slash",
    "new\nline",
    "",
    "Ünï",
    "a.b",
    "ID",
    "page",
    "1st",
)
"""Names that TOML, SQL or the archive's own columns could stumble over."""


def odd() -> dict[str, Any]:
    """A list whose records, parameters and texts bear odd names."""
    names = [*ODD, "x" * 300]
    nested = {name: {name: [number]} for number, name in enumerate(names)}
    record = {**{name: number for number, name in enumerate(names)}, "inner": nested, "--": "'; DROP TABLE x; --"}
    operation = {
        "summary": 'A "quoted"\n# summary \x00\x7f with \\ and an emoji 😀; -- \'',
        "parameters": [
            {"name": name, "in": "query", "schema": {"type": "string"}, "description": name} for name in names
        ],
        "responses": {"200": {"content": {"application/json": {"example": {"rows": [record]}}}}},
    }
    return {"openapi": "3.0.0", "info": {"title": 'T"]\n[x]'}, "paths": {"/Odd-Names": {"get": operation}}}

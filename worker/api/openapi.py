"""The OpenAPI document: what FastAPI gathers from the routes, and what holds for every one of them.

Keys, the errors every route may answer with, and the ``Idempotency-Key`` of every POST are said here once.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from worker.api.envelope import CODES
from worker.api.middleware import API
from worker.api.models import Failure

_SCHEMAS = "#/components/schemas/"

ABOUT = """
Campaigns call a list of contacts, each by an AI assistant, within hours and limits of your choosing.

Send `Authorization: Bearer dlr_…` with every request; a key belongs to one team. Every answer carries an
`X-Request-Id`, yours if you sent one. A POST with an `Idempotency-Key` can be sent again without being done again.
"""

_ERRORS = {
    400: "Values are wrong; `errors` names every one of them.",
    401: "No valid key was sent.",
    403: "The key belongs to another team, or its role does not allow this.",
    404: "There is no such thing in this team.",
    409: "It is not in a state for this, or the first request with this Idempotency-Key is not answered yet.",
    413: "The body is too large.",
    415: "The body is not of the kind that is taken here.",
    422: "The Idempotency-Key was used for another request.",
    429: "Too many requests; `Retry-After` says when to come again.",
    500: "Something went wrong on our side.",
    503: "The service is not available now; `Retry-After` says when to come again.",
}
_HEADERS = {
    401: {"WWW-Authenticate": {"schema": {"type": "string"}, "description": "What to send instead."}},
    429: {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}},
    503: {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}},
}
_PRINTABLE = "^[!-~¡-¬®-ÿ]([ -~¡-¬®-ÿ]*[!-~¡-¬®-ÿ])?$"
"""What a header can carry (Latin-1, no blanks around it) and is printable."""
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A text of your choosing, new for each thing to be done; kept for 24 hours.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": _PRINTABLE},
}


def takes(model: type[BaseModel], *, is_required: bool = True) -> dict[str, Any]:
    """The ``openapi_extra`` of a route that reads this body by the rules of the domain."""
    schema = model.model_json_schema(ref_template=_SCHEMAS + "{model}")
    content = {"application/json": {"schema": schema}}
    return {"requestBody": {"required": is_required, "content": content}}


def document(app: FastAPI) -> dict[str, Any]:
    """The document, made once."""
    if app.openapi_schema is None:
        made = get_openapi(
            title="campaign-dialer", version=app.version, openapi_version="3.1.0", description=ABOUT, routes=app.routes
        )
        schemas = made.setdefault("components", {}).setdefault("schemas", {})
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        failure = Failure.model_json_schema(ref_template=_SCHEMAS + "{model}")
        schemas.update(failure.pop("$defs"))
        schemas["Failure"] = failure
        made["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        for path, operations in made["paths"].items():
            for method, operation in operations.items():
                _complete(path, method, operation, schemas)
        app.openapi_schema = made
    return app.openapi_schema


def _complete(path: str, method: str, operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Say of one operation what holds for all of its kind."""
    operation["responses"].pop("422", None)
    if not path.startswith(API):
        return
    operation["security"] = [{"key": []}]
    if method == "post":
        operation.setdefault("parameters", []).append(_KEY)
    for status in _statuses(path, method, "requestBody" in operation):
        operation["responses"].setdefault(str(status), _failure(status))
    for body in operation.get("requestBody", {}).get("content", {}).values():
        _name_schema(body, schemas)


def _statuses(path: str, method: str, has_body: bool) -> list[int]:
    statuses = [400, 401, 403, 429, 500, 503]
    if "{" in path or method == "post":
        statuses.append(404)
    if method != "get":
        statuses += [409, 413, 415]
    if method == "post":
        statuses.append(422)
    return sorted(statuses)


def _failure(status: int) -> dict[str, Any]:
    example = {"success": False, "message": _ERRORS[status], "code": CODES[status], "errors": [], "requestId": "req_…"}
    content = {"schema": {"$ref": f"{_SCHEMAS}Failure"}, "example": example}
    answer: dict[str, Any] = {"description": _ERRORS[status], "content": {"application/json": content}}
    if status in _HEADERS:
        answer["headers"] = _HEADERS[status]
    return answer


def _name_schema(body: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Move a body's schema to the components, under its title."""
    schema = body["schema"]
    if "title" in schema:
        schemas.update(schema.pop("$defs", {}))
        schemas[schema["title"]] = schema
        body["schema"] = {"$ref": _SCHEMAS + schema["title"]}

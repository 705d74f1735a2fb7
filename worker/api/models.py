"""The shapes every part of the API shares, for its OpenAPI document.

Requests are checked by the rules in :mod:`worker.domain`, which find every fault at once and word it for the
caller, and answers are written by the views; the models describe both, and the tests hold them to it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Sent(BaseModel):
    """A request body: fields that are not known are refused."""

    model_config = ConfigDict(extra="forbid")


class Done(BaseModel):
    """It is done."""

    success: Literal[True] = True


class ErrorDetail(BaseModel):
    """One thing wrong with one value."""

    path: str = Field(examples=["callWindowStart"])
    message: str


class Failure(BaseModel):
    """Why a request was not done."""

    success: Literal[False] = False
    message: str
    code: str = Field(description="A word for programs.", examples=["invalid_request"])
    errors: list[ErrorDetail] = Field(description="Everything that is wrong with the values sent, all at once.")
    requestId: str = Field(description="Name this when you ask about the request.")


class Page(Done):
    """Part of a list."""

    count: int = Field(description="How many there are before paging.")
    limit: int
    offset: int


class KeyPage(Done):
    """Part of a list that is read behind a row."""

    count: int | None = Field(description="How many there are before paging; none for a page behind another.")
    limit: int
    offset: int
    next: str | None = Field(description="What the next page begins behind, for `after`; none where this is the last.")
    read_at: datetime = Field(
        description="Give this as `updatedSince` the next time. It lies a minute before the reading, for what was just "
        "being written; so what has changed in that minute comes twice."
    )


class Reach(BaseModel):
    """A campaign's contacts by how far it has come with them. Each is in one of these."""

    reached: int = Field(description="Answered.")
    not_reached: int = Field(description="Their attempts are used.")
    cannot_be_called: int = Field(description="No number, do-not-call, the same number twice, or not to be reached.")
    left: int = Field(description="They wait, or are being called.")
    cancelled: int = Field(description="They waited when their campaign was cancelled.")

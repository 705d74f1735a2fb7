"""Requests about all contacts that match a ``filter``, where others name them by their ids."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import Response

from worker.api.idempotency import Answer
from worker.api.request_context import RequestContext, answered
from worker.flow.base import Dialer
from worker.operations.batches import Bookmark
from worker.operations.by_filter import Handled, Matching


def do_matching(
    context: RequestContext,
    campaign_id: str,
    filters: Mapping[str, Any],
    verb: Callable[[Matching], Handled],
    view: Callable[[Handled], Mapping[str, Any]],
) -> Response:
    """Do it with those that match; ``view`` shows what became of them."""

    def work(dialer: Dialer, bookmark: Bookmark) -> Answer:
        matching = Matching(dialer, context.team_id, campaign_id, filters, context.actor, bookmark=bookmark)
        done = verb(matching)
        return answered(*done.steps(context.team_id, campaign_id), **view(done))

    return context.do_in_batches(work)

"""``dialer calls outcome``: what an assistant reports by itself, by hand."""

from __future__ import annotations

from typing import Any

import click

from worker.cli.context import Context, as_body, for_team
from worker.cli.showing import json_option, plain, show_json
from worker.domain.errors import Fault, Invalid


@click.command()
@click.argument("call_id")
@click.argument("word")
@click.option("--summary", help="What was said, in short.")
@click.option("--callback-at", metavar="INSTANT", help="When to call again, such as 2027-03-01T17:00:00-05:00.")
@click.option("--do-not-call", is_flag=True, help="The callee is never to be called again, by no campaign.")
@click.option("--data", metavar="JSON", help="What was noted, an object.")
@click.option("--transcript-url", metavar="URL", help="Where the transcript is.")
@click.option("--recording-url", metavar="URL", help="Where the recording is.")
@click.option("--spoke-at", metavar="INSTANT", help="When the assistant said its first words.")
@json_option
@for_team
def outcome(
    context: Context,
    /,
    call_id: str,
    word: str,
    do_not_call: bool,
    data: str | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Report the outcome of CALL_ID: WORD is one of the campaign's `outcomes`. What its assistant does by itself."""
    from worker.flow import outcomes

    body = as_body(outcome=word, **given) | ({"doNotCall": True} if do_not_call else {})
    if data is not None:
        body["data"] = _read_json(data)
    answer, steps = outcomes.report_outcome(context.dialer, context.team_id, call_id, body, actor=context.actor)
    context.carry_out(steps)
    if as_json:
        show_json(outcome=dict(answer))
    else:
        click.echo(plain(f"{answer['outcome']}: {_EFFECTS[answer['effect']]}{_next(answer)}."))


_EFFECTS = {
    "decides": "it decides",
    "decides_at_end": "it decides when the call ends",
    "annotates": "it is noted and decides nothing",
}


def _next(answer: Any) -> str:
    then = answer["next"]
    if then == "retry":
        return f", call again after {answer['retry_after_minutes']} min"
    return "" if then is None else f", {then}"


def _read_json(text: str) -> Any:
    import json

    try:
        return json.loads(text)
    except ValueError:
        raise Invalid([Fault("data", 'Give a JSON object, such as {"seats": 12}.')]) from None

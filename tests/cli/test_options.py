"""Whatever the API takes for a thing can be given on the command line, under the same names."""

from __future__ import annotations

import click
import pytest

from worker.api.models_resources import models_of
from worker.cli import dialer
from worker.cli.lazy import LazyGroup
from worker.domain.campaign import CAMPAIGN
from worker.domain.contact import CONTACT
from worker.domain.fields import snake
from worker.domain.resources import Resource
from worker.operations.assistants import RESOURCES

OF_THE_COMMAND = {"as_json", "team", "country", "no_call_window"}
"""Options that are no field: how it answers, for whom, and how what was given is meant."""


def commands_of(name: str) -> dict[str, click.Command]:
    """The commands of a group, loaded."""
    group = dict(dialer.loaded())[name]
    assert isinstance(group, LazyGroup)
    return dict(group.loaded())


@pytest.mark.parametrize("resource", [*RESOURCES, CONTACT, CAMPAIGN], ids=lambda r: r.what)
@pytest.mark.parametrize("is_new", [True, False], ids=["new", "edit"])
def test_the_options_of_a_command_are_the_fields_of_its_request(resource: Resource, is_new: bool) -> None:
    models = models_of(resource)
    known = set((models.new if is_new else models.edit).model_fields) - {"teamId"}
    assert known == {field.name for field in resource.settable(is_new=is_new)}
    verbs = commands_of(resource.nouns)
    verb = "edit" if not is_new else "create" if "create" in verbs else "add"
    options = {each.name for each in verbs[verb].params if isinstance(each, click.Option)}
    named = {snake(name) for name in known}
    assert options - (OF_THE_COMMAND - named) == named


def test_an_assistant_at_a_carrier_can_be_set() -> None:
    for verb in ("add", "edit"):
        flags = {flag for each in commands_of("assistants")[verb].params for flag in each.opts}
        assert "--telnyx-assistant-id" in flags

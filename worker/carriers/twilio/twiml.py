"""The instructions for Twilio about a callee who has answered: TwiML."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, tostring

from worker.carriers.base import Greeting
from worker.carriers.http import with_parameters


def instructions(greeting: Greeting | None) -> str:
    """Connect the callee to the assistant's media stream, or go on with the assistant's own TwiML; hang up where
    there is neither, or nobody expects the call. What the assistant gets to know of the call goes as parameters of the
    stream, whose address must have none, or in the query of the address: but for what is personal, which it fetches by
    the token of the call."""
    response = Element("Response")
    if greeting is not None and greeting.assistant.stream_url:
        stream = SubElement(SubElement(response, "Connect"), "Stream", url=greeting.assistant.stream_url)
        for name, value in greeting.parameters_and_variables.items():
            SubElement(stream, "Parameter", name=name, value=value)
    elif greeting is not None and greeting.assistant.answer_url:
        redirect = SubElement(response, "Redirect", method="POST")
        redirect.text = with_parameters(greeting.assistant.answer_url, greeting.parameters)
    else:
        SubElement(response, "Hangup")
    return str(tostring(response, encoding="unicode", xml_declaration=True))

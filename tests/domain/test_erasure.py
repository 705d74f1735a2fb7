"""What a person is found by: a number in any spelling, whole names and addresses anywhere, a name alone where it is all
that is said."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from worker.domain.erasure import Signs, mentions, signs_of, without

MAY = {
    "id": "cont_1", "first_name": "May", "last_name": "Łukasz-O'Neil", "phone": "(212) 555-0123",
    "email": "m.w@x.example", "phone_e164": "+12125550123", "phone_secondary": "212 555 0177", "external_id": "crm(1)",
}  # fmt: skip
SIGNS = signs_of([MAY], [], "US")


@pytest.mark.parametrize(
    "text",
    [
        "+12125550123", "12125550123", "2125550123", "(212) 555-0123", "+1 212.555.0123", "0012125550123",
        "tel:+1-212-555-0123",
        "To=%2B12125550123&x=1", "212 555 0123", "call 2125550123 now", "+1 212 555 01 77", "0212 555-0123",
        "MAY ŁUKASZ-O'NEIL", "Łukasz-O'Neil May", "<m.w@x.example>", "crm(1)", "May", " may ", '{"n": 12125550123}',
    ],
)  # fmt: skip
def test_it_is_found_however_it_is_written(text: str) -> None:
    assert mentions(SIGNS, text)
    assert not re.search(r"0123|01 77|crm|x\.example|ukasz", str(without(SIGNS, text)), re.IGNORECASE)


@pytest.mark.parametrize(
    "value",
    [
        "call back in May", "he may", "+12125550124", "99912125550123456", "crm(12)", "maybe", "",
        {"note": "May be", "n": 2125550124, "b": True, "x": None, "f": 1.5, "l": ["Mayor", "LUKASZ"]},
    ],
)  # fmt: skip
def test_what_is_a_word_or_another_number_stays(value: Any) -> None:
    assert without(SIGNS, value) == value


def test_values_names_and_numbers_inside_json_go_and_the_rest_stays() -> None:
    value = {"a": ["May", "June", {"212-555-0123": 2125550123}], "May": "in May, (212) 555-0123"}
    assert without(SIGNS, value) == {"a": ["erased", "June", {"erased": "erased"}], "erased": "in May, erased"}


def test_signs_are_kept_as_json_and_read_again_and_none_find_nothing() -> None:
    assert Signs.of_json(json.loads(json.dumps(SIGNS.as_json()))) == SIGNS
    assert not mentions(Signs(), "anything")
    assert without(Signs(), {"a": "May"}) == {"a": "May"}

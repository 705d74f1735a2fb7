"""Which known name a slip of the fingers meant."""

from __future__ import annotations

import pytest

from worker.domain.errors import Invalid
from worker.domain.retry import RETRYABLE, check_delays
from worker.domain.settings_spelling import KNOWN, misspelt
from worker.domain.spelling import nearest

SIGNS = "abcz"


def slips(name: str) -> set[str]:
    """Everything that one slip makes of a name: a sign left out, doubled, changed, or swapped with the next."""
    made = {name[:i] + name[i + 1 :] for i in range(len(name))}
    made |= {name[:i] + sign + name[i:] for i in range(len(name) + 1) for sign in SIGNS}
    made |= {name[:i] + sign + name[i + 1 :] for i in range(len(name)) for sign in SIGNS}
    made |= {name[:i] + name[i + 1] + name[i] + name[i + 2 :] for i in range(len(name) - 1)}
    return made - {name}


def spellings(name: str) -> set[str]:
    """The name in other people's ways of writing names."""
    words = "".join(f"_{sign.lower()}" if sign.isupper() else sign for sign in name)
    return {words, words.upper(), words.replace("_", "-"), words.replace("_", " "), name.lower(), name.upper(),
            name[0].upper() + name[1:]} - {name}  # fmt: skip


@pytest.mark.parametrize("known", KNOWN)
def test_a_known_setting_misspelt_by_a_letter_or_another_way_is_shown(known: str) -> None:
    for wrong in slips(known) | spellings(known) | {known[1:-1], f"{known}es"}:
        warnings = misspelt({wrong: {}, "crm": 1, known: {}})
        assert warnings == [f"settings.{wrong} is kept but does nothing; did you mean settings.{known}?"]


@pytest.mark.parametrize(
    "name", ["crm", "delay", "timezone", "detection", "retries", "machine", "contact", "", "x", "日本", "r" * 10_000]
)
def test_a_key_of_somebody_elses_is_no_slip(name: str) -> None:
    assert misspelt({name: 1}) == []


def test_what_is_known_is_not_shown() -> None:
    assert misspelt(dict.fromkeys(KNOWN)) == []


@pytest.mark.parametrize("known", [name for name in RETRYABLE if len(name) > 4])
def test_a_disposition_misspelt_by_a_letter_is_refused_with_the_right_one(known: str) -> None:
    for wrong in slips(known) - set(RETRYABLE):
        with pytest.raises(Invalid, match="did you mean") as refused:
            check_delays({wrong: 1}, "settings.retryDelays")
        assert f"did you mean {known}?" in str(refused.value)


def test_a_short_name_resembles_little() -> None:
    assert nearest("to", ("do", "go")) is None
    assert nearest("tags", ("tag",)) is None
    assert nearest("ofset", ("limit", "offset")) == "offset"

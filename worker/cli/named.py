"""What was named is answered by its name: a command that was given a name in the place of an id says the name."""

from __future__ import annotations

from collections.abc import Mapping

_words: dict[str, str] = {}
"""What the command of this process was given, by the id that it means."""


def keep_words(words_by_id: Mapping[str, str]) -> None:
    """Remember by which words the command was given these ids."""
    _words.update({id: word for id, word in words_by_id.items() if id != word})


def as_given(sentence: str) -> str:
    """The sentence with the words that were given in the place of the ids they mean."""
    for id, word in _words.items():
        sentence = sentence.replace(id, word)
    return sentence

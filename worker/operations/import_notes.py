"""What somebody should know of an import as a whole, in sentences: how the file was read, and what is not obvious."""

from __future__ import annotations

from collections.abc import Iterator

from worker.domain.contact_file import ContactFile
from worker.domain.csv_text import Encoding
from worker.operations.import_request import Loaded, waits_for_next_run


def import_notes(file: ContactFile, loaded: Loaded, encoding: Encoding) -> Iterator[str]:
    """The notes on a file that was read to its end."""
    if encoding.note:
        yield encoding.note
    if file.columns.is_export:
        yield "It is an export of this product, and was read as one."
    if file.columns.custom:
        yield f"Columns kept as custom fields: {', '.join(file.columns.custom)}."
    consents = [file.columns.named[i] for i in file.columns.consents]
    if consents:
        yield f"In {' and '.join(consents)} a plain no was taken for do-not-call."
    if loaded.unreadable:
        yield (
            f"{loaded.unreadable} of {loaded.do_not_call} lines with do-not-call said so in words that cannot be read; "
            "look at them."
        )
    if loaded.elsewhere:
        yield (
            f"{loaded.elsewhere} of {loaded.do_not_call} lines with do-not-call said so in a column of something else; "
            "it binds."
        )
    if loaded.import_id and loaded.do_not_call and (loaded.unreadable or loaded.elsewhere or consents):
        yield f"If do-not-call was not meant, take it back: dialer contacts undo-do-not-call {loaded.import_id}"
    if file.is_cut and loaded.lines:
        yield "The last line has no end; if the file was cut off there, look at its last contact."
    if waits_for_next_run(loaded):
        yield "The campaign is completed: they wait for its next run."

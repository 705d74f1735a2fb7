"""Names of encodings, as people and programs give them: in ``charset=`` of a request, in ``--encoding``.

What Python knows by a name counts, and a few names it does not know. Its codecs that are no text (``base64``,
``rot13``, ``zip``), that are of Python alone or of one computer (``unicode_escape``, ``mbcs``) are none.
"""

from __future__ import annotations

import codecs
import re
from email.message import Message

from worker.domain.errors import Fault, Invalid
from worker.domain.letters import word_set

_SHAPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:()+ -]{0,59}")
_OTHER_NAMES = {
    "ansi": "windows-1252", "windows": "windows-1252", "x-ansi": "windows-1252", "x-cp1250": "windows-1250",
    "x-cp1251": "windows-1251", "x-cp1252": "windows-1252", "windows-874": "cp874", "dos-874": "cp874",
    "windows-31j": "cp932", "x-sjis": "shift_jis", "windows-949": "cp949", "windows-936": "gbk", "x-gbk": "gbk",
    "windows-932": "cp932", "windows-950": "big5", "x-x-big5": "big5", "x-euc-jp": "euc_jp", "unicode": "utf-16",
    "unicode-1-1-utf-8": "utf-8", "utf8mb4": "utf-8", "utf-8-bom": "utf-8-sig", "x-mac-roman": "mac_roman",
    "x-mac-cyrillic": "mac_cyrillic", "x-mac-greek": "mac_greek", "x-mac-turkish": "mac_turkish",
    "x-mac-centraleurroman": "mac_latin2", "x-mac-ce": "mac_latin2", "iso-8859-8-i": "iso8859_8",
    "iso-8859-6-i": "iso8859_6", "csisolatin1": "latin-1", "csutf8": "utf-8", "csutf16": "utf-16",
    "unicodefffe": "utf-16-be", "csunicode": "utf-16-be", "iso-10646-ucs-2": "utf-16-be", "ucs-2": "utf-16",
    "ucs-4": "utf-32",
}  # fmt: skip
"""Names of the WHATWG's and IANA's lists, and of Windows, that Python does not know."""
_NOT_TEXT = word_set(
    "idna punycode unicode_escape raw_unicode_escape unicode_internal undefined mbcs oem string_escape"
)


def encoding_named(name: str) -> str:
    """The encoding this name means, as Python calls it. Raises :class:`Invalid`, which names it, for a name that
    nobody knows, and for what is no encoding of text."""
    wanted = name.strip().strip("\"'").strip()
    known = _OTHER_NAMES.get(wanted.lower().replace("_", "-"), wanted)
    try:
        codec = codecs.lookup(known) if _SHAPE.fullmatch(known) else None
        is_text = codec is not None and _is_text(codec)
    except (LookupError, ValueError):
        codec, is_text = None, False
    if codec is None or not is_text:
        raise Invalid(
            [
                Fault(
                    "encoding",
                    f"No encoding {wanted[:60]!r} of texts is known; give one such as utf-8 or windows-1252.",
                )
            ]
        )
    return codec.name


def declared_in(content_type: str) -> str | None:
    """What a ``Content-Type`` says of its charset, if it does."""
    header = Message()
    header["content-type"] = content_type.replace("\r", " ").replace("\n", " ")
    found = header.get_param("charset")
    return None if found is None else str(found[2] if isinstance(found, tuple) else found)


def shown(encoding: str) -> str:
    """The name people know it by: ``cp1250`` is ``windows-1250``."""
    plain = encoding.lower().replace("_", "-")
    return re.sub(r"^cp(125[0-8])$", r"windows-\1", re.sub(r"^iso8859-", "iso-8859-", plain))


def _is_text(codec: codecs.CodecInfo) -> bool:
    if (
        codec.name.replace("-", "_") in _NOT_TEXT
        or codec.incrementaldecoder is None
        or not getattr(codec, "_is_text_encoding", True)
    ):
        return False
    # A decoder that takes bytes for something else says so when it is used.
    return isinstance(codec.decode(b"", "strict")[0], str)

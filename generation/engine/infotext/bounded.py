"""Bounds on what is decoded, and the one error for what cannot be."""

import json
import re
import zlib
from typing import Any, Final, NoReturn

from generation.engine.errors import EngineError

MAX_FILE_BYTES: Final = 64 * 2**20
MAX_TEXT_BYTES: Final = 4 * 2**20
"""Of one text in a file, after decompression; a ComfyUI graph takes up to about a megabyte."""
MAX_TEXTS: Final = 64
"""Texts in one file."""
MAX_PARAMETERS_CHARACTERS: Final = 131_072
"""Of a ``parameters`` text, which is a few thousand characters long."""
MAX_JSON_DEPTH: Final = 64

_JSON_MARKS: Final = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL)


def bad_metadata(reason: str) -> EngineError:
    """``reason`` is a clause: what is wrong with the file."""
    return EngineError(
        "bad_metadata",
        f"The recipe in this picture cannot be read: {reason}.",
        hint="The picture itself may be fine; enter its values by hand.",
        field="image",
    )


def json_decode(text: str) -> Any:
    """The value of a JSON text without NaN and infinity. Raises ``EngineError("bad_metadata")``."""
    if len(text) > MAX_TEXT_BYTES:
        raise bad_metadata(f"its JSON has more than {MAX_TEXT_BYTES} characters")
    # Before decoding: the decoder recurses as deep as the text says.
    depth = 0
    for match in _JSON_MARKS.finditer(text):
        depth += (match[0] in "[{") - (match[0] in "]}")
        if depth > MAX_JSON_DEPTH:
            raise bad_metadata(f"its JSON is nested more than {MAX_JSON_DEPTH} deep")
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except ValueError as error:
        raise bad_metadata(f"its JSON is broken ({error})") from error


def inflate(data: bytes) -> bytes:
    """zlib data decompressed, if it is no more than ``MAX_TEXT_BYTES``. Raises
    ``EngineError("bad_metadata")``.
    """
    decompressor = zlib.decompressobj()
    try:
        plain = decompressor.decompress(data, MAX_TEXT_BYTES + 1)
    except zlib.error as error:
        raise bad_metadata(f"a compressed text is broken ({error})") from error
    if len(plain) > MAX_TEXT_BYTES:
        raise bad_metadata(f"a compressed text holds more than {MAX_TEXT_BYTES} bytes")
    if not decompressor.eof:
        raise bad_metadata("a compressed text is cut short")
    return plain


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")

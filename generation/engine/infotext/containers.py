"""Finds the texts inside a picture file without decoding the picture."""

import io
import struct
import zlib
from collections.abc import Iterator
from typing import Final

from PIL import Image as PillowImage

from generation.engine.infotext.bounded import (
    MAX_FILE_BYTES,
    MAX_TEXT_BYTES,
    MAX_TEXTS,
    bad_metadata,
    inflate,
)
from generation.engine.infotext.exif import exif_texts

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_JPEG: Final = b"\xff\xd8\xff"
_GIF: Final = (b"GIF87a", b"GIF89a")
_STANDALONE: Final = {0x01, *range(0xD0, 0xD8)}
"""JPEG markers without a length."""


def texts_read(content: bytes) -> dict[str, str]:
    """Texts by name: a PNG's keywords; ``parameters``, ``recipe``, ``prompt`` and ``workflow`` from EXIF; a
    GIF's comment as ``parameters``. Empty when there are none or the kind of file carries none.

    Raises ``EngineError("bad_metadata")`` for files and texts that are broken or too large.
    """
    if len(content) > MAX_FILE_BYTES:
        raise bad_metadata(f"the file has more than {MAX_FILE_BYTES} bytes")
    if content.startswith(_PNG):
        return _png_texts(content)
    if content.startswith(_JPEG):
        return _exif_of(_jpeg_exif(content))
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return _exif_of(_webp_exif(content))
    if content.startswith(_GIF) or content[4:12] in (b"ftypavif", b"ftypavis"):
        return _pillow_texts(content)
    return {}


def _png_texts(content: bytes) -> dict[str, str]:
    texts: dict[str, str] = {}
    for number, (kind, body) in enumerate(_png_chunks(content)):
        if number >= MAX_TEXTS:
            raise bad_metadata(f"it has more than {MAX_TEXTS} texts")
        if kind == b"eXIf":
            texts = {**exif_texts(body), **texts}
            continue
        keyword, _, rest = body.partition(b"\0")
        texts[keyword.decode("latin-1")] = _png_text(kind, rest)
    return texts


def _png_text(kind: bytes, rest: bytes) -> str:
    if kind == b"tEXt":
        return rest.decode("latin-1")
    if kind == b"zTXt":
        return inflate(rest[1:]).decode("latin-1")
    is_compressed, tail = rest[:1] == b"\1", rest[2:]
    _language, _, tail = tail.partition(b"\0")
    _translated, _, text = tail.partition(b"\0")
    return (inflate(text) if is_compressed else text).decode("utf-8", "replace")


def _png_chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The chunks with text, wherever they stand; the others are stepped over."""
    position = len(_PNG)
    while position + 12 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, position)
        end = position + 8 + length
        if end + 4 > len(content):
            break
        if kind in (b"tEXt", b"zTXt", b"iTXt", b"eXIf"):
            if length > MAX_TEXT_BYTES:
                raise bad_metadata(f"a text has more than {MAX_TEXT_BYTES} bytes")
            if zlib.crc32(content[position + 4 : end]) != int.from_bytes(content[end : end + 4], "big"):
                raise bad_metadata("a text is damaged (its checksum is wrong)")
            yield kind, content[position + 8 : end]
        if kind == b"IEND":
            return
        position = end + 4
    raise bad_metadata("the file is cut short")


def _jpeg_exif(content: bytes) -> bytes | None:
    position = 2
    while position + 4 <= len(content) and content[position] == 0xFF:
        marker = content[position + 1]
        if marker == 0xFF or marker in _STANDALONE:
            position += 1 if marker == 0xFF else 2
            continue
        length = int.from_bytes(content[position + 2 : position + 4], "big")
        if position + 2 + length > len(content):
            break
        body = content[position + 4 : position + 2 + length]
        if marker == 0xE1 and body.startswith(b"Exif\0\0"):
            return body
        if marker == 0xDA:  # the picture itself: no metadata behind it
            return None
        position += 2 + max(length, 2)
    raise bad_metadata("the file is cut short")


def _webp_exif(content: bytes) -> bytes | None:
    position = 12
    while position + 8 <= len(content):
        kind, length = struct.unpack_from("<4sI", content, position)
        body = position + 8
        if body + length > len(content):
            raise bad_metadata("the file is cut short")
        if kind == b"EXIF":
            return content[body : body + length]
        position = body + length + length % 2
    return None


def _exif_of(content: bytes | None) -> dict[str, str]:
    return {} if content is None else exif_texts(content)


def _pillow_texts(content: bytes) -> dict[str, str]:
    """For kinds whose headers are not worth a reader of our own; Pillow decodes no picture before it has
    to.
    """
    try:
        with PillowImage.open(io.BytesIO(content), formats=("GIF", "AVIF")) as picture:
            comment, exif = picture.info.get("comment"), picture.info.get("exif")
    except Exception as error:  # Pillow's readers raise whatever a broken file leads them to
        raise bad_metadata(f"the file is broken ({type(error).__name__})") from error
    if isinstance(comment, bytes):
        return {"parameters": comment.decode("utf-8", "replace")}
    return _exif_of(exif if isinstance(exif, bytes) else None)

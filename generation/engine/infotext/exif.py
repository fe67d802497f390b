"""Text in EXIF, where JPEG, WebP and AVIF carry it."""

from typing import Final

from PIL import Image as PillowImage

from generation.engine.infotext.bounded import MAX_TEXT_BYTES, bad_metadata

MAX_EXIF_BYTES: Final = 65_000
"""A JPEG's segment holds no more."""

_EXIF_IFD: Final = 0x8769
_USER_COMMENT: Final = 0x9286
_DESCRIPTION: Final = 0x010E
_MAKE: Final = 0x010F
_MODEL: Final = 0x0110
_PREFIX: Final = b"Exif\0\0"
_UNICODE: Final = b"UNICODE\0"
_ASCII: Final = b"ASCII\0\0\0"


def exif_write(infotext: str, document: str = "") -> bytes:
    """EXIF for Pillow's ``save(exif=…)``: A1111's text as the comment, our JSON as the description.

    Where both do not fit into a JPEG the JSON is left out. Raises ``EngineError("bad_metadata")`` when the
    text alone is too long.
    """
    for description in (document, ""):
        exif = PillowImage.Exif()
        if description:
            exif[_DESCRIPTION] = description
        exif.get_ifd(_EXIF_IFD)[_USER_COMMENT] = _UNICODE + infotext.encode("utf-16-be", "surrogatepass")
        content = exif.tobytes()
        if len(content) <= MAX_EXIF_BYTES:
            return content
    raise bad_metadata(f"the text does not fit into {MAX_EXIF_BYTES} bytes of EXIF")


def exif_texts(content: bytes) -> dict[str, str]:
    """Texts under the names they have in a PNG: ``parameters`` for the comment, ``recipe`` for the
    description and ComfyUI's ``prompt`` and ``workflow``. Raises ``EngineError("bad_metadata")``.
    """
    if len(content) > MAX_TEXT_BYTES:
        raise bad_metadata(f"its EXIF has more than {MAX_TEXT_BYTES} bytes")
    exif = PillowImage.Exif()
    try:
        exif.load(content if content.startswith(_PREFIX) else _PREFIX + content)
        comment = exif.get_ifd(_EXIF_IFD).get(_USER_COMMENT)
        tags = {tag: exif.get(tag) for tag in (_DESCRIPTION, _MAKE, _MODEL)}
    except Exception as error:  # Pillow's reader raises whatever a broken file leads it to
        raise bad_metadata(f"its EXIF is broken ({type(error).__name__})") from error
    texts = {"parameters": comment_decode(comment)} if isinstance(comment, bytes) else {}
    for tag, value in tags.items():
        if not isinstance(value, str):
            continue
        # ComfyUI writes "prompt:{…}" and "workflow:{…}" where a camera writes its name.
        name, sign, rest = value.partition(":")
        if sign and name in ("prompt", "workflow") and rest.startswith("{"):
            texts[name] = rest
        elif tag == _DESCRIPTION:
            texts["recipe"] = value
    return texts


def comment_decode(content: bytes) -> str:
    """The text of a UserComment: eight bytes name its encoding, but not its byte order."""
    kind, body = content[:8], content[8:]
    if kind == _UNICODE:
        return body.decode(_byte_order(body), "replace").strip("\0")
    if kind in (_ASCII, b"\0" * 8):
        return body.decode("utf-8", "replace").strip("\0")
    return content.decode("utf-8", "replace").strip("\0")


def _byte_order(body: bytes) -> str:
    if body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    # Every recipe holds Latin letters, digits and blanks, whose high byte is zero.
    return "utf-16-le" if body[1::2].count(0) > body[0::2].count(0) else "utf-16-be"

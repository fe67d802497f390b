"""Pictures from strangers: what comes out of each kind, and what is refused before it costs anything."""

import io
import struct
import zlib
from typing import Any

import pytest
from PIL import Image

from generation.pictures import base64_bytes, picture_read
from sdweb.errors import PortalError
from tests.generation.drawing import base64_of, encoded, picture


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "AVIF"])
def test_reads_the_usual_formats(form: str) -> None:
    read = picture_read(encoded(picture(), form), field="image")
    assert (read.mode, read.size, read.info) == ("RGB", (96, 64), {})


def test_takes_base64_as_it_comes() -> None:
    text = base64_of()
    plain = base64_bytes(text, field="image")
    assert base64_bytes(f"data:image/png;base64,{text}", field="image") == plain
    assert base64_bytes("\n".join(text[i : i + 76] for i in range(0, len(text), 76)), field="image") == plain


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("L", "L"), ("1", "L"), ("P", "RGB"), ("RGB", "RGB"), ("RGBA", "RGBA"), ("LA", "RGBA"), ("CMYK", "RGB")],
)
def test_every_mode_becomes_one_of_three(mode: str, expected: str) -> None:
    form = "JPEG" if mode == "CMYK" else "PNG"
    assert picture_read(encoded(picture(mode=mode), form), field="image").mode == expected


def test_keeps_transparency() -> None:
    read = picture_read(encoded(picture(mode="RGBA", colour=(10, 20, 30, 40))), field="image")
    assert read.getpixel((0, 0)) == (10, 20, 30, 40)


def test_a_palette_with_a_transparent_colour_keeps_it() -> None:
    read = picture_read(encoded(picture(mode="P", colour=0), transparency=0), field="image")
    assert read.mode == "RGBA"
    assert read.getpixel((0, 0))[3] == 0  # type: ignore[index]


def test_sixteen_bits_become_eight() -> None:
    deep = Image.new("I;16", (4, 4), 0x8000)
    assert picture_read(encoded(deep), field="image").getpixel((0, 0)) in (127, 128)


def test_is_turned_upright_and_forgets_where_it_was_taken() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter
    exif[0x010E] = "my home"
    read = picture_read(encoded(picture(96, 64), "JPEG", exif=exif.tobytes()), field="image")
    assert read.size == (64, 96)
    assert not read.getexif()
    assert read.info == {}


def test_an_animation_is_its_first_frame() -> None:
    frames = [picture(colour="red"), picture(colour="blue")]
    content = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    assert picture_read(content, field="image").convert("RGB").getpixel((0, 0)) == (255, 0, 0)


def png_that_claims(width: int, height: int) -> bytes:
    """A few bytes that say they are a picture of that size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "bad_picture"),
        (b"hello", "bad_picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "bad_picture"),
        (encoded(picture(), "GIF"), "bad_picture"),
        (encoded(picture(), "BMP"), "bad_picture"),
        (encoded(picture(), "TIFF"), "bad_picture"),
        (encoded(picture())[: len(encoded(picture())) // 2], "bad_picture"),
        (encoded(picture(), "JPEG")[:300], "bad_picture"),
        (png_that_claims(64, 64), "bad_picture"),
        (png_that_claims(9000, 9000), "picture_too_large"),
        (png_that_claims(20000, 10), "picture_too_large"),
        (png_that_claims(60000, 60000), "bad_picture"),
        (png_that_claims(0, 0), "bad_picture"),
    ],
    ids=[
        "nothing", "text", "svg", "gif", "bmp", "tiff", "half a png", "half a jpeg", "empty rows",
        "too many pixels", "too long", "a bomb", "no pixels",
    ],
)  # fmt: skip
def test_refuses_what_is_no_usable_picture(content: bytes, code: str) -> None:
    with pytest.raises(PortalError) as refused:
        picture_read(content, field="mask")
    assert refused.value.code == code
    assert list(refused.value.fields) == ["mask"]
    assert refused.value.status == 422


def test_nothing_is_decoded_before_the_size_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image.Image, "load", lambda _self: pytest.fail("decoded"))
    with pytest.raises(PortalError, match="pixels"):
        picture_read(png_that_claims(9000, 9000), field="image")


@pytest.mark.parametrize("text", ["%%%", "aGVsbG8", "ї", "data:text/html;base64,aGVsbG8="])
def test_refuses_what_is_no_base64(text: str) -> None:
    with pytest.raises(PortalError) as refused:
        base64_bytes(text, field="image")
    assert refused.value.code == "bad_picture"


def test_refuses_too_many_bytes(settings: Any) -> None:
    settings.UPLOAD_MAX_BYTES = 100
    with pytest.raises(PortalError) as refused:
        base64_bytes("A" * 1000, field="image")
    assert refused.value.code == "picture_too_large"
    with pytest.raises(PortalError, match="MiB"):
        picture_read(io.BytesIO(b"x" * 101).getvalue(), field="image")

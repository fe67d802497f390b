"""Recipes in files, also in hostile ones."""

import io
import struct
import time
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from generation.engine.errors import EngineError
from generation.engine.infotext import (
    Recipe,
    document_write,
    exif_write,
    parameters_dict,
    recipe_from_texts,
    recipe_read,
    texts_read,
)
from generation.engine.infotext.bounded import MAX_FILE_BYTES, MAX_TEXT_BYTES
from generation.engine.infotext.exif import comment_decode

TEXT = "a fox, лис 🦊\nNegative prompt: fog\nSteps: 20, Sampler: Euler, Seed: 7, Size: 64x64"


def picture(kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), (200, 90, 20)).save(buffer, kind, **options)
    return buffer.getvalue()


def png(*texts: tuple[str, str], compressed: bool = False, international: bool = False) -> bytes:
    info = PngInfo()
    for key, value in texts:
        (info.add_itxt if international else info.add_text)(key, value, zip=compressed)
    return picture("PNG", pnginfo=info)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_chunk(kind: bytes, body: bytes) -> bytes:
    """A PNG with one more chunk behind the header."""
    content = png()
    return content[:33] + chunk(kind, body) + content[33:]


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("international", [False, True])
def test_png(*, compressed: bool, international: bool) -> None:
    plain = TEXT if international else "a fox\nSteps: 20, Sampler: Euler, Seed: 7"
    content = png(("parameters", plain), compressed=compressed, international=international)
    assert texts_read(content) == {"parameters": plain}
    recipe = recipe_read(content)
    assert recipe is not None
    assert (recipe.steps, recipe.sampler, recipe.seed) == (20, "Euler", 7)


def test_png_with_text_behind_the_picture() -> None:
    content = png()
    content = content[:-12] + chunk(b"tEXt", b"parameters\0x") + content[-12:]
    assert texts_read(content) == {"parameters": "x"}


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF", "PNG"])
def test_exif(kind: str) -> None:
    document = document_write(Recipe(source="sdweb", prompt="a fox, лис 🦊", seed=7))
    content = picture(kind, exif=exif_write(TEXT, document))
    assert texts_read(content) == {"parameters": TEXT, "recipe": document}
    assert recipe_read(content) == Recipe(source="sdweb", prompt="a fox, лис 🦊", seed=7)
    assert getattr(recipe_read(picture(kind, exif=exif_write(TEXT))), "seed", None) == 7


def test_gif() -> None:
    assert texts_read(picture("GIF", comment=TEXT.encode())) == {"parameters": TEXT}


def test_comfyuis_webp() -> None:
    exif = Image.Exif()
    exif[0x0110], exif[0x010F] = 'prompt:{"1": {}}', 'workflow:{"nodes": []}'
    content = picture("WEBP", exif=exif.tobytes())
    assert texts_read(content) == {"prompt": '{"1": {}}', "workflow": '{"nodes": []}'}


@pytest.mark.parametrize(
    "content",
    [
        b"UNICODE\0" + TEXT.encode("utf-16-be"),
        b"UNICODE\0" + TEXT.encode("utf-16-le"),
        b"UNICODE\0" + TEXT.encode("utf-16"),
        b"ASCII\0\0\0" + TEXT.encode(),
        b"\0" * 8 + TEXT.encode() + b"\0",
        TEXT.encode(),
    ],
)
def test_comments_in_every_encoding(content: bytes) -> None:
    assert comment_decode(content) == TEXT


def test_exif_leaves_out_what_does_not_fit() -> None:
    content = exif_write("x" * 20_000, "y" * 40_000)
    assert texts_read(picture("JPEG", exif=content)) == {"parameters": "x" * 20_000}
    with pytest.raises(EngineError):
        exif_write("x" * 40_000)


@pytest.mark.parametrize(
    "content", [b"", b"x", b"BM" + bytes(50), b"%PDF-1.7", picture("PNG"), picture("WEBP")]
)
def test_files_without_a_recipe_have_none(content: bytes) -> None:
    assert recipe_read(content) is None


def bomb() -> bytes:
    return zlib.compress(b"a" * (MAX_TEXT_BYTES * 8))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: bytes(MAX_FILE_BYTES + 1), "more than"),
        (lambda: with_chunk(b"zTXt", b"parameters\0\0" + bomb()), "more than"),
        (lambda: with_chunk(b"iTXt", b"parameters\0\1\0\0\0" + bomb()), "more than"),
        (lambda: with_chunk(b"tEXt", b"parameters\0" + bytes(MAX_TEXT_BYTES)), "more than"),
        (lambda: with_chunk(b"zTXt", b"parameters\0\0broken"), "broken"),
        (lambda: with_chunk(b"zTXt", b"parameters\0\0" + zlib.compress(b"a" * 99)[:-6]), "cut short"),
        (lambda: png(*[(f"k{index}", "v") for index in range(65)]), "more than 64 texts"),
        (lambda: png(("parameters", "x"))[:60], "cut short"),
        (lambda: png(("parameters", "abc")).replace(b"abc", b"abd"), "checksum"),
        (lambda: picture("JPEG", exif=exif_write(TEXT))[:40], "cut short"),
        (lambda: picture("WEBP", exif=exif_write(TEXT))[:-40], "cut short"),
        (lambda: with_chunk(b"eXIf", b"XX*\0\0\0\0\x08"), "broken"),
        (lambda: b"GIF89a" + bytes(4), "broken"),
        (lambda: bytes(4) + b"ftypavif" + bytes(20), "broken"),
        (lambda: png(("prompt", "{" * 5)), "broken"),
        (lambda: png(("prompt", "[" * 100_000)), "nested"),
        (lambda: png(("invokeai_metadata", '{"seed": NaN}')), "broken"),
        (lambda: png(("recipe", "1" * 5000)), "broken"),
        (lambda: png(("parameters", "x" * 300_000)), "more than"),
    ],
)
def test_hostile_files_are_refused_with_a_reason(make: Callable[[], bytes], reason: str) -> None:
    content = make()
    began = time.process_time()
    with pytest.raises(EngineError, match=reason) as caught:
        recipe_read(content)
    assert (caught.value.code, caught.value.field, caught.value.permanent) == ("bad_metadata", "image", True)
    assert time.process_time() - began < 2.0


def test_one_broken_text_does_not_hide_another() -> None:
    recipe = recipe_read(png(("recipe", "{"), ("prompt", "{"), ("parameters", TEXT.replace("🦊", ""))))
    assert recipe is not None
    assert recipe.seed == 7


@pytest.mark.parametrize(
    "piece",
    ["a", "a:", "aa: ", 'aa: "', 'aa: "\\', "aa:b,", " ", "\n", "Negative prompt:", "aa: 9x9, ", "(", "\t,"],
)
def test_hostile_texts_end_soon(piece: str) -> None:
    text = (piece * 131_072)[:131_072]
    began = time.process_time()
    parameters_dict(text)
    assert time.process_time() - began < 3.0


def test_hostile_graphs_end_soon() -> None:
    sampler = '{"inputs":{"steps":1,"cfg":1,"seed":1,"latent_image":["%d",0],"positive":["%d",0]}}'
    nodes = ",".join(f'"{index}":' + sampler % (index + 1, index + 1) for index in range(4000))
    began = time.process_time()
    assert recipe_from_texts({"prompt": "{" + nodes + "}"}) is not None
    assert time.process_time() - began < 3.0


FILES = [
    png(("parameters", TEXT), international=True),
    png(("prompt", '{"3": {"inputs": {"steps": 1, "cfg": 1, "seed": 1}}}'), compressed=True),
    picture("JPEG", exif=exif_write(TEXT)),
    picture("WEBP", exif=exif_write(TEXT)),
    picture("GIF", comment=TEXT.encode()),
]


@given(st.sampled_from(FILES), st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=4)), max_size=4))
@settings(max_examples=100, deadline=None)
def test_damaged_files_give_the_error_or_a_recipe(content: bytes, damage: list[tuple[int, bytes]]) -> None:
    for position, patch in damage:
        content = content[:position] + patch + content[position + 1 :]
    try:
        recipe_read(content)
    except EngineError as error:
        assert error.code == "bad_metadata"  # noqa: PT017 - either outcome is right


NAMES = ["recipe", "parameters", "prompt", "invokeai_metadata", "sd-metadata", "Dream", "Comment"]
WRONG_TYPES = [
    '{"positive_prompt": [], "seed": {}, "model": 7, "loras": [1]}',
    '{"image": {"prompt": [1]}}',
    '{"base_model": 1, "loras": [[]], "resolution": 7}',
    '{"sui_image_params": {"loras": {}, "loraweights": [1]}}',
    '{"version": 1, "prompt": [], "loras": [7], "extra": {"a": 1}}',
]


@given(
    st.dictionaries(
        st.sampled_from(NAMES),
        st.text(max_size=80)
        | st.text(st.sampled_from('{}[]":,0a\\ '), max_size=80)
        | st.sampled_from(WRONG_TYPES),
    )
)
@settings(max_examples=100, deadline=None)
def test_any_texts_give_the_error_or_a_recipe(texts: dict[str, str]) -> None:
    try:
        recipe_from_texts({"Software": "NovelAI", **texts})
    except EngineError as error:
        assert error.code == "bad_metadata"  # noqa: PT017 - either outcome is right

"""What is written for a picture: the PNG with its recipe, the thumbnail, the placeholder; all of it or
nothing.
"""

import base64
import hashlib
import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PillowImage
from pytest_django import Settings

from gallery.encoding import png_encode, thumbhash_encode, thumbnail_encode
from gallery.services import image_files_discard, image_files_write
from gallery.storage import OWN_NAME, id_time, storage_key
from sdweb.errors import PortalError
from sdweb.ids import uuid7
from tests.gallery.making import FullDisk, new_image, picture, recipe


def files_under(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_it_writes_a_png_and_a_thumbnail_under_our_own_names(media: Path) -> None:
    (stored,) = image_files_write(images=[new_image()])
    png = media / stored.file_key
    assert stored.file_key == f"{id_time(stored.id):%Y/%m/%d}/{stored.id}.png"
    assert files_under(media) == sorted([png, media / stored.thumbnail_key])
    assert all(OWN_NAME.fullmatch(path.name) for path in files_under(media))
    assert stored.bytes == png.stat().st_size
    assert stored.sha256 == hashlib.sha256(png.read_bytes()).hexdigest()
    assert (stored.width, stored.height) == (96, 64)


def test_the_png_carries_infotext_and_recipe(media: Path) -> None:
    (stored,) = image_files_write(images=[new_image(prompt="червоне яблуко 🍎")])
    with PillowImage.open(media / stored.file_key) as png:
        text: dict[str, str] = dict(png.text)  # type: ignore[attr-defined]
    assert text["parameters"] == "червоне яблуко 🍎\nSteps: 20"
    assert json.loads(text["recipe"]) == stored.recipe
    assert stored.recipe == {**recipe(prompt="червоне яблуко 🍎"), "version": 1, "seed": 1000}


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(made=st.dictionaries(st.text(min_size=1, max_size=10), json_values, max_size=5))
def test_any_recipe_survives_the_round_trip(made: dict[str, Any]) -> None:
    import io

    content = png_encode(picture(8, 8), infotext="x", recipe=made)
    with PillowImage.open(io.BytesIO(content)) as png:
        assert json.loads(png.text["recipe"]) == made  # type: ignore[attr-defined]


def test_the_pixels_are_untouched(media: Path) -> None:
    (stored,) = image_files_write(images=[new_image()])
    with PillowImage.open(media / stored.file_key) as png:
        assert png.tobytes() == picture().tobytes()


@pytest.mark.parametrize(
    ("size", "expected"), [((1024, 512), (512, 256)), ((300, 1200), (128, 512)), ((64, 48), (64, 48))]
)
def test_a_thumbnail_is_at_most_512_and_never_enlarged(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    import io

    with PillowImage.open(io.BytesIO(thumbnail_encode(picture(*size)))) as small:
        assert small.format == "WEBP"
        assert small.size == expected


@pytest.mark.parametrize("size", [(8, 8), (2048, 64), (512, 512)])
def test_a_thumbhash_is_short(size: tuple[int, int]) -> None:
    hashed = thumbhash_encode(picture(*size))
    assert len(hashed) <= 48
    assert 5 < len(base64.b64decode(hashed)) <= 28


def test_a_storage_that_fails_in_the_middle_keeps_nothing(settings: Settings, media: Path) -> None:
    settings.STORAGES = {**settings.STORAGES, "default": {"BACKEND": "tests.gallery.making.FullDisk"}}
    FullDisk.saved = 0
    with pytest.raises(PortalError) as caught:
        image_files_write(images=[new_image(0), new_image(1)])
    assert caught.value.code == "storage_failed"
    assert FullDisk.saved == 3
    assert files_under(media) == []


def test_a_picture_that_cannot_be_encoded_writes_nothing(media: Path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        image_files_write(images=[new_image(0), new_image(1, cfg_scale=float("nan"))])
    assert files_under(media) == []


def test_discarding_removes_the_files_and_can_be_repeated(media: Path) -> None:
    stored = image_files_write(images=[new_image(0), new_image(1)])
    image_files_discard(stored)
    image_files_discard(stored)
    assert files_under(media) == []


def test_a_key_is_made_from_the_id_alone() -> None:
    image_id = uuid.UUID("019aaa00-0000-7000-8000-000000000000")
    assert storage_key(image_id, "png") == "2025/11/22/019aaa00-0000-7000-8000-000000000000.png"
    assert storage_key(uuid7(), "webp").count("/") == 3

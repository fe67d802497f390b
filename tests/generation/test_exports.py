"""Pictures as JPEG and WebP: who gets them, and that the recipe comes along."""

import io
import json
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.test import Client
from PIL import Image as PillowImage
from PIL import ImageChops, ImageStat
from pytest_django import Settings

from gallery.encoding import png_encode
from gallery.links import signed_url
from gallery.models import Image
from gallery.services import image_trash
from generation import exports
from generation.engine.infotext import texts_read
from generation.exports import picture_export
from sdweb.accounts.models import User
from sdweb.errors import PortalError
from tests.gallery.making import image_make, picture

pytestmark = pytest.mark.django_db
FORMATS = [("jpg", "image/jpeg", "JPEG"), ("webp", "image/webp", "WEBP")]


@pytest.fixture(autouse=True)
def media(settings: Settings, tmp_path: Path) -> Path:
    """The folder that the default storage writes to."""
    settings.MEDIA_ROOT = tmp_path / "media"
    return tmp_path / "media"


def url(image: Image, extension: str) -> str:
    return f"/outputs/{image.id}/picture.{extension}"


@pytest.mark.parametrize(("extension", "content_type", "kind"), FORMATS)
def test_the_owner_gets_the_picture_with_its_recipe(
    alice: User, alice_client: Client, media: Path, extension: str, content_type: str, kind: str
) -> None:
    image = image_make(alice)
    response = alice_client.get(url(image, extension) + "?download=1")
    assert (response.status_code, response["Content-Type"]) == (200, content_type)
    assert response["Content-Disposition"].startswith("attachment")
    assert response["Content-Disposition"].endswith(f'.{extension}"')
    texts = texts_read(response.content)
    assert texts == texts_read((media / image.file_key).read_bytes())
    assert json.loads(texts["recipe"])["seed"] == image.seed
    with PillowImage.open(io.BytesIO(response.content)) as exported:
        assert (exported.format, exported.size) == (kind, (96, 64))
        exact = picture()
        assert max(ImageStat.Stat(ImageChops.difference(exported.convert("RGB"), exact)).mean) < 2.0
    again = alice_client.get(url(image, extension), headers={"If-None-Match": response["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_strangers_and_nobody_get_the_same_404(
    alice: User, bob_client: Client, anonymous_client: Client, admin_client: Client
) -> None:
    image = image_make(alice)
    absent = anonymous_client.get(f"/outputs/{uuid.uuid4()}/picture.jpg")
    for client in (bob_client, anonymous_client, admin_client):
        for extension, _, _ in FORMATS:
            response = client.get(url(image, extension))
            assert (response.status_code, response.json()) == (404, absent.json())


def test_the_originals_link_opens_it_until_it_is_in_the_trash(alice: User, anonymous_client: Client) -> None:
    image = image_make(alice)
    query = urlsplit(signed_url(image.id, "png")).query
    assert anonymous_client.get(f"{url(image, 'jpg')}?{query}").status_code == 200
    assert anonymous_client.get(f"{url(image, 'jpg')}?{query}x").status_code == 404
    thumbnail = urlsplit(signed_url(image.id, "webp")).query
    assert anonymous_client.get(f"{url(image, 'webp')}?{thumbnail}").status_code == 404
    image_trash(image_id=image.id, user=alice)
    assert anonymous_client.get(f"{url(image, 'jpg')}?{query}").status_code == 404


def test_a_file_that_is_gone_is_a_404(alice: User, alice_client: Client, media: Path) -> None:
    image = image_make(alice)
    (media / image.file_key).unlink()
    assert alice_client.get(url(image, "jpg")).status_code == 404


def test_only_reading_is_allowed(alice: User, alice_client: Client) -> None:
    assert alice_client.post(url(image_make(alice), "jpg")).status_code == 405


def test_transparency_is_white_in_a_jpeg_and_kept_in_a_webp() -> None:
    png = png_encode(PillowImage.new("RGBA", (16, 16), (255, 0, 0, 0)), infotext="x", recipe={})
    with PillowImage.open(io.BytesIO(picture_export(png, "jpg"))) as jpeg:
        assert jpeg.getpixel((8, 8)) == (255, 255, 255)
    with PillowImage.open(io.BytesIO(picture_export(png, "webp"))) as webp:
        assert webp.mode == "RGBA"


def test_texts_that_exif_cannot_hold_stay_in_the_png() -> None:
    png = png_encode(picture(), infotext="лис " * 20_000, recipe={})
    assert texts_read(picture_export(png, "jpg")) == {}
    png = png_encode(picture(), infotext="a fox", recipe={"prompt": "x" * 70_000})
    assert texts_read(picture_export(png, "jpg")) == {"parameters": "a fox"}


def test_a_picture_that_a_format_cannot_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "MAX_SIDES", {"webp": 64, "jpg": 64})
    with pytest.raises(PortalError, match="96 x 64") as caught:
        picture_export(png_encode(picture(), infotext="", recipe={}), "webp")
    assert (caught.value.code, caught.value.status) == ("too_large", 422)

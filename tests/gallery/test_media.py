"""Who gets a file: its owner's session, or whoever holds a link that is ours, for this file, and fresh."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from gallery.links import WINDOW_SECONDS, signature_is_valid, signed_url
from gallery.models import Image
from gallery.services import image_trash
from sdweb.accounts.models import User
from tests.gallery.making import image_make

pytestmark = pytest.mark.django_db

NOW = 1_800_000_000.0


def plain_url(image: Image, extension: str = "png") -> str:
    return f"/outputs/{image.id}.{extension}"


@pytest.mark.parametrize(("extension", "content_type"), [("png", "image/png"), ("webp", "image/webp")])
def test_the_owner_gets_both_files(
    alice: User, alice_client: Client, media: Path, extension: str, content_type: str
) -> None:
    image = image_make(alice)
    response = alice_client.get(plain_url(image, extension))
    key = image.file_key if extension == "png" else image.thumbnail_key
    assert response.status_code == 200
    assert response.content == (media / key).read_bytes()
    assert response["Content-Type"] == content_type
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Cache-Control"].startswith("private")
    assert response.get("Content-Disposition", "inline").startswith("inline")


def test_strangers_and_nobody_get_the_same_404(
    alice: User, bob_client: Client, anonymous_client: Client
) -> None:
    image = image_make(alice)
    absent = anonymous_client.get(f"/outputs/{uuid.uuid4()}.png")
    for client in (bob_client, anonymous_client):
        for extension in ("png", "webp"):
            response = client.get(plain_url(image, extension))
            assert response.status_code == 404
            assert response.json() == absent.json()
            assert response["Cache-Control"] == "no-store"


def test_an_administrators_session_alone_opens_nothing(alice: User, admin_client: Client) -> None:
    assert admin_client.get(plain_url(image_make(alice))).status_code == 404


def test_a_signed_link_works_for_everybody(alice: User, bob_client: Client, anonymous_client: Client) -> None:
    image = image_make(alice)
    for client in (bob_client, anonymous_client):
        assert client.get(signed_url(image.id, "png")).status_code == 200
        assert client.get(signed_url(image.id, "webp")).status_code == 200


def test_a_signature_is_for_one_file_only(alice: User, anonymous_client: Client) -> None:
    image, other = image_make(alice), image_make(alice)
    query = urlsplit(signed_url(image.id, "png")).query
    assert anonymous_client.get(f"{plain_url(other)}?{query}").status_code == 404
    assert anonymous_client.get(f"{plain_url(image, 'webp')}?{query}").status_code == 404


@pytest.mark.parametrize("seconds", [0, 1, WINDOW_SECONDS - 1])
def test_a_link_lives_between_one_window_and_two(alice: User, anonymous_client: Client, seconds: int) -> None:
    image = image_make(alice)
    start = NOW // WINDOW_SECONDS * WINDOW_SECONDS
    url = signed_url(image.id, "png", now=start + seconds)
    assert url == signed_url(image.id, "png", now=start)
    with time_machine.travel(start + 2 * WINDOW_SECONDS - 1, tick=False):
        assert anonymous_client.get(url).status_code == 200
    with time_machine.travel(start + 2 * WINDOW_SECONDS, tick=False):
        assert anonymous_client.get(url).status_code == 404


@given(expires=st.text(max_size=20), signature=st.text(max_size=60))
def test_made_up_signatures_are_refused(expires: str, signature: str) -> None:
    assert not signature_is_valid(uuid.uuid4(), "png", expires=expires, signature=signature)


@pytest.mark.parametrize("expires", ["", "0", "-1", "1e30", "9" * 400, "٣", "nan", "2100000000"])
def test_the_expiry_cannot_be_changed(alice: User, anonymous_client: Client, expires: str) -> None:
    image = image_make(alice)
    signature = parse_qs(urlsplit(signed_url(image.id, "png")).query)["signature"][0]
    response = anonymous_client.get(plain_url(image), {"expires": expires, "signature": signature})
    assert response.status_code == 404


def test_links_survive_a_change_of_the_secret_key(
    alice: User, anonymous_client: Client, settings: Settings
) -> None:
    url = signed_url(image_make(alice).id, "png")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another key that is long enough to be one"
    assert anonymous_client.get(url).status_code == 200
    settings.SECRET_KEY_FALLBACKS = []
    assert anonymous_client.get(url).status_code == 404


def test_a_link_ends_when_the_picture_goes_to_the_trash(
    alice: User, alice_client: Client, anonymous_client: Client
) -> None:
    image = image_make(alice)
    url = signed_url(image.id, "webp")
    image_trash(image_id=image.id, user=alice)
    assert anonymous_client.get(url).status_code == 404
    assert alice_client.get(plain_url(image, "webp")).status_code == 200


def test_a_signed_in_person_who_is_locked_out_gets_nothing(alice: User, alice_client: Client) -> None:
    image = image_make(alice)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert alice_client.get(plain_url(image)).status_code == 404


def test_etags(alice: User, alice_client: Client) -> None:
    image = image_make(alice)
    first = alice_client.get(plain_url(image))
    again = alice_client.get(plain_url(image), headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again["ETag"] == first["ETag"] != alice_client.get(plain_url(image, "webp"))["ETag"]
    assert alice_client.get(plain_url(image), headers={"If-None-Match": '"x"'}).status_code == 200


def test_an_etag_does_not_open_what_is_not_yours(alice: User, bob_client: Client) -> None:
    image = image_make(alice)
    etag = f'"{image.sha256}.png"'
    assert bob_client.get(plain_url(image), headers={"If-None-Match": etag}).status_code == 404


def test_a_download_has_our_file_name(alice: User, alice_client: Client) -> None:
    image = image_make(alice, prompt='../../"evil\r\nX: y.html')
    response = alice_client.get(plain_url(image), {"download": "1"})
    name = f"{image.created_at:%Y%m%d-%H%M%S}_1000_0.png"
    assert response["Content-Disposition"] == f'attachment; filename="{name}"'


@pytest.mark.parametrize(
    "path", ["../../etc/passwd", "%2e%2e/x.png", "x.png", "00000000-0000-0000-0000-000000000000.svg"]
)
def test_only_ids_are_addresses(alice_client: Client, path: str) -> None:
    response = alice_client.get(f"/outputs/{path}")
    assert response.status_code in {200, 404}
    assert response.get("Content-Type", "").startswith(("text/html", "application/json"))


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_files_can_only_be_read(alice: User, alice_client: Client, method: str) -> None:
    call: Callable[..., object] = getattr(alice_client, method)
    response = call(plain_url(image_make(alice)))
    assert response.status_code == 405  # type: ignore[attr-defined]


def test_head_sends_headers_only(alice: User, alice_client: Client) -> None:
    response = alice_client.head(plain_url(image_make(alice)))
    assert (response.status_code, response.content) == (200, b"")


def test_a_file_that_is_gone_is_a_404(alice: User, alice_client: Client, media: Path) -> None:
    image = image_make(alice)
    (media / image.file_key).unlink()
    assert alice_client.get(plain_url(image)).status_code == 404


def test_time_in_links_is_not_the_pictures_age(alice: User, anonymous_client: Client) -> None:
    image = image_make(alice)
    with time_machine.travel(timezone.now() + timedelta(days=400)):
        assert anonymous_client.get(signed_url(image.id, "png")).status_code == 200

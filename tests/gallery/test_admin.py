"""The admin's pages of pictures."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from gallery.models import Image
from sdweb.accounts.models import User
from tests.gallery.making import image_make

pytestmark = pytest.mark.django_db

LIST = "/admin/gallery/image/"


def test_the_list_shows_thumbnails_that_load(alice: User, admin_client: Client) -> None:
    image = image_make(alice, prompt="<script>alert(1)</script>")
    page = admin_client.get(LIST)
    assert page.status_code == 200
    assert f"/outputs/{image.id}.webp?expires=" in page.content.decode()
    assert "<script>alert(1)" not in page.content.decode()


def test_search_and_filters(alice: User, bob: User, admin_client: Client) -> None:
    image_make(alice, prompt="red fox")
    image_make(bob, prompt="blue whale")
    trashed = image_make(bob, prompt="green frog")
    Image.objects.filter(pk=trashed.pk).update(deleted_at=timezone.now())
    for query, shown, hidden in (
        ({"q": "fox"}, "red fox", "blue whale"),
        ({"q": "bob"}, "blue whale", "red fox"),
        ({"trash": "yes"}, "green frog", "red fox"),
        ({"trash": "no"}, "red fox", "green frog"),
    ):
        text = admin_client.get(LIST, query).content.decode()
        assert shown in text
        assert hidden not in text


def test_a_picture_is_shown_and_nothing_of_it_can_be_edited(alice: User, admin_client: Client) -> None:
    image = image_make(alice)
    url = f"{LIST}{image.pk}/change/"
    text = admin_client.get(url).content.decode()
    assert image.sha256 in text
    assert image.file_key not in text
    admin_client.post(url, {"file_key": "../../etc/passwd", "prompt": "changed", "seed": 1})
    unchanged = Image.objects.get()
    assert (unchanged.file_key, unchanged.prompt, unchanged.seed) == (
        image.file_key,
        image.prompt,
        image.seed,
    )


def test_actions_trash_and_restore(alice: User, admin_client: Client) -> None:
    image = image_make(alice)
    admin_client.post(LIST, {"action": "trash_selected", "_selected_action": [str(image.pk)]})
    assert Image.objects.get().deleted_at is not None
    admin_client.post(LIST, {"action": "restore_selected", "_selected_action": [str(image.pk)]})
    assert Image.objects.get().deleted_at is None
    Image.objects.update(deleted_at=timezone.now() - timedelta(days=400))
    admin_client.post(LIST, {"action": "restore_selected", "_selected_action": [str(image.pk)]})
    assert Image.objects.get().deleted_at is not None


def test_nobody_adds_pictures_and_others_see_nothing(alice_client: Client, admin_client: Client) -> None:
    assert admin_client.get(f"{LIST}add/").status_code == 403
    assert alice_client.get(LIST).status_code == 302

"""Every other address: files of pictures, the admin, health. Walked from the URL configuration."""

from collections.abc import Iterator
from typing import Any, Final

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from gallery.models import Image
from sdweb.accounts.models import User
from tests.access.world import World, somebody_with, world_make

pytestmark = pytest.mark.django_db

ELSEWHERE: Final = ("api/v1/", "admin/", "_allauth/", "accounts/")
"""Those have their own tests: ``test_operations.py``, the one below, ``tests/accounts``, and allauth's."""
PUBLIC: Final = {"": 200, "healthz": 200, "readyz": 503, "metrics": 404}
FILES: Final = {
    "outputs/<uuid:image_id>.png",
    "outputs/<uuid:image_id>.webp",
    "outputs/<uuid:image_id>/picture.jpg",
    "outputs/<uuid:image_id>/picture.webp",
}


def _routes(patterns: list[Any], prefix: str = "") -> Iterator[str]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            yield route


@pytest.fixture
def world() -> World:
    """Alice has one of everything."""
    return world_make()


def test_every_address_is_known() -> None:
    found = {route for route in _routes(get_resolver().url_patterns) if not route.startswith(ELSEWHERE)}
    assert found == set(PUBLIC) | FILES


@pytest.mark.parametrize("address", sorted(FILES))
def test_files_of_a_picture(world: World, address: str) -> None:
    path = "/" + address.replace("<uuid:image_id>", str(world.image.pk))
    for caller, status in ((world.alice, 200), (world.bob, 404), (None, 404)):
        assert _client(caller).get(path).status_code == status


@pytest.mark.parametrize("model", sorted(admin.site._registry, key=str), ids=lambda model: model.__name__)
def test_the_admin_is_for_staff_with_the_right(world: World, model: Any) -> None:
    """Not for people, not for nobody, and not for staff without the permission for just this."""
    address = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
    for caller in (world.alice, None):
        answer = _client(caller).get(address)
        assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/admin/login/")
    staff = somebody_with(f"{Image._meta.app_label}.add_image")
    User.objects.filter(pk=staff.pk).update(is_staff=True)
    assert _client(staff).get(address).status_code == 403


def _client(user: User | None) -> Client:
    client = Client()
    if user is not None:
        client.force_login(user)
    return client

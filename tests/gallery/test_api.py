"""``/api/v1/images`` for the owner, a stranger and nobody."""

import uuid
from typing import Any

import pytest
from django.test import Client

from gallery.models import Image
from sdweb.accounts.models import User
from tests.gallery.making import image_make

pytestmark = pytest.mark.django_db

ROUTES = [
    ("get", "/api/v1/images/{id}", None),
    ("patch", "/api/v1/images/{id}", {"favourite": True}),
    ("delete", "/api/v1/images/{id}", None),
    ("post", "/api/v1/images/{id}/restore", None),
]


def call(client: Client, method: str, url: str, body: Any = None) -> Any:
    return getattr(client, method)(url, data=body, content_type="application/json")


def test_it_lists_my_pictures_newest_first(alice: User, bob: User, alice_client: Client) -> None:
    first, second = image_make(alice), image_make(alice)
    image_make(bob)
    page = alice_client.get("/api/v1/images").json()
    assert [item["id"] for item in page["items"]] == [str(second.id), str(first.id)]
    assert page["next_cursor"] is None


def test_the_wire_form_is_the_documented_one(
    alice: User, alice_client: Client, anonymous_client: Client
) -> None:
    image = image_make(alice)
    found = alice_client.get(f"/api/v1/images/{image.id}").json()
    assert set(found) == {
        "id", "job_id", "index", "task", "prompt", "negative_prompt", "model", "width", "height", "seed",
        "created_at", "favourite", "url", "thumbnail_url", "thumbhash", "bytes", "recipe",
    }  # fmt: skip
    assert found["created_at"].endswith("Z")
    assert found["recipe"]["version"] == 1
    assert (found["recipe"]["seed"], found["seed"], found["model"]) == (1000, 1000, "demo")
    for name in ("url", "thumbnail_url"):
        assert found[name].startswith(f"/outputs/{image.id}.")
        assert anonymous_client.get(found[name]).status_code == 200


@pytest.mark.parametrize(("method", "url", "body"), ROUTES)
def test_what_is_not_yours_is_404_and_stays_as_it_is(
    alice: User, bob_client: Client, method: str, url: str, body: Any
) -> None:
    image = image_make(alice)
    response = call(bob_client, method, url.format(id=image.id), body)
    assert response.status_code == 404
    assert response.json()["code"] == "not_found"
    absent = call(bob_client, method, url.format(id=uuid.uuid4()), body)
    assert absent.json() == response.json()
    unchanged = Image.objects.get()
    assert (unchanged.favourite, unchanged.deleted_at) == (False, None)


@pytest.mark.parametrize(("method", "url", "body"), [("get", "/api/v1/images", None), *ROUTES])
def test_nobody_has_to_sign_in(
    alice: User, anonymous_client: Client, method: str, url: str, body: Any
) -> None:
    image = image_make(alice)
    response = call(anonymous_client, method, url.format(id=image.id), body)
    assert response.status_code == 401
    assert response.json()["code"] == "not_signed_in"


def test_favourites(alice: User, alice_client: Client) -> None:
    image = image_make(alice)
    image_make(alice)
    changed = call(alice_client, "patch", f"/api/v1/images/{image.id}", {"favourite": True})
    assert changed.json()["favourite"] is True
    loved = alice_client.get("/api/v1/images", {"favourite": "true"}).json()["items"]
    assert [item["id"] for item in loved] == [str(image.id)]
    call(alice_client, "patch", f"/api/v1/images/{image.id}", {"favourite": False})
    assert alice_client.get("/api/v1/images", {"favourite": "true"}).json()["items"] == []


def test_the_trash_and_back(alice: User, alice_client: Client) -> None:
    image = image_make(alice)
    for _ in range(2):
        assert call(alice_client, "delete", f"/api/v1/images/{image.id}").status_code == 204
    assert alice_client.get("/api/v1/images").json()["items"] == []
    assert alice_client.get(f"/api/v1/images/{image.id}").status_code == 404
    restored = call(alice_client, "post", f"/api/v1/images/{image.id}/restore")
    assert (restored.status_code, restored.json()["id"]) == (200, str(image.id))
    assert len(alice_client.get("/api/v1/images").json()["items"]) == 1


def test_search_and_pages(alice: User, alice_client: Client) -> None:
    for number in range(5):
        image_make(alice, prompt=f"red fox {number}")
    image_make(alice, prompt="a blue whale")
    seen: list[str] = []
    cursor = None
    for _ in range(3):
        filters: dict[str, str | int] = {"q": "FOX red", "limit": 2, **({"cursor": cursor} if cursor else {})}
        page = alice_client.get("/api/v1/images", filters).json()
        seen += [item["prompt"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert cursor is None
    assert seen == [f"red fox {number}" for number in (4, 3, 2, 1, 0)]
    assert alice_client.get("/api/v1/images", {"task": "inpaint"}).json()["items"] == []


@pytest.mark.parametrize(
    "filters",
    [
        {"limit": 0}, {"limit": 101}, {"limit": "many"}, {"cursor": "x"}, {"cursor": "x" * 100},
        {"favourite": "perhaps"}, {"q": "x" * 1001}, {"task": "x" * 33},
    ],
)  # fmt: skip
def test_bad_filters_are_named(alice_client: Client, filters: dict[str, Any]) -> None:
    response = alice_client.get("/api/v1/images", filters)
    assert response.status_code == 422
    assert set(response.json()) == {"code", "message", "hint", "fields"}


@pytest.mark.parametrize(
    "body",
    [{}, {"favourite": "yes"}, {"favourite": 1}, {"favourite": None}, {"favourite": True, "owner": 2}, []],
)
def test_bad_changes_are_refused(alice: User, alice_client: Client, body: Any) -> None:
    image = image_make(alice)
    assert call(alice_client, "patch", f"/api/v1/images/{image.id}", body).status_code == 422
    assert Image.objects.get().favourite is False


def test_writing_needs_the_csrf_token(alice: User) -> None:
    image = image_make(alice)
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    assert client.delete(f"/api/v1/images/{image.id}").status_code == 403
    assert Image.objects.get().deleted_at is None

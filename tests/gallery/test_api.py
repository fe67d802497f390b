"""``/api/v1/images`` for the owner, a stranger and nobody."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from gallery import services
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


class TestMany:
    """Several pictures in one request."""

    MANY = [
        ("/api/v1/images/trash", {}),
        ("/api/v1/images/restore", {}),
        ("/api/v1/images/favourite", {"favourite": True}),
    ]

    def test_into_the_trash_and_back(self, alice: User, alice_client: Client) -> None:
        ids = [str(image_make(alice).id) for _ in range(3)]
        for _ in range(2):
            gone = call(alice_client, "post", "/api/v1/images/trash", {"ids": ids[:2]})
            assert sorted(gone.json()["ids"]) == ids[:2]
        listed = alice_client.get("/api/v1/images").json()["items"]
        assert [item["id"] for item in listed] == ids[2:]
        back = call(alice_client, "post", "/api/v1/images/restore", {"ids": ids})
        assert sorted(back.json()["ids"]) == ids
        assert len(alice_client.get("/api/v1/images").json()["items"]) == 3

    def test_favourites(self, alice: User, alice_client: Client) -> None:
        ids = [str(image_make(alice).id) for _ in range(2)]
        for wanted in (True, False):
            body = {"ids": ids, "favourite": wanted}
            assert sorted(call(alice_client, "post", "/api/v1/images/favourite", body).json()["ids"]) == ids
            assert set(Image.objects.values_list("favourite", flat=True)) == {wanted}

    def test_what_was_purged_does_not_come_back(
        self, alice: User, alice_client: Client, settings: Settings
    ) -> None:
        image = image_make(alice)
        Image.objects.update(deleted_at=timezone.now() - timedelta(days=settings.TRASH_DAYS, seconds=1))
        answer = call(alice_client, "post", "/api/v1/images/restore", {"ids": [str(image.id)]})
        assert (answer.status_code, answer.json()) == (200, {"ids": []})

    @pytest.mark.parametrize(("url", "more"), MANY)
    def test_a_strangers_are_left_out(
        self,
        alice: User,
        bob: User,
        bob_client: Client,
        anonymous_client: Client,
        url: str,
        more: dict[str, Any],
    ) -> None:
        theirs, mine = image_make(alice), image_make(bob)
        if url.endswith("restore"):
            Image.objects.update(deleted_at=timezone.now())
        body = {"ids": [str(theirs.id), str(mine.id), str(uuid.uuid4())], **more}
        assert call(anonymous_client, "post", url, body).status_code == 401
        answer = call(bob_client, "post", url, body)
        assert answer.json() == {"ids": [str(mine.id)]}
        before = (theirs.favourite, url.endswith("restore"))
        theirs.refresh_from_db()
        assert (theirs.favourite, theirs.deleted_at is not None) == before

    @pytest.mark.parametrize(("url", "more"), MANY)
    @pytest.mark.parametrize("ids", [[], ["x"], [str(uuid.uuid4())] * 201, None])
    def test_bounds(self, alice_client: Client, url: str, more: dict[str, Any], ids: Any) -> None:
        answer = call(alice_client, "post", url, {"ids": ids, **more})
        assert answer.status_code == 422
        assert any(
            field.startswith("body.ids") or field.startswith("ids") for field in answer.json()["fields"]
        )

    def test_however_many_it_is_two_statements(self, alice: User, django_assert_num_queries: Any) -> None:
        ids = [image_make(alice).id for _ in range(5)]
        with django_assert_num_queries(2):  # the change, and what is so now
            services.own_images_trash(user=alice, image_ids=ids)

"""Styles and wildcards: whose they are, who may use and change them, and files of A1111."""

import uuid
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction
from django.test import Client
from pytest_django import Settings

from generation import prompt_files, styles
from generation.models import Job, SavedStyle
from generation.selectors import styles_for
from sdweb.accounts.models import User
from tests.generation.conftest import Submit

pytestmark = pytest.mark.django_db

CSV = '\ufeffname,prompt,negative_prompt\nInk,"{prompt}, ink on paper",photo\n#A heading,,\nFog,fog,\n'


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.MODELS_PATH = tmp_path
    return tmp_path


def create(client: Client, **body: Any) -> Any:
    return client.post("/api/v1/styles", body, content_type="application/json")


def listed(client: Client) -> list[tuple[str, str]]:
    items = client.get("/api/v1/styles").json()["items"]
    return [(item["name"], item["source"]) for item in items]


def test_my_own_styles_are_mine_alone(alice_client: Client, bob_client: Client) -> None:
    made = create(alice_client, name="  Ink ", prompt="{prompt}, ink", negative_prompt="photo")
    assert made.status_code == 201
    style = made.json()
    assert {**style, "id": ""} == {
        "id": "", "name": "Ink", "prompt": "{prompt}, ink", "negative_prompt": "photo", "source": "own",
    }  # fmt: skip
    url = f"/api/v1/styles/{style['id']}"
    assert (listed(alice_client), listed(bob_client)) == ([("Ink", "own")], [])
    changes = {"name": "Pen", "prompt": "pen"}
    assert bob_client.put(url, changes, content_type="application/json").status_code == 404
    assert bob_client.delete(url).status_code == 404
    assert alice_client.put(url, changes, content_type="application/json").json() == {
        "id": style["id"], "name": "Pen", "prompt": "pen", "negative_prompt": "", "source": "own",
    }  # fmt: skip
    assert alice_client.delete(url).status_code == 204
    assert alice_client.delete(url).status_code == 404
    assert listed(alice_client) == []


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("get", "/api/v1/styles"), ("post", "/api/v1/styles"), ("post", "/api/v1/styles/import"),
        ("put", f"/api/v1/styles/{uuid.UUID(int=1)}"), ("delete", f"/api/v1/styles/{uuid.UUID(int=1)}"),
        ("get", "/api/v1/wildcards"),
    ],
)  # fmt: skip
def test_nobody_may_not(anonymous_client: Client, method: str, url: str) -> None:
    assert getattr(anonymous_client, method)(url).status_code == 401


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "   "}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "x", "prompt": "x" * 10_001}, "prompt"),
        ({"name": "x", "prompt": "a\x00b"}, "prompt"),
        ({"name": 5}, "name"),
        ({}, "name"),
    ],
)
def test_bad_styles_are_named(alice_client: Client, body: dict[str, Any], field: str) -> None:
    response = create(alice_client, **body)
    assert response.status_code == 422
    assert field in response.json()["fields"]
    assert not SavedStyle.objects.exists()


def test_a_name_is_taken_once(alice_client: Client, bob_client: Client) -> None:
    ink, pen = (create(alice_client, name=name).json()["id"] for name in ("Ink", "Pen"))
    assert create(bob_client, name="Ink").status_code == 201
    again = create(alice_client, name="Ink")
    assert (again.status_code, again.json()["code"]) == (409, "style_exists")
    url = f"/api/v1/styles/{pen}"
    assert alice_client.put(url, {"name": "Ink"}, content_type="application/json").status_code == 409
    assert ink != pen
    with pytest.raises(IntegrityError), transaction.atomic():
        SavedStyle.objects.bulk_create([SavedStyle(name="a"), SavedStyle(name="a")])


def test_a_person_keeps_a_number_of_them(alice_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(styles, "MAX_OWN", 2)
    assert [create(alice_client, name=name).status_code for name in "abc"] == [201, 201, 409]
    upload = {"file": SimpleUploadedFile("styles.csv", b"name,prompt\na,1\nb,2\nc,3\n")}
    assert alice_client.post("/api/v1/styles/import", upload).json()["code"] == "too_many_styles"
    assert set(SavedStyle.objects.values_list("prompt", flat=True)) == {""}


def test_a_file_of_a1111_is_taken_in(alice_client: Client, bob_client: Client) -> None:
    create(alice_client, name="Fog", prompt="mine")
    create(bob_client, name="Fog", prompt="his")
    upload = {"file": SimpleUploadedFile("styles.csv", CSV.encode())}
    assert alice_client.post("/api/v1/styles/import", upload).json() == {"imported": 2}
    own = SavedStyle.objects.filter(owner__username="alice").values_list("name", "prompt", "negative_prompt")
    assert set(own) == {("Ink", "{prompt}, ink on paper", "photo"), ("Fog", "fog", "")}
    assert SavedStyle.objects.get(owner__username="bob").prompt == "his"


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"name\n" + b"x" * 200_000, 422),
        (b"", 422),
        (b"\x89PNG\r\n", 422),
        (b"name,prompt\na," + b"x" * 10_001, 422),
        (b"name,prompt\na,b\x00c\n", 422),
        (b"x" * 4_200_000, 413),
    ],
)
def test_files_that_are_none_are_refused(alice_client: Client, content: bytes, status: int) -> None:
    upload = {"file": SimpleUploadedFile("styles.csv", content)}
    assert alice_client.post("/api/v1/styles/import", upload).status_code == status
    assert not SavedStyle.objects.exists()


def test_everybodys_come_from_the_file_and_from_administrators(
    alice: User, alice_client: Client, bob_client: Client, admin_client: Client, folder: Path
) -> None:
    (folder / "styles.csv").write_text(CSV)
    page = "/admin/generation/savedstyle/"
    added = admin_client.post(f"{page}add/", {"name": "Ink", "prompt": "shared ink", "negative_prompt": ""})
    assert added.status_code == 302
    assert listed(bob_client) == [("Ink", "file"), ("Fog", "file"), ("Ink", "shared")]
    create(alice_client, name="fog", prompt="my fog")
    assert {style.name: style.prompt for style in styles_for(alice)} == {"Ink": "shared ink", "fog": "my fog"}
    assert "my fog" not in admin_client.get(page).content.decode()
    shared = SavedStyle.objects.get(owner=None)
    assert bob_client.delete(f"/api/v1/styles/{shared.pk}").status_code == 404
    assert bob_client.get(page).status_code in (302, 403)
    alice.is_active = False
    assert {style.name for style in styles_for(alice)} == {"Ink", "Fog"}


def test_a_job_is_made_with_my_style_and_not_with_a_strangers(
    alice: User, bob: User, alice_client: Client, bob_client: Client, submit: Submit
) -> None:
    create(alice_client, name="Ink", prompt="{prompt}, ink")
    job = submit(alice, prompt="a fox", styles=["ink"])
    assert job.params["prompt"] == "a fox, ink"
    body = {"prompt": "a fox", "styles": ["Ink"]}
    response = bob_client.post("/api/v1/jobs", body, content_type="application/json")
    assert (response.status_code, response.json()["code"]) == (422, "unknown_style")
    assert Job.objects.count() == 1
    assert "Ink" in alice_client.get("/api/v1/options").json()["styles"]
    assert "Ink" not in bob_client.get("/api/v1/options").json()["styles"]


def test_wildcards_are_counted(alice_client: Client, folder: Path) -> None:
    (folder / "wildcards" / "animals").mkdir(parents=True)
    (folder / "wildcards" / "colours.txt").write_text("red\n# a remark\n\nblue\n")
    (folder / "wildcards" / "animals" / "birds.txt").write_text("owl\nраво\n")
    (folder / "secret.txt").write_text("not for you")
    (folder / "wildcards" / "link.txt").symlink_to(folder / "secret.txt")
    (folder / "wildcards" / "huge.txt").write_bytes(b"x\n" * (prompt_files.MAX_FILE_BYTES // 2 + 1))
    assert alice_client.get("/api/v1/wildcards").json()["items"] == [
        {"name": "animals/birds", "count": 2}, {"name": "colours", "count": 2},
    ]  # fmt: skip

"""The admin's pages of models and of refused files."""

from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from models_hub.models import ModelFile, ScanIssue
from models_hub.services import library_scan
from tests.models_hub.making import safetensors_write

pytestmark = pytest.mark.django_db

LIST = "/admin/models_hub/modelfile/"
ISSUES = "/admin/models_hub/scanissue/"


@pytest.fixture
def models(library: Path, shipped: Path) -> dict[str, ModelFile]:
    """Two checkpoints, ``a`` the default, and a refused file."""
    safetensors_write(library / "a.safetensors")
    safetensors_write(library / "b.safetensors", fill=1)
    (library / "c.ckpt").write_bytes(b"x")
    library_scan(builtin_root=shipped)
    return {model.name: model for model in ModelFile.objects.all()}


def act(client: Client, name: str, *models: ModelFile) -> str:
    data = {"action": name, "_selected_action": [str(model.pk) for model in models]}
    return client.post(LIST, data, follow=True).content.decode()


def test_actions_change_the_default_and_the_switch(
    admin_client: Client, models: dict[str, ModelFile]
) -> None:
    act(admin_client, "make_default", models["b"])
    assert ModelFile.objects.get(is_default=True).name == "b"
    act(admin_client, "disable_selected", models["a"])
    assert ModelFile.objects.get(enabled=False).name == "a"
    assert "Enable it first" in act(admin_client, "make_default", models["a"])
    act(admin_client, "enable_selected", models["a"])
    assert not ModelFile.objects.filter(enabled=False).exists()
    assert "cannot be disabled" in act(admin_client, "disable_selected", models["b"])
    assert "Choose one model" in act(admin_client, "make_default", models["a"], models["b"])


def test_only_texts_can_be_edited(admin_client: Client, models: dict[str, ModelFile]) -> None:
    url = f"{LIST}{models['a'].pk}/change/"
    assert models["a"].sha256 in admin_client.get(url).content.decode()
    admin_client.post(
        url,
        {
            "description": "mine",
            "license": "CC0",
            "path": "/etc/passwd",
            "name": "x",
            "enabled": "",
            "sha256": "0",
        },
    )
    after = ModelFile.objects.get(pk=models["a"].pk)
    assert (after.description, after.license) == ("mine", "CC0")
    assert (after.path, after.name, after.sha256, after.enabled) == (
        "a.safetensors",
        "a",
        models["a"].sha256,
        True,
    )


def test_rows_go_only_when_their_files_have_gone(admin_client: Client, models: dict[str, ModelFile]) -> None:
    url = f"{LIST}{models['b'].pk}/delete/"
    assert admin_client.post(url, {"post": "yes"}).status_code == 403
    ModelFile.objects.filter(pk=models["b"].pk).update(missing_since=timezone.now())
    assert admin_client.post(url, {"post": "yes"}).status_code == 302
    assert not ModelFile.objects.filter(pk=models["b"].pk).exists()
    assert "delete_selected" not in admin_client.get(LIST).content.decode()


def test_refused_files_are_shown_with_their_reason(
    admin_client: Client, models: dict[str, ModelFile]
) -> None:
    text = admin_client.get(ISSUES).content.decode()
    assert "c.ckpt" in text
    assert "pickle" in text
    issue = ScanIssue.objects.get()
    admin_client.post(f"{ISSUES}{issue.pk}/change/", {"path": "x"})
    assert admin_client.post(f"{ISSUES}{issue.pk}/delete/", {"post": "yes"}).status_code == 403
    assert ScanIssue.objects.get().path == "c.ckpt"


def test_scan_now_rings_the_io_worker(
    admin_client: Client, models: dict[str, ModelFile],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:  # fmt: skip
    with django_capture_on_commit_callbacks(execute=True) as callbacks:
        response = admin_client.get(f"{LIST}scan-now", follow=True)
    assert response.status_code == 200
    assert len(callbacks) == 1
    assert "being scanned" in response.content.decode()


@pytest.mark.parametrize("url", [LIST, ISSUES, f"{LIST}scan-now", f"{LIST}add/"])
def test_it_is_for_administrators(alice_client: Client, anonymous_client: Client, url: str) -> None:
    for client in (alice_client, anonymous_client):
        assert client.get(url).status_code == 302

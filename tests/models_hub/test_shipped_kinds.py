"""A release with one model of every kind, and what becomes of each in the library."""

import os
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError
from django.test import Client

from models_hub.models import ModelFile
from models_hub.selectors import model_for_generation, model_list
from models_hub.services import library_scan, model_path
from models_hub.sources.builtin import BUILTIN_ROOT
from sdweb.accounts.models import User
from sdweb.errors import PortalError
from tests.models_hub import making
from tests.models_hub.making import (
    folder_write,
    manifest_entry,
    manifest_of,
    network_write,
    safetensors_write,
)

pytestmark = pytest.mark.django_db


def entries(root: Path) -> dict[str, dict[str, Any]]:
    """Write one model of every kind, and what a manifest says of it, by path."""
    single = {"format": "safetensors"}
    made = {
        folder_write(root / "base"): {"name": "Demo"},
        network_write(root / "canny", making.CONTROLNET_CONFIG, making.CONTROLNET): {"kind": "controlnet"},
        network_write(root / "clip", making.CLIP_CONFIG, making.CLIP): {
            "kind": "clip", "family": "unknown", "format": "transformers",
        },
        safetensors_write(root / "loras/ink.safetensors", making.LORA_TINY): {"kind": "lora", **single},
        safetensors_write(root / "ip.safetensors", making.IP_ADAPTER): {"kind": "ip_adapter", **single},
        safetensors_write(root / "x2.safetensors", making.COMPACT_X2): {
            "kind": "upscaler", "family": "unknown", **single,
        },
        network_write(root / "tiny", {"_class_name": "AutoencoderTiny"}, making.TINY_DECODER): {
            "kind": "preview_decoder",
        },
        detector_write(root / "face.pt"): {"kind": "detector", "family": "unknown", "format": "ultralytics"},
    }  # fmt: skip
    said = [manifest_entry(root, path, **{"name": path.stem, **changes}) for path, changes in made.items()]
    return {entry["path"]: entry for entry in said}


def detector_write(path: Path) -> Path:
    """Bytes in place of a pickle: nothing in the models hub looks into one."""
    path.write_bytes(b"PK\x03\x04 not to be opened")
    return path


@pytest.fixture
def release(library: Path, shipped: Path) -> dict[str, dict[str, Any]]:
    """The entries of a manifest that was written, by path; cards and other files lie beside the models."""
    found = entries(shipped)
    manifest_of(shipped, *found.values())
    (shipped / "LICENSE").write_text("free")
    (shipped / "scores.json").write_text("{}")
    (shipped / "x2.md").write_text("# A card")
    return found


def test_every_kind_comes_in_with_the_family_of_the_manifest(
    release: dict[str, dict[str, Any]], shipped: Path
) -> None:
    result = library_scan(builtin_root=shipped)
    assert result.refused == []
    assert dict(ModelFile.objects.values_list("path", "kind")) == {
        path: entry["kind"] for path, entry in release.items()
    }
    assert dict(ModelFile.objects.values_list("path", "family")) == {
        path: entry["family"] for path, entry in release.items()
    }
    assert ModelFile.objects.get(is_default=True).path == "base"
    assert set(library_scan(builtin_root=shipped).unchanged) == set(result.added)


def test_one_of_two_families_is_the_default(library: Path, shipped: Path, alice: User) -> None:
    xl = safetensors_write(shipped / "xl.safetensors", making.SDXL)
    manifest_of(
        shipped,
        manifest_entry(shipped, folder_write(shipped / "base"), name="Demo"),
        manifest_entry(shipped, xl, name="Demo XL", family="sdxl", format="safetensors"),
    )
    assert library_scan(builtin_root=shipped).refused == []
    assert [(model.name, model.is_default) for model in model_list(user=alice)] == [
        ("Demo", True), ("Demo XL", False),
    ]  # fmt: skip
    assert model_for_generation(user=alice, name_or_id="demo xl").family == "sdxl"


def test_a_detector_is_never_opened(
    release: dict[str, dict[str, Any]], shipped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("models_hub.services.file_inspect", lambda path: opened.append(path.name))
    manifest_of(shipped, release["face.pt"])
    assert library_scan(builtin_root=shipped).added == ["face"]
    model = ModelFile.objects.get()
    assert (model.format, model.sha256) == ("ultralytics", release["face.pt"]["files"]["face.pt"])
    assert opened == []


def test_a_detector_is_checked_again_before_it_is_loaded(
    release: dict[str, dict[str, Any]], shipped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models_hub.services.BUILTIN_ROOT", shipped)
    library_scan(builtin_root=shipped)
    model = ModelFile.objects.get(kind="detector")
    path = shipped / "face.pt"
    assert model_path(model) == path
    stat = path.stat()
    path.write_bytes(b"PK\x03\x04 something else!!")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert path.stat().st_size == stat.st_size
    with pytest.raises(PortalError) as caught:
        model_path(model)
    assert caught.value.code == "model_changed"


@pytest.mark.parametrize("path", ["face.pt", "x2.safetensors", "clip", "canny", "loras/ink.safetensors"])
def test_a_file_that_is_not_the_released_one_is_refused(
    release: dict[str, dict[str, Any]], shipped: Path, path: str
) -> None:
    files = release[path]["files"]
    files[next(iter(files))] = "0" * 64
    manifest_of(shipped, *release.values())
    refused = library_scan(builtin_root=shipped).refused
    assert [(one.path, one.code) for one in refused] == [(path, "hash_mismatch")]
    assert not ModelFile.objects.filter(path=path).exists()


@pytest.mark.parametrize(
    ("path", "changes", "code"),
    [
        ("x2.safetensors", {"kind": "lora"}, "wrong_manifest"),
        ("clip", {"kind": "checkpoint"}, "wrong_manifest"),
        ("ip.safetensors", {"family": "sdxl"}, "wrong_manifest"),
        ("ip.safetensors", {"format": "diffusers"}, "wrong_manifest"),
        # What a release does not promise to be a detector is not trusted as one.
        ("face.pt", {"kind": "checkpoint"}, "broken_manifest"),
        ("face.pt", {"format": "safetensors"}, "broken_manifest"),
        ("x2.safetensors", {"kind": "detector", "format": "ultralytics"}, "broken_manifest"),
    ],
)
def test_a_manifest_that_says_something_else_is_refused(
    release: dict[str, dict[str, Any]], shipped: Path, path: str, changes: dict[str, str], code: str
) -> None:
    manifest_of(shipped, release[path] | changes)
    assert [one.code for one in library_scan(builtin_root=shipped).refused] == [code]
    assert not ModelFile.objects.exists()


def test_a_detector_in_the_models_folder_is_taken_in_when_it_names_nothing_else(
    library: Path, shipped: Path
) -> None:
    content = (BUILTIN_ROOT / "detectors" / "face.pt").read_bytes()
    (library / "face.pt").write_bytes(content)
    assert content.count(b"ultralytics.nn.modules.conv\nConv\n") == 1
    (library / "evil.pt").write_bytes(_renamed(content, b"ultralytics.nn.modules.conv\nConv\n"))
    (library / "pose.pt").write_bytes(content.replace(b"tasks\nDetectionModel", b"tasks\nPoseDetectModl"))
    result = library_scan(builtin_root=shipped)
    assert {(one.path, one.code) for one in result.refused} == {
        ("evil.pt", "unsafe_format"), ("pose.pt", "unsafe_format"),
    }  # fmt: skip
    model = ModelFile.objects.get()
    assert (model.name, model.kind, model.format, model.source) == (
        "face",
        "detector",
        "ultralytics",
        "folder",
    )
    assert model_path(model) == library / "face.pt"


def _renamed(content: bytes, name: bytes) -> bytes:
    """The same file with another name of the same length in it."""
    other = b"xxxxxxxxxxxxxxxxxxxxxxxxxxx\nConv\n"
    assert len(other) == len(name)
    return content.replace(name, other)


def test_the_database_keeps_files_of_ultralytics_to_detectors(
    release: dict[str, dict[str, Any]], shipped: Path
) -> None:
    library_scan(builtin_root=shipped)
    with pytest.raises(IntegrityError):
        ModelFile.objects.filter(kind="detector").update(kind="upscaler")


def test_the_same_kinds_in_the_models_folder(library: Path, shipped: Path) -> None:
    network_write(library / "ControlNet" / "canny", making.CONTROLNET_CONFIG, making.CONTROLNET)
    network_write(library / "clip", making.CLIP_CONFIG, making.CLIP)
    safetensors_write(library / "ESRGAN" / "x2.safetensors", making.COMPACT_X2)
    ink = {"modelspec.trigger_phrase": "ink", "modelspec.title": "Ink", "ss_base_model_version": "sd_v1"}
    safetensors_write(library / "Lora" / "ink.safetensors", making.LORA_TINY, metadata=ink)
    # A configuration beside models that are each something by themselves makes no model of the folder.
    (library / "Lora" / "config.json").write_text("{}")
    result = library_scan(builtin_root=shipped)
    assert result.refused == []
    assert dict(ModelFile.objects.values_list("name", "kind")) == {
        "canny": "controlnet", "clip": "clip", "x2": "upscaler", "ink": "lora",
    }  # fmt: skip
    lora = ModelFile.objects.get(name="ink")
    assert (lora.family, lora.trigger_words, lora.description) == ("sd15", ["ink"], "Ink")


def test_what_an_administrator_wrote_outlives_what_the_file_says(library: Path, shipped: Path) -> None:
    path = safetensors_write(library / "ink.safetensors", metadata={"modelspec.title": "Ink"})
    library_scan(builtin_root=shipped)
    ModelFile.objects.update(description="Ours")
    safetensors_write(path, metadata={"modelspec.title": "Ink 2"})
    assert library_scan(builtin_root=shipped).updated == ["ink"]
    assert ModelFile.objects.get().description == "Ours"


@pytest.mark.parametrize("kind", ModelFile.Kind.values)
def test_each_kind_is_listed_by_itself(
    release: dict[str, dict[str, Any]], shipped: Path, alice: User, kind: str
) -> None:
    library_scan(builtin_root=shipped)
    wanted = [entry["name"] for entry in release.values() if entry["kind"] == kind]
    assert [model.name for model in model_list(user=alice, kind=kind)] == wanted


def test_the_route_lists_each_kind_with_its_trigger_words(
    library: Path, shipped: Path, alice_client: Client, anonymous_client: Client
) -> None:
    words = {"modelspec.trigger_phrase": "ink, pen"}
    safetensors_write(library / "ink.safetensors", making.LORA_SD15, metadata=words)
    safetensors_write(library / "x2.safetensors", making.COMPACT_X2)
    library_scan(builtin_root=shipped)
    listed = {
        kind: [(item["name"], item["trigger_words"]) for item in alice_client.get(url).json()["items"]]
        for kind, url in ((kind, f"/api/v1/models?kind={kind}") for kind in ModelFile.Kind.values)
    }
    assert listed == {kind: [] for kind in ModelFile.Kind.values} | {
        "lora": [("ink", ["ink", "pen"])],
        "upscaler": [("x2", [])],
    }
    assert anonymous_client.get("/api/v1/models?kind=lora").status_code == 401


def test_the_shipped_library_is_whole(library: Path) -> None:
    assert library_scan().refused == []
    assert ModelFile.objects.filter(source="builtin").count() >= 1
    default = ModelFile.objects.get(is_default=True)
    assert (default.kind, default.path, default.name) == ("checkpoint", "base", "Demo emoji")
    for model in ModelFile.objects.all():
        assert model_path(model).is_relative_to(BUILTIN_ROOT)

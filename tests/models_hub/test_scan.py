"""Scans: what they add, change, miss and refuse; twice the same; nothing from outside the folder."""

import os
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from models_hub.hashing import file_sha256
from models_hub.models import ModelFile, ScanIssue
from models_hub.services import library_scan, model_path, model_set_default, model_set_enabled
from sdweb.errors import PortalError
from tests.models_hub import making
from tests.models_hub.making import folder_write, manifest_write, safetensors_write

pytestmark = pytest.mark.django_db


def names(**filters: object) -> set[str]:
    return set(ModelFile.objects.filter(**filters).values_list("name", flat=True))


def test_it_finds_files_and_folders_everywhere(library: Path, shipped: Path) -> None:
    safetensors_write(library / "root.safetensors")
    safetensors_write(library / "checkpoints" / "deep" / "inner.SAFETENSORS")
    safetensors_write(library / "Lora" / "style.safetensors", making.LORA_SD15)
    folder_write(library / "diffusers" / "pretty")
    safetensors_write(library / ".hidden" / "x.safetensors")
    (library / "notes.txt").write_text("not a model")
    result = library_scan(builtin_root=shipped)
    assert set(result.added) == {"root", "inner", "style", "pretty"}
    assert names(kind="lora") == {"style"}
    assert (result.refused, result.missing) == ([], [])
    model = ModelFile.objects.get(name="inner")
    assert (model.path, model.size_bytes) == (
        "checkpoints/deep/inner.SAFETENSORS",
        (library / "checkpoints/deep/inner.SAFETENSORS").stat().st_size,
    )
    assert model_path(model) == library / "checkpoints/deep/inner.SAFETENSORS"
    assert model_path(ModelFile.objects.get(name="pretty")) == library / "diffusers" / "pretty"


def test_parts_of_a_checkpoint_in_one_file_are_no_models(library: Path, shipped: Path) -> None:
    safetensors_write(library / "flux.safetensors", making.FLUX)
    making.network_write(library / "flux.config" / "vae", {"_class_name": "AutoencoderKL"}, making.VAE)
    safetensors_write(library / "text_encoders" / "t5xxl_fp16.safetensors", {"shared.weight": (4, 4)})
    safetensors_write(library / "clip_l.safetensors", {"w": (4,)})
    safetensors_write(library / "clip_lora.safetensors", making.LORA_SD15)
    making.network_write(library / "other.config" / "vae", {"_class_name": "AutoencoderKL"}, making.VAE)
    result = library_scan(builtin_root=shipped)
    assert (set(result.added), result.refused) == ({"flux", "clip_lora", "vae"}, [])
    assert ModelFile.objects.get(kind="vae").path == "other.config/vae"


def test_an_absent_folder_is_an_empty_one(library: Path, shipped: Path) -> None:
    library.rmdir()
    assert library_scan(builtin_root=shipped).added == []


def test_scanning_again_changes_nothing(library: Path, shipped: Path) -> None:
    safetensors_write(library / "a.safetensors")
    (library / "b.ckpt").write_bytes(b"x")
    folder_write(library / "c")
    library_scan(builtin_root=shipped)
    before = list(ModelFile.objects.order_by("pk").values()), list(ScanIssue.objects.values())
    result = library_scan(builtin_root=shipped)
    assert (list(ModelFile.objects.order_by("pk").values()), list(ScanIssue.objects.values())) == before
    assert (result.added, result.updated, set(result.unchanged)) == ([], [], {"a", "c"})


def test_a_file_is_hashed_once(library: Path, shipped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = safetensors_write(library / "a.safetensors")
    hashed: list[Path] = []

    def counting(file: Path) -> str:
        hashed.append(file)
        return file_sha256(file)

    monkeypatch.setattr("models_hub.services.file_sha256", counting)
    library_scan(builtin_root=shipped)
    library_scan(builtin_root=shipped)
    assert hashed == [path]
    os.utime(path, ns=(1, 1))
    library_scan(builtin_root=shipped)
    assert hashed == [path, path]


def test_a_file_that_changed_keeps_its_row(library: Path, shipped: Path) -> None:
    path = safetensors_write(library / "a.safetensors")
    library_scan(builtin_root=shipped)
    before = ModelFile.objects.get()
    ModelFile.objects.update(description="mine")
    safetensors_write(path, making.SDXL, fill=1)
    assert library_scan(builtin_root=shipped).updated == ["a"]
    after = ModelFile.objects.get()
    assert (after.pk, after.family, after.description) == (before.pk, ModelFile.Family.SDXL, "mine")
    assert after.sha256 != before.sha256


def test_a_file_that_went_away_comes_back_as_it_was(library: Path, shipped: Path) -> None:
    path = safetensors_write(library / "a.safetensors")
    library_scan(builtin_root=shipped)
    model = ModelFile.objects.get()
    path.rename(library / "a.away")
    assert library_scan(builtin_root=shipped).missing == ["a"]
    assert library_scan(builtin_root=shipped).missing == []
    assert ModelFile.objects.get().missing_since is not None
    with pytest.raises(PortalError) as caught:
        model_path(model)
    assert caught.value.code == "model_missing"
    (library / "a.away").rename(path)
    assert library_scan(builtin_root=shipped).updated == ["a"]
    back = ModelFile.objects.get()
    assert (back.pk, back.missing_since, back.is_default) == (model.pk, None, True)


def test_a_file_that_became_bad_is_no_longer_offered(library: Path, shipped: Path) -> None:
    path = safetensors_write(library / "a.safetensors")
    library_scan(builtin_root=shipped)
    path.write_bytes(b"PK\x03\x04....")
    result = library_scan(builtin_root=shipped)
    assert result.missing == ["a"]
    assert [refused.code for refused in result.refused] == ["unsafe_format"]


def test_equal_names_are_told_apart(library: Path, shipped: Path) -> None:
    for folder in ("a", "b", "c"):
        safetensors_write(library / folder / "same.safetensors", fill=ord(folder))
    safetensors_write(library / "lora" / "same.safetensors", making.LORA_SD15)
    library_scan(builtin_root=shipped)
    assert names(kind="checkpoint") == {"same", "b/same.safetensors", "c/same.safetensors"}
    assert names(kind="lora") == {"same"}
    library_scan(builtin_root=shipped)
    assert names(kind="checkpoint") == {"same", "b/same.safetensors", "c/same.safetensors"}


def test_refusals_are_kept_for_the_administrator_and_end(library: Path, shipped: Path) -> None:
    bad = library / "bad.ckpt"
    bad.write_bytes(b"x")
    making.raw_write(library / "broken.safetensors", b"{")
    library_scan(builtin_root=shipped)
    assert dict(ScanIssue.objects.values_list("path", "code")) == {
        "bad.ckpt": "unsafe_format",
        "broken.safetensors": "broken_file",
    }
    first_seen = ScanIssue.objects.get(path="broken.safetensors").first_seen_at
    bad.unlink()
    library_scan(builtin_root=shipped)
    assert ScanIssue.objects.get().first_seen_at == first_seen
    assert not ModelFile.objects.exists()


def test_a_file_that_cannot_be_read_is_refused(library: Path, shipped: Path) -> None:
    # Reading its own memory at address 0 fails even for root, whom no permission would stop.
    (shipped / "x.safetensors").symlink_to("/proc/self/mem")
    folder = folder_write(shipped / "demo")
    manifest_write(shipped, folder, path="x.safetensors", files={"x.safetensors": "0" * 64})
    safetensors_write(library / "good.safetensors")
    result = library_scan(builtin_root=shipped)
    assert [one.code for one in result.refused] == ["unreadable"]
    assert result.added == ["good"]


def test_links_that_lead_out_are_refused(library: Path, shipped: Path, tmp_path: Path) -> None:
    outside = safetensors_write(tmp_path / "outside" / "secret.safetensors")
    (library / "link.safetensors").symlink_to(outside)
    (library / "folder").symlink_to(outside.parent)
    (library / "dotted.safetensors").symlink_to("../outside/secret.safetensors")
    (library / "loop").symlink_to(library / "loop")
    folder = folder_write(library / "pretty")
    (folder / "unet" / "extra.safetensors").symlink_to(outside)
    result = library_scan(builtin_root=shipped)
    assert result.added == []
    assert {(one.path, one.code) for one in result.refused} == {
        (name, "link_escapes")
        for name in ("link.safetensors", "folder", "dotted.safetensors", "loop", "pretty")
    }


def test_links_that_stay_inside_add_nothing_twice(library: Path, shipped: Path) -> None:
    real = safetensors_write(library / "real.safetensors")
    (library / "again.safetensors").symlink_to(real)
    (library / "round").symlink_to(library)
    result = library_scan(builtin_root=shipped)
    assert (result.added, result.refused) == (["real"], [])


def test_a_models_folder_that_is_itself_a_link_works(library: Path, shipped: Path, tmp_path: Path) -> None:
    safetensors_write(tmp_path / "disk" / "a.safetensors")
    library.rmdir()
    library.symlink_to(tmp_path / "disk")
    assert library_scan(builtin_root=shipped).added == ["a"]


def test_a_folder_swapped_for_a_link_after_the_scan_is_not_followed(
    library: Path, shipped: Path, tmp_path: Path
) -> None:
    path = safetensors_write(library / "a.safetensors")
    library_scan(builtin_root=shipped)
    path.unlink()
    path.symlink_to(safetensors_write(tmp_path / "outside.safetensors"))
    with pytest.raises(PortalError):
        model_path(ModelFile.objects.get())


@pytest.mark.parametrize("path", ["/etc/passwd", "../outside.safetensors", "a/../../outside.safetensors"])
def test_a_path_in_a_row_cannot_lead_out(library: Path, shipped: Path, tmp_path: Path, path: str) -> None:
    safetensors_write(tmp_path / "outside.safetensors")
    safetensors_write(library / "a.safetensors")
    library_scan(builtin_root=shipped)
    model = ModelFile.objects.get()
    model.path = path
    with pytest.raises(PortalError) as caught:
        model_path(model)
    assert caught.value.code == "model_missing"


def test_names_that_are_not_text_are_refused(library: Path, shipped: Path) -> None:
    safetensors_write(Path(os.fsdecode(os.fsencode(library) + b"/\xff\xfe.safetensors")))
    assert [one.code for one in library_scan(builtin_root=shipped).refused] == ["bad_name"]
    assert ScanIssue.objects.count() == 1


# --- What comes with the portal
# --------------------------------------------------------------------------------------


def test_the_shipped_model_is_the_first_default(library: Path, shipped: Path) -> None:
    safetensors_write(library / "aaa.safetensors")
    manifest_write(shipped, folder_write(shipped / "demo"))
    library_scan(builtin_root=shipped)
    model = ModelFile.objects.get(is_default=True)
    assert (model.name, model.source, model.license, model.native_size) == ("Demo", "builtin", "MIT", 128)
    assert model.description == "Small and honest."


@pytest.mark.parametrize("change", ["altered", "missing", "added"])
def test_a_shipped_model_that_was_changed_is_refused(library: Path, shipped: Path, change: str) -> None:
    folder = folder_write(shipped / "demo")
    manifest_write(shipped, folder)
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    if change == "altered":
        safetensors_write(weights, {"w": (4,)}, fill=1)
    elif change == "missing":
        (folder / "tokenizer" / "vocab.json").rename(folder / "tokenizer" / "x.md")
    else:
        (folder / "unet" / "more.json").write_text("{}")
    result = library_scan(builtin_root=shipped)
    assert [one.code for one in result.refused] == ["hash_mismatch"]
    assert not ModelFile.objects.exists()


@pytest.mark.parametrize(
    "changes",
    [{"path": "../elsewhere"}, {"path": "/etc"}, {"files": {}}, {"files": {"../x": "0" * 64}},
     {"files": {"x": "short"}}, {"kind": "virus"}, {"native_size": 10**9}, {"name": ""}],
)  # fmt: skip
def test_a_broken_manifest_is_refused_as_a_whole(
    library: Path, shipped: Path, changes: dict[str, object]
) -> None:
    manifest_write(shipped, folder_write(shipped / "demo"), **changes)
    assert [one.code for one in library_scan(builtin_root=shipped).refused] == ["broken_manifest"]


def test_a_manifest_that_is_not_json_is_refused(library: Path, shipped: Path) -> None:
    (shipped / "manifest.json").write_text("{")
    assert [one.code for one in library_scan(builtin_root=shipped).refused] == ["broken_manifest"]


def test_a_model_of_the_manifest_that_is_not_there_is_refused(library: Path, shipped: Path) -> None:
    manifest_write(shipped, folder_write(shipped / "demo"), path="elsewhere")
    assert [one.code for one in library_scan(builtin_root=shipped).refused] == ["missing_file"]


def test_a_new_release_updates_the_row(library: Path, shipped: Path) -> None:
    folder = folder_write(shipped / "demo")
    manifest_write(shipped, folder)
    library_scan(builtin_root=shipped)
    manifest_write(shipped, folder, description="Larger.", native_size=256)
    assert library_scan(builtin_root=shipped).updated == ["Demo"]
    model = ModelFile.objects.get()
    assert (model.description, model.native_size) == ("Larger.", 256)


# --- The default, and the switch
# --------------------------------------------------------------------------------------


def test_the_default_stays_what_the_administrator_chose(library: Path, shipped: Path) -> None:
    manifest_write(shipped, folder_write(shipped / "demo"))
    safetensors_write(library / "mine.safetensors")
    library_scan(builtin_root=shipped)
    model_set_default(model_id=ModelFile.objects.get(name="mine").pk)
    library_scan(builtin_root=shipped)
    assert names(is_default=True) == {"mine"}


def test_each_kind_has_its_own_default(library: Path, shipped: Path) -> None:
    safetensors_write(library / "a.safetensors")
    safetensors_write(library / "v.safetensors", making.VAE)
    library_scan(builtin_root=shipped)
    model_set_default(model_id=ModelFile.objects.get(name="v").pk)
    assert names(is_default=True) == {"a", "v"}


def test_the_default_cannot_be_disabled_nor_a_disabled_one_become_it(library: Path, shipped: Path) -> None:
    safetensors_write(library / "a.safetensors")
    safetensors_write(library / "b.safetensors", fill=1)
    library_scan(builtin_root=shipped)
    first, second = ModelFile.objects.get(name="a"), ModelFile.objects.get(name="b")
    with pytest.raises(PortalError) as caught:
        model_set_enabled(model_id=first.pk, enabled=False)
    assert caught.value.code == "model_is_default"
    assert model_set_enabled(model_id=second.pk, enabled=False).enabled is False
    with pytest.raises(PortalError) as caught:
        model_set_default(model_id=second.pk)
    assert caught.value.code == "model_not_usable"
    model_set_enabled(model_id=second.pk, enabled=True)
    model_set_default(model_id=second.pk)
    assert names(is_default=True) == {"b"}


def test_what_cannot_draw_cannot_be_the_default(library: Path, shipped: Path) -> None:
    safetensors_write(library / "refiner.safetensors", making.XL_REFINER)
    library_scan(builtin_root=shipped)
    assert names(is_default=True) == set()
    with pytest.raises(PortalError):
        model_set_default(model_id=ModelFile.objects.get().pk)


def test_the_database_allows_one_default_per_kind(library: Path, shipped: Path) -> None:
    from django.db import IntegrityError, transaction

    safetensors_write(library / "a.safetensors")
    safetensors_write(library / "b.safetensors", fill=1)
    library_scan(builtin_root=shipped)
    with pytest.raises(IntegrityError), transaction.atomic():
        ModelFile.objects.update(is_default=True)
    with pytest.raises(IntegrityError), transaction.atomic():
        ModelFile.objects.filter(is_default=True).update(enabled=False)


def test_the_command_says_what_it_found(library: Path) -> None:
    safetensors_write(library / "mine.safetensors")
    (library / "old.ckpt").write_bytes(b"x")
    output = StringIO()
    call_command("scan_models", stdout=output, no_color=True)
    text = output.getvalue()
    assert str(library) in text
    assert "added     mine" in text
    assert "refused   old.ckpt: old.ckpt is a pickle" in text
    assert "Default checkpoint: " in text

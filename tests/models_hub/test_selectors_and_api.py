"""Which models people see, and what a request's model name means."""

import uuid
from pathlib import Path

import pytest
from django.test import Client

from models_hub.models import ModelFile
from models_hub.selectors import helpers_path, model_for_generation, model_list, model_named
from models_hub.services import library_scan, model_set_default, model_set_enabled
from sdweb.accounts.models import User
from sdweb.errors import PortalError
from tests.models_hub import making
from tests.models_hub.making import folder_write, manifest_write, safetensors_write

pytestmark = pytest.mark.django_db


@pytest.fixture
def models(library: Path, shipped: Path) -> dict[str, ModelFile]:
    """A library with one of everything, by name."""
    manifest_write(shipped, folder_write(shipped / "demo"))
    safetensors_write(library / "Foxy v2.safetensors")
    safetensors_write(library / "off.safetensors", fill=1)
    safetensors_write(library / "flux.safetensors", making.FLUX)
    safetensors_write(library / "xl.safetensors", making.SDXL)
    safetensors_write(library / "inpaint.safetensors", making.INPAINTING)
    safetensors_write(library / "refiner.safetensors", making.XL_REFINER)
    safetensors_write(library / "style.safetensors", making.LORA_SD15)
    safetensors_write(library / "sdxl" / "style.safetensors", making.LORA_SDXL)
    safetensors_write(library / "small.safetensors", making.LORA_TINY)
    library_scan(builtin_root=shipped)
    model_set_enabled(model_id=ModelFile.objects.get(name="off").pk, enabled=False)
    return {model.name: model for model in ModelFile.objects.all()}


def test_the_list_has_what_runs_with_the_default_first(alice: User, models: dict[str, ModelFile]) -> None:
    assert [model.name for model in model_list(user=alice)] == ["Demo", "Foxy v2", "flux", "inpaint", "xl"]
    model_set_default(model_id=models["Foxy v2"].pk)
    assert [model.name for model in model_list(user=alice)][:2] == ["Foxy v2", "Demo"]
    assert [model.name for model in model_list(user=alice, variant="refiner")] == ["refiner"]
    assert [model.name for model in model_list(user=alice, variant="inpainting")] == ["inpaint"]
    assert [model.name for model in model_list(user=alice, kind="lora")] == [
        "small",
        "style",
        "style.safetensors",
    ]


@pytest.mark.parametrize("name", [None, "", "  "])
def test_no_name_means_the_default(alice: User, models: dict[str, ModelFile], name: str | None) -> None:
    assert model_for_generation(user=alice, name_or_id=name).name == "Demo"


def test_a_default_that_went_away_is_replaced_for_the_time_being(
    alice: User, library: Path, shipped: Path, models: dict[str, ModelFile]
) -> None:
    model_set_default(model_id=models["Foxy v2"].pk)
    (library / "Foxy v2.safetensors").unlink()
    library_scan(builtin_root=shipped)
    assert model_for_generation(user=alice, name_or_id=None).name == "Demo"


@pytest.mark.parametrize(
    "name",
    ["Foxy v2", "foxy V2", "Foxy v2.safetensors", "FOXY V2.SAFETENSORS", "Foxy v2 [0123456789]",
     "Foxy v2.safetensors [ab]", " Foxy v2 "],
)  # fmt: skip
def test_names_may_be_written_in_many_ways(alice: User, models: dict[str, ModelFile], name: str) -> None:
    assert model_for_generation(user=alice, name_or_id=name) == models["Foxy v2"]


def test_ids_name_models(alice: User, models: dict[str, ModelFile]) -> None:
    assert model_for_generation(user=alice, name_or_id=str(models["Demo"].pk)) == models["Demo"]


@pytest.mark.parametrize(
    "name",
    ["nothing", "off", "refiner", "style", "../demo", "x" * 10_000, "\x00", "%", str(uuid.UUID(int=1))],
)
def test_unknown_models_are_refused_with_a_hint(alice: User, models: dict[str, ModelFile], name: str) -> None:
    with pytest.raises(PortalError) as caught:
        model_for_generation(user=alice, name_or_id=name)
    error = caught.value
    assert (error.code, error.status, set(error.fields)) == ("unknown_model", 422, {"model"})
    assert "Demo" in error.hint
    assert len(error.message) < 400


def test_a_model_of_any_kind_is_found_by_name_and_family(alice: User, models: dict[str, ModelFile]) -> None:
    def lora(name: str, family: str | None = None) -> str:
        return model_named(user=alice, kind="lora", name_or_id=name, family=family).path

    assert lora("style", "sd15") == lora("STYLE", "sd15") == "style.safetensors"
    assert lora("style", "sdxl") == "sdxl/style.safetensors"
    assert lora("small", "sd15") == lora("small", "flux") == "small.safetensors"


def test_a_model_of_another_family_is_refused(alice: User, models: dict[str, ModelFile]) -> None:
    with pytest.raises(PortalError) as caught:
        model_named(user=alice, kind="lora", name_or_id="style", family="flux")
    error = caught.value
    assert (error.code, error.status, set(error.fields)) == ("wrong_family", 422, {"loras"})
    assert "Stable Diffusion" in error.message
    assert "Flux" in error.hint


def test_the_names_that_are_most_alike_come_first(alice: User, models: dict[str, ModelFile]) -> None:
    with pytest.raises(PortalError) as caught:
        model_named(user=alice, kind="lora", name_or_id="smal")
    assert (caught.value.code, set(caught.value.fields)) == ("unknown_model", {"loras"})
    assert caught.value.hint.startswith("There are: small, ")
    with pytest.raises(PortalError, match="no Upscaler") as caught:
        model_named(user=alice, kind="upscaler", name_or_id="x4")
    assert "administrator" in caught.value.hint


def test_a_refiner_is_found_where_one_is_asked_for(alice: User, models: dict[str, ModelFile]) -> None:
    found = model_named(user=alice, kind="checkpoint", name_or_id="refiner", family="sdxl", refiners=True)
    assert found == models["refiner"]
    with pytest.raises(PortalError):
        model_named(user=alice, kind="checkpoint", name_or_id="refiner", family="sdxl")


def test_nobody_finds_anything_who_may_not_sign_in(alice: User, models: dict[str, ModelFile]) -> None:
    alice.is_active = False
    with pytest.raises(PortalError):
        model_named(user=alice, kind="lora", name_or_id="style")
    assert list(model_list(user=alice, variant="refiner")) == []


def test_helpers_lie_beside_the_models_and_are_none(library: Path, shipped: Path) -> None:
    for folder in ("annotators", "faces"):
        safetensors_write(helpers_path() / folder / "x.safetensors", making.COMPACT_X2)
    safetensors_write(library / "deeper" / "helpers" / "x.safetensors", making.COMPACT_X2)
    assert helpers_path() == library / "helpers"
    assert library_scan(builtin_root=shipped).added == ["x"]
    assert ModelFile.objects.get().path == "deeper/helpers/x.safetensors"


def test_an_empty_library_says_so(alice: User, library: Path) -> None:
    with pytest.raises(PortalError) as caught:
        model_for_generation(user=alice, name_or_id=None)
    assert caught.value.code == "unknown_model"
    assert "administrator" in caught.value.hint


def test_an_exact_name_wins_over_one_in_another_case(alice: User, library: Path, shipped: Path) -> None:
    safetensors_write(library / "Fox.safetensors")
    safetensors_write(library / "fox.safetensors", fill=1)
    library_scan(builtin_root=shipped)
    assert model_for_generation(user=alice, name_or_id="fox").name == "fox"
    assert model_for_generation(user=alice, name_or_id="Fox").name == "Fox"


def test_the_route_lists_models(alice_client: Client, models: dict[str, ModelFile]) -> None:
    page = alice_client.get("/api/v1/models").json()
    assert page["next_cursor"] is None
    assert [item["name"] for item in page["items"]] == ["Demo", "Foxy v2", "flux", "inpaint", "xl"]
    assert set(page["items"][0]) == {
        "id", "name", "kind", "family", "variant", "format", "size_bytes", "sha256", "native_size",
        "is_default", "description", "license", "trigger_words",
    }  # fmt: skip
    assert page["items"][0]["is_default"] is True
    assert [item["name"] for item in alice_client.get("/api/v1/models?kind=lora").json()["items"]] == [
        "small",
        "style",
        "style.safetensors",
    ]
    refiners = alice_client.get("/api/v1/models?variant=refiner").json()["items"]
    assert [(item["name"], item["variant"]) for item in refiners] == [("refiner", "refiner")]


def test_the_route_is_for_people_who_are_signed_in(
    bob_client: Client, anonymous_client: Client, models: dict[str, ModelFile]
) -> None:
    assert bob_client.get("/api/v1/models").status_code == 200
    assert anonymous_client.get("/api/v1/models").status_code == 401


def test_an_unknown_kind_is_named(alice_client: Client) -> None:
    response = alice_client.get("/api/v1/models?kind=virus")
    assert response.status_code == 422
    assert "kind" in response.json()["fields"]

"""Which models people see, and what a request's model name means."""

import uuid
from pathlib import Path

import pytest
from django.test import Client

from models_hub.models import ModelFile
from models_hub.selectors import model_for_generation, model_list
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
    safetensors_write(library / "style.safetensors", making.LORA_SD15)
    library_scan(builtin_root=shipped)
    model_set_enabled(model_id=ModelFile.objects.get(name="off").pk, enabled=False)
    return {model.name: model for model in ModelFile.objects.all()}


def test_the_list_has_what_runs_with_the_default_first(alice: User, models: dict[str, ModelFile]) -> None:
    assert [model.name for model in model_list(user=alice)] == ["Demo", "Foxy v2", "xl"]
    model_set_default(model_id=models["Foxy v2"].pk)
    assert [model.name for model in model_list(user=alice)] == ["Foxy v2", "Demo", "xl"]
    assert [model.name for model in model_list(user=alice, kind="lora")] == ["style"]


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
    "name", ["nothing", "off", "flux", "style", "../demo", "x" * 10_000, "\x00", "%", str(uuid.UUID(int=1))]
)
def test_unknown_models_are_refused_with_a_hint(alice: User, models: dict[str, ModelFile], name: str) -> None:
    with pytest.raises(PortalError) as caught:
        model_for_generation(user=alice, name_or_id=name)
    error = caught.value
    assert (error.code, error.status, set(error.fields)) == ("unknown_model", 422, {"model"})
    assert "Demo" in error.hint
    assert len(error.message) < 400


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
    assert [item["name"] for item in page["items"]] == ["Demo", "Foxy v2", "xl"]
    assert set(page["items"][0]) == {
        "id", "name", "kind", "family", "format", "size_bytes", "sha256", "native_size", "is_default",
        "description", "license", "trigger_words",
    }  # fmt: skip
    assert page["items"][0]["is_default"] is True
    assert [item["name"] for item in alice_client.get("/api/v1/models?kind=lora").json()["items"]] == [
        "style"
    ]


def test_the_route_is_for_people_who_are_signed_in(
    bob_client: Client, anonymous_client: Client, models: dict[str, ModelFile]
) -> None:
    assert bob_client.get("/api/v1/models").status_code == 200
    assert anonymous_client.get("/api/v1/models").status_code == 401


def test_an_unknown_kind_is_named(alice_client: Client) -> None:
    response = alice_client.get("/api/v1/models?kind=virus")
    assert response.status_code == 422
    assert "kind" in response.json()["fields"]

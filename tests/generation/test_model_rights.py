"""Models of some groups: for everybody else they do not exist, whatever way a request names them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client

from generation import actions
from generation.api.options import options_out
from generation.engine.spec import GenerationRequest
from generation.enhancing import EnhanceIn, prompt_enhance
from generation.models import Job
from generation.translation import request_for
from models_hub.models import ModelFile
from models_hub.selectors import model_for_generation, model_list
from sdweb.accounts.models import User
from sdweb.errors import PortalError
from tests.factories import ModelFileFactory
from tests.generation.conftest import Submit
from tests.generation.drawing import base64_of, picture
from tests.generation.test_recipes import TEXT, png, post

pytestmark = pytest.mark.django_db

Kind = ModelFile.Kind
NAME: Final = "canny secret esrgan"
SUBJECT: Final = base64_of(picture(64, 64))
UNIT: Final = {"type": "canny", "image": SUBJECT}
ADAPTER: Final = {"images": [SUBJECT]}

NAMING: Final[dict[str, tuple[Kind, dict[str, Any]]]] = {
    "checkpoint": (Kind.CHECKPOINT, {"model": NAME}),
    "checkpoint in any case": (Kind.CHECKPOINT, {"model": NAME.upper()}),
    "refiner": (Kind.CHECKPOINT, {"refiner": {"model": NAME, "switch_at": 0.5}}),
    "LoRA in a slot": (Kind.LORA, {"loras": [{"name": NAME, "weight": 1.0}]}),
    "LoRA in the prompt": (Kind.LORA, {"prompt": f"a fox <lora:{NAME}:1>"}),
    "VAE": (Kind.VAE, {"vae": NAME}),
    "ControlNet": (Kind.CONTROLNET, {"controlnet": {**UNIT, "model": NAME}}),
    "ControlNet of a type": (Kind.CONTROLNET, {"controlnet": UNIT}),
    "IP-Adapter": (Kind.IP_ADAPTER, {"ip_adapter": {**ADAPTER, "model": NAME}}),
    "first IP-Adapter": (Kind.IP_ADAPTER, {"ip_adapter": ADAPTER}),
    "image encoder": (Kind.CLIP, {"ip_adapter": {**ADAPTER, "model": "open", "image_encoder": NAME}}),
    "first image encoder": (Kind.CLIP, {"ip_adapter": {**ADAPTER, "model": "open"}}),
    "upscaler": (Kind.UPSCALER, {"upscale": {"method": NAME}}),
    "first upscaler of a method": (Kind.UPSCALER, {"upscale": {"method": "esrgan"}}),
    "upscaler of the hires fix": (Kind.UPSCALER, {"hires": {"upscaler": NAME}}),
    "face restorer": (Kind.FACE_RESTORER, {"face_restoration": {"model": NAME}}),
    "first face restorer": (Kind.FACE_RESTORER, {"face_restoration": {"visibility": 1.0}}),
    "detector": (Kind.DETECTOR, {"adetailer": {"detector": NAME}}),
}


@pytest.fixture
def painters(alice: User) -> Group:
    """A group with Alice in it, and Bob not."""
    group = Group.objects.create(name="painters")
    alice.groups.add(group)
    return group


@pytest.fixture
def secret(painters: Group) -> Callable[..., ModelFile]:
    """A model of a kind that only painters may use."""

    def build(kind: Kind = Kind.CHECKPOINT, **fields: Any) -> ModelFile:
        made = ModelFileFactory.create(
            **{"name": NAME, "kind": kind, "format": ModelFile.Format.SAFETENSORS, **fields}
        )
        made.groups.add(painters)
        return made

    return build


def give(user: User, codename: str) -> User:
    """The right, and the person as the next request sees them."""
    user.user_permissions.add(Permission.objects.get(codename=codename))
    return User.objects.get(pk=user.pk)


def refusal(submit: Submit, user: User, params: dict[str, Any]) -> dict[str, object]:
    """What submitting this says."""
    with pytest.raises(PortalError) as error:
        submit(user, **params)
    return error.value.as_dict()


@pytest.mark.parametrize("how", NAMING)
def test_for_a_stranger_it_does_not_exist(
    alice: User, bob: User, submit: Submit, secret: Callable[..., ModelFile], how: str
) -> None:
    kind, params = NAMING[how]
    partner = {Kind.CLIP: Kind.IP_ADAPTER, Kind.IP_ADAPTER: Kind.CLIP}.get(kind)
    if partner:
        ModelFileFactory.create(name="open", kind=partner, format=ModelFile.Format.SAFETENSORS)
    before = refusal(submit, bob, params)
    assert before["code"] == "unknown_model"
    model = secret(kind)
    # Word for word what is said where there is none.
    assert refusal(submit, bob, params) == before
    job = submit(alice, **params)
    used = {use["id"] for use in job.params["models"].values()} | {job.params["model_id"]}
    assert str(model.pk) in used


def test_its_id_does_not_help(bob: User, submit: Submit, secret: Callable[..., ModelFile]) -> None:
    model = secret()
    assert refusal(submit, bob, {"model": str(model.pk)})["code"] == "unknown_model"
    assert NAME not in str(refusal(submit, bob, {"model": "nothing"}))


def test_another_family_does_not_give_it_away(
    bob: User, submit: Submit, secret: Callable[..., ModelFile]
) -> None:
    ModelFileFactory.create(name="open", kind=Kind.VAE, format=ModelFile.Format.SAFETENSORS)
    before = refusal(submit, bob, {"vae": NAME})
    secret(Kind.VAE, family=ModelFile.Family.SDXL)
    assert refusal(submit, bob, {"vae": NAME}) == before


def test_an_embedding_is_a_plain_word_for_others(
    alice: User, bob: User, submit: Submit, secret: Callable[..., ModelFile]
) -> None:
    secret(Kind.EMBEDDING, name="blobby")
    assert "embedding.blobby" in submit(alice, prompt="a blobby fox").params["models"]
    assert submit(bob, prompt="a blobby fox").params["models"] == {}


def test_a_language_model(alice: User, bob: User, secret: Callable[..., ModelFile]) -> None:
    secret(Kind.LANGUAGE_MODEL, format=ModelFile.Format.TRANSFORMERS)
    with pytest.raises(PortalError) as error:
        prompt_enhance(EnhanceIn(prompt="a fox", model=NAME), user=bob)
    assert error.value.code == "unknown_model"
    assert not model_list(user=bob, kind=Kind.LANGUAGE_MODEL)
    assert [model.name for model in model_list(user=alice, kind=Kind.LANGUAGE_MODEL)] == [NAME]


def test_the_default_of_a_stranger_is_the_first_that_they_may_use(
    alice: User, bob: User, model: ModelFile, secret: Callable[..., ModelFile], painters: Group
) -> None:
    model.groups.add(painters)
    ModelFileFactory.create(name="z")
    ModelFileFactory.create(name="y")
    assert model_for_generation(user=alice, name_or_id=None) == model
    assert model_for_generation(user=bob, name_or_id=None).name == "y"
    ModelFile.objects.exclude(pk=model.pk).delete()
    with pytest.raises(PortalError) as error:
        model_for_generation(user=bob, name_or_id=None)
    assert error.value.code == "unknown_model"


@pytest.mark.parametrize("kind", list(Kind))
def test_lists(
    alice: User,
    bob: User,
    alice_client: Client,
    bob_client: Client,
    secret: Callable[..., ModelFile],
    kind: Kind,
) -> None:
    secret(kind)

    def listed(client: Client) -> list[str]:
        return [one["name"] for one in client.get(f"/api/v1/models?kind={kind.value}").json()["items"]]

    assert listed(alice_client) == [NAME]
    assert listed(bob_client) == []
    told = {person: options_out(person).model_dump_json() for person in (alice, bob)}
    offered = kind not in (Kind.CHECKPOINT, Kind.CLIP, Kind.PREVIEW_DECODER, Kind.LANGUAGE_MODEL)
    assert (NAME in told[alice]) is offered
    assert NAME not in told[bob]
    for person, is_seen in ((alice, offered or kind == Kind.CHECKPOINT), (bob, False)):
        connection = actions.Connection(user=person, channel="c")
        said = actions.perform(connection, actions.Incoming(action="get_models"))
        assert (NAME in str(said)) is is_seen


def test_a_recipe_does_not_give_it_away(
    alice_client: Client, bob_client: Client, secret: Callable[..., ModelFile]
) -> None:
    model = secret(sha256="ab" * 32)
    content = png(TEXT.format(hash=model.sha256[:10], model=NAME))
    assert post(alice_client, content).json()["params"]["model"] == NAME
    said = post(bob_client, content).json()
    assert "model" not in said["params"]
    assert said["missing"][0]["reason"] == "This server has no such model, or none that fits."


class TestWhoMay:
    def test_a_model_of_two_groups_is_listed_once(
        self, alice: User, secret: Callable[..., ModelFile]
    ) -> None:
        model = secret()
        other = Group.objects.create(name="others")
        alice.groups.add(other)
        model.groups.add(other)
        assert [one.pk for one in model_list(user=alice)] == [model.pk]

    def test_with_the_right_all_of_them(self, bob: User, secret: Callable[..., ModelFile]) -> None:
        model = secret()
        assert list(model_list(user=give(bob, "use_all_models"))) == [model]

    def test_an_administrator(self, admin: User, secret: Callable[..., ModelFile]) -> None:
        model = secret()
        assert list(model_list(user=admin)) == [model]

    def test_a_socket_sees_a_right_that_was_given_meanwhile(
        self, bob: User, secret: Callable[..., ModelFile]
    ) -> None:
        secret()
        connection = actions.Connection(user=bob, channel="c")
        asked = actions.Incoming(action="get_models")
        assert NAME not in str(actions.perform(connection, asked))
        give(bob, "use_all_models")
        assert NAME in str(actions.perform(connection, asked))

    def test_disabled_stays_disabled(self, alice: User, secret: Callable[..., ModelFile]) -> None:
        secret(enabled=False)
        assert not model_list(user=alice)


def test_a_job_that_was_accepted_runs_although_the_right_is_gone(
    alice: User,
    submit: Submit,
    secret: Callable[..., ModelFile],
    painters: Group,
    settings: Any,
    tmp_path: Path,
) -> None:
    settings.MODELS_PATH = tmp_path
    model = secret(path="secret.safetensors")
    (tmp_path / "secret.safetensors").touch()
    job = submit(alice, model=NAME)
    alice.groups.remove(painters)
    request = request_for(Job.objects.get(pk=job.pk))
    assert isinstance(request, GenerationRequest)
    assert request.checkpoint.digest == model.sha256

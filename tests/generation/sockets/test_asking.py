"""What else can be asked for by the socket: lists, prompts, work on pictures."""

import json
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from generation import services
from models_hub.models import ModelFile
from sdweb.accounts.models import User
from tests.factories import ModelFileFactory, UserFactory
from tests.generation.drawing import base64_of
from tests.generation.sockets.client import Connect, hear_type, jobs, running_job
from tests.generation.test_state_machine import pictures

pytestmark = pytest.mark.django_db(transaction=True)


class TestAsking:
    async def test_models_samplers_and_schedules(self, connect: Connect, ann: User, model: ModelFile) -> None:
        socket = await connect(ann)
        await socket.hear()
        await socket.ask(action="get_models", request_id="r")
        answer = await socket.hear()
        assert answer["request_id"] == "r"
        assert [entry["name"] for entry in answer["data"]["models"]] == ["demo"]
        assert "Euler" in [entry["name"] for entry in answer["data"]["samplers"]]
        assert "karras" in [entry["name"] for entry in answer["data"]["schedulers"]]

    async def test_a_prompt_is_enhanced(self, connect: Connect, ann: User) -> None:
        socket = await connect(ann)
        await socket.hear()
        await socket.ask(action="enhance_prompt", prompt="a cat", seed=7, request_id=3)
        answer = await socket.hear()
        assert (answer["type"], answer["request_id"]) == ("enhanced_prompt", 3)
        data = answer["data"]
        assert data["prompt"] == ", ".join(["a cat", *data["added"]])
        assert data["added"]

    async def test_the_gallery_page_by_page(self, connect: Connect, ann: User, model: ModelFile) -> None:
        socket, _, claim = await running_job(connect, ann)
        await sync_to_async(services.job_finish)(claim, images=pictures(3), timings={})
        await hear_type(socket, "complete")
        await socket.ask(action="get_gallery", page=1, limit=2)
        data = (await hear_type(socket, "gallery"))["data"]
        assert (len(data["images"]), data["page"], data["limit"], data["total"]) == (1, 1, 2, 3)
        assert data["has_next"] is False


class TestPictures:
    """Actions that do something with a picture: each is a job."""

    @pytest.mark.parametrize(
        ("message", "task"),
        [
            ({"action": "upscale_image", "scale": 2, "method": "lanczos"}, "upscale"),
            ({"action": "face_restoration", "visibility": 0.5}, "face_restoration"),
            ({"action": "adetailer", "prompt": "a face", "confidence": 0.5}, "adetailer"),
            ({"action": "preprocess", "type": "canny", "canny_low": 7}, "preprocess"),
            ({"action": "generate", "params": {"prompt": "a", "task": "img2img"}}, "img2img"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    async def test_each_is_a_job_once(
        self, connect: Connect, ann: User, model: ModelFile, message: dict[str, Any], task: str
    ) -> None:
        for kind in (ModelFile.Kind.DETECTOR, ModelFile.Kind.FACE_RESTORER):
            await sync_to_async(ModelFileFactory.create)(kind=kind, family=ModelFile.Family.UNKNOWN)
        image = "data:image/png;base64," + base64_of()
        asked = {**message, "idempotency_key": "k", "request_id": 9}
        if "params" in asked:
            asked["params"] = {**asked["params"], "image": image}
        else:
            asked["image"] = image
        socket = await connect(ann)
        answers = []
        for _ in range(2):
            await socket.ask(**asked)
            answers.append(await hear_type(socket, "job"))
        assert [answer["request_id"] for answer in answers] == [9, 9]
        assert {answer["data"]["task"] for answer in answers} == {task}
        assert len({answer["data"]["id"] for answer in answers}) == 1
        assert answers[0]["data"]["params"]["image"].startswith("upload:")
        assert len(json.dumps(answers[0])) < 10_000
        await socket.ask(action="cancel_generation")
        assert (await hear_type(socket, "error"))["code"] == "cancelled"

    async def test_a_strangers_picture_does_not_exist(
        self, connect: Connect, ann: User, model: ModelFile
    ) -> None:
        mine = await connect(ann)
        await mine.ask(action="upscale_image", image=base64_of())
        reference = (await hear_type(mine, "job"))["data"]["params"]["image"]
        theirs = await connect(await sync_to_async(UserFactory.create)(username="zoe"))
        await theirs.ask(action="upscale_image", image=reference)
        error = await hear_type(theirs, "error")
        assert (error["code"], list(error["fields"])) == ("not_found", ["image"])
        assert await jobs() == 1

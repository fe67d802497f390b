"""Detailing through the engine: regions are found, painted anew, and nothing else changes."""

from typing import Any

import numpy as np
import pytest
from PIL import Image

from generation.engine.errors import EngineError
from generation.engine.postprocess.detectors import detect, detector_load
from generation.engine.postprocess.regions import detailing_masks
from generation.engine.spec import Detailing, InitImage, ModelRef, Upscale
from generation.engine.step_engine import StepEngine
from tests.engine.conftest import TIMEOUT, MakeEngine, MakeRequest
from tests.engine.postprocess.pictures import smileys
from tests.engine.test_batching import pixels
from tests.engine.test_finishing import DEMO

FACES = ModelRef(path=DEMO / "detectors/face.pt")


def scene() -> Image.Image:
    """Two faces on a plain ground."""
    return smileys(352, 128, [(16, 16, 112, 112), (240, 16, 336, 112)])


def changed(before: Image.Image, after: Image.Image) -> "np.ndarray[Any, Any]":
    """Where the pixels differ, (height, width)."""
    difference = np.abs(np.asarray(before, dtype=int) - np.asarray(after, dtype=int))
    return np.asarray(difference.max(axis=2) > 0)


@pytest.fixture
def detailing(make_request: MakeRequest) -> Any:
    def make(*steps: Any, **values: Any) -> Any:
        init = InitImage(image=scene(), strength=0.0)
        return make_request(init=init, postprocess=steps, **values)

    return make


def test_every_face_is_painted_and_nothing_else(engine: StepEngine, detailing: Any) -> None:
    step = Detailing(detector=FACES, blur=0, dilate=0)
    result = engine.submit(detailing(step)).result(TIMEOUT)
    after = result.images[0]
    assert after.size == scene().size
    masks = detailing_masks(detect(scene(), detector_load(FACES.path), step.confidence), step)
    assert len(masks) == 2
    inside = np.maximum(*(np.asarray(mask) for mask in masks)) > 0
    moved = changed(scene(), after)
    assert not moved[~inside].any()
    assert moved[inside].mean() > 0.9


def test_the_surest_one_alone_has_its_own_prompt(engine: StepEngine, detailing: Any) -> None:
    one = engine.submit(detailing(Detailing(detector=FACES, top_k=1))).result(TIMEOUT).images[0]
    halves = changed(scene(), one)
    assert sorted([bool(halves[:, :176].any()), bool(halves[:, 176:].any())]) == [False, True]
    other = detailing(Detailing(detector=FACES, top_k=1, prompt="a blue cat"))
    assert engine.submit(other).result(TIMEOUT).images[0].tobytes() != one.tobytes()
    skipped = detailing(Detailing(detector=FACES, prompt="[SKIP]"))
    assert pixels(engine.submit(skipped).result(TIMEOUT)) == [scene().tobytes()]


def test_without_anything_found_the_picture_stays(engine: StepEngine, detailing: Any) -> None:
    step = Detailing(detector="opencv_face", confidence=1.0)
    assert pixels(engine.submit(detailing(step)).result(TIMEOUT)) == [scene().tobytes()]
    assert engine.stats().ticks == 0


def test_it_follows_a_generation_and_other_steps(make_engine: MakeEngine, make_request: MakeRequest) -> None:
    engine = make_engine()
    steps = (Upscale(scale=2.0), Detailing(detector=FACES, confidence=0.0, top_k=2))
    result = engine.submit(make_request(batch_size=2, postprocess=steps)).result(TIMEOUT)
    assert [image.size for image in result.images] == [(128, 128)] * 2
    again = engine.submit(make_request(batch_size=2, postprocess=steps)).result(TIMEOUT)
    assert pixels(again) == pixels(result)


@pytest.mark.parametrize(
    ("detector", "code"),
    [
        ("no_such_detector", "invalid_request"),
        (ModelRef(path=DEMO / "nothing.pt"), "model_missing"),
        (ModelRef(path=DEMO / "loras/sunset.safetensors"), None),
    ],
)
def test_a_bad_detector_is_refused_alone(
    detector: Any, code: str | None, engine: StepEngine, detailing: Any, make_request: MakeRequest
) -> None:
    future = engine.submit(detailing(Detailing(detector=detector)))
    with pytest.raises(EngineError) as caught:
        future.result(TIMEOUT)
    assert caught.value.code == code or code is None
    assert engine.submit(make_request()).result(TIMEOUT).images

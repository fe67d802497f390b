"""Upscaling and control maps through the engine: with a request for pictures, and alone."""

from pathlib import Path

import pytest
from PIL import Image

from generation.engine.errors import EngineError
from generation.engine.postprocess.upscaling import upscale, upscaler_load
from generation.engine.preprocess.running import preprocess
from generation.engine.slices import run_through
from generation.engine.spec import HiresFix, ModelRef, PreprocessRequest, ProcessRequest, Progress, Upscale
from generation.engine.step_engine import StepEngine
from tests.engine.conftest import TIMEOUT, MakeEngine, MakeRequest
from tests.engine.test_starting_pictures import drawing

DEMO = Path(__file__).resolve().parents[2] / "models_hub/demo"
X2 = ModelRef(path=DEMO / "upscalers/x2.safetensors", name="x2")


def test_a_picture_upscaled_alone_is_what_the_library_makes(engine: StepEngine) -> None:
    import torch

    seen: list[Progress] = []
    request = ProcessRequest(images=(drawing(), drawing((48, 40))), steps=(Upscale(model=X2, tile=64),))
    result = engine.submit(request, on_progress=seen.append).result(TIMEOUT)
    assert [image.size for image in result.images] == [(128, 128), (96, 80)]
    model = upscaler_load(X2.path, torch.float32)
    expected = run_through(upscale(drawing(), model, 2.0, 64))
    assert result.images[0].tobytes() == expected.tobytes()
    assert {progress.status for progress in seen} == {"loading", "upscaling"}
    assert all(progress.step <= progress.total for progress in seen)
    assert result.seeds == ()


def test_steps_follow_a_generation_in_order(engine: StepEngine, make_request: MakeRequest) -> None:
    request = make_request(batch_size=2, postprocess=(Upscale(model=X2), Upscale(scale=1.5)))
    result = engine.submit(request).result(TIMEOUT)
    assert [image.size for image in result.images] == [(192, 192)] * 2


def test_the_hires_fix_enlarges_with_a_model(engine: StepEngine, make_request: MakeRequest) -> None:
    hires = HiresFix(scale=1.5, strength=0.5, upscaler=X2)
    [image] = engine.submit(make_request(hires=hires)).result(TIMEOUT).images
    assert image.size == (96, 96)


def test_a_control_map_can_be_looked_at(engine: StepEngine) -> None:
    request = PreprocessRequest(image=drawing(), preprocessor="canny", resolution=128)
    [image] = engine.submit(request).result(TIMEOUT).images
    assert image.tobytes() == preprocess(request).tobytes()
    levels = image.convert("L").getextrema()
    assert levels == (0, 255)


def test_a_map_whose_file_is_missing_says_which(make_engine: MakeEngine, tmp_path: Path) -> None:
    for engine in (make_engine(), make_engine(helpers=tmp_path)):
        request = PreprocessRequest(image=drawing(), preprocessor="depth_midas")
        with pytest.raises(EngineError) as caught:
            engine.submit(request).result(TIMEOUT)
        assert (caught.value.code, caught.value.field) == ("model_missing", "controlnet.preprocessor")


def test_a_wrong_upscaler_fails_alone(engine: StepEngine, make_request: MakeRequest) -> None:
    wrong = ModelRef(path=DEMO / "loras/sunset.safetensors")
    futures = [
        engine.submit(ProcessRequest(images=(Image.new("RGB", (64, 64)),), steps=(Upscale(model=wrong),))),
        engine.submit(make_request()),
    ]
    with pytest.raises(EngineError) as caught:
        futures[0].result(TIMEOUT)
    assert caught.value.code == "model_unsupported"
    assert futures[1].result(TIMEOUT).images

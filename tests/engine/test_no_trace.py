"""Whatever features a picture is made with, the plain picture afterwards is bit for bit the one before."""

from itertools import combinations
from pathlib import Path
from typing import Any, Final

import pytest

from generation.engine.spec import (
    ControlUnit,
    Detailing,
    FreeU,
    GenerationRequest,
    HiresFix,
    InitImage,
    IpAdapterUnit,
    LoraUnit,
    Mask,
    ModelRef,
    Refiner,
    Upscale,
    Variation,
)
from generation.engine.step_engine import StepEngine
from tests.engine.conftest import TIMEOUT, MakeEngine
from tests.engine.test_batching import pixels, submit_together
from tests.engine.test_starting_pictures import drawing, half_mask

DEMO: Final = Path(__file__).resolve().parents[2] / "models_hub/demo"


def model(name: str) -> ModelRef:
    return ModelRef(path=DEMO / name)


FEATURES: Final[dict[str, dict[str, Any]]] = {
    "lora": {"loras": (LoraUnit(model=model("loras/sunset.safetensors"), denoiser=0.7),)},
    "control": {
        "controls": (
            ControlUnit(model=model("controlnet-canny"), image=drawing(), preprocessor="canny", weight=0.8),
            ControlUnit(model=model("controlnet-scribble"), image=drawing(), end=0.6, mode="prompt"),
        )
    },
    "ip": {
        "ip_adapters": (
            IpAdapterUnit(
                model=model("ip-adapter/ip-adapter.safetensors"),
                image_encoder=model("clip"),
                images=(drawing(),),
            ),
        )
    },
    "freeu": {"freeu": FreeU()},
    "guidance": {"pag_scale": 2.0, "cfg_rescale": 0.5},
    "tiling": {"tiling": True},
    "vae": {"vae": model("xl/vae")},
    "text": {"clip_skip": 1, "prompt": "a (cat:1.3) AND a dog", "variation": Variation(seed=3, strength=0.4)},
    "hires": {"hires": HiresFix(scale=1.5, strength=0.5)},
    "refiner": {"refiner": Refiner(checkpoint=model("base"), switch_at=0.5)},
    "after": {
        "postprocess": (Detailing(detector=model("detectors/face.pt"), confidence=0.0, top_k=1), Upscale()),
    },
}
PAINTED: Final = {"init": InitImage(image=drawing(), mask=Mask(image=half_mask(), only_masked=True))}


def asked(*names: str, **values: Any) -> GenerationRequest:
    """A request with these features."""
    mixed = {name: value for feature in names for name, value in FEATURES[feature].items()}
    plain = {"prompt": "a cat on a blue background", "width": 64, "height": 64, "steps": 3, "seed": 5}
    return GenerationRequest(checkpoint=model("base"), **{**plain, **mixed, **values})


@pytest.fixture
def engine(make_engine: MakeEngine) -> StepEngine:
    return make_engine(max_rows=8, min_bucket=2)


def test_after_every_feature_and_every_mix(engine: StepEngine) -> None:
    before = pixels(engine.submit(asked()).result(TIMEOUT))
    singles = [asked(name) for name in FEATURES]
    made = [pixels(future.result(TIMEOUT)) for future in submit_together(engine, singles)]
    # Every feature shows, but two that here are the checkpoint's own parts.
    same = [name for name, picture in zip(FEATURES, made, strict=True) if picture == before]
    assert same == ["vae", "refiner"]
    assert pixels(engine.submit(asked()).result(TIMEOUT)) == before
    pairs = list(combinations(FEATURES, 2))
    mixes = [asked(*pair) for pair in pairs[::7]] + [asked(*FEATURES), asked("lora", "control", **PAINTED)]
    for mix in mixes:
        engine.submit(mix).result(TIMEOUT)
        assert pixels(engine.submit(asked()).result(TIMEOUT)) == before

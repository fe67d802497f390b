"""What SD3 and Flux cannot do of a request is refused before anything is loaded, by the field to change."""

from pathlib import Path
from typing import Any

import pytest

from generation.engine.checkpoints import detect
from generation.engine.errors import EngineError
from generation.engine.exclusive import require_supported
from generation.engine.spec import FreeU, HiresFix, InitImage, Mask, Refiner, Variation
from tests.engine.test_exclusive import REF, half_mask, picture, request
from tests.engine.tiny_flow import tiny_flux_folder, tiny_sd3_folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    return {
        "sd3": tiny_sd3_folder(root / "sd3"),
        "flux": tiny_flux_folder(root / "flux"),
        "fill": tiny_flux_folder(root / "fill", fill=True),
    }


UNSUPPORTED: list[tuple[str, dict[str, Any]]] = [
    ("hires", {"hires": HiresFix()}),
    ("refiner", {"refiner": Refiner(checkpoint=REF)}),
    ("variation", {"variation": Variation(seed=1, strength=0.5)}),
    ("freeu", {"freeu": FreeU()}),
    ("pag_scale", {"pag_scale": 3.0}),
    ("cfg_rescale", {"cfg_rescale": 0.5}),
    ("clip_skip", {"clip_skip": 1}),
    ("tiling", {"tiling": True}),
    ("sampler", {"sampler": "DPM++ 2M"}),
    ("schedule", {"schedule": "Align Your Steps"}),
    ("prompt", {"prompt": "a fox AND a cat"}),
    ("prompt", {"prompt": "a [fox:cat:0.5]"}),
    ("negative_prompt", {"negative_prompt": "a [fox|cat]"}),
    ("prompt", {"prompt": "a fox <lora:x:1>"}),
    ("mask.fill", {"init": InitImage(image=picture(), mask=Mask(image=half_mask(), fill="latent_noise"))}),
]


@pytest.mark.parametrize(("field", "values"), UNSUPPORTED)
@pytest.mark.parametrize("name", ["sd3", "flux"])
def test_what_cannot_be_done_is_refused_by_its_field(
    name: str, field: str, values: dict[str, Any], folders: dict[str, Path]
) -> None:
    with pytest.raises(EngineError) as caught:
        require_supported(request(**values), detect(folders[name]))
    assert (caught.value.code, caught.value.field) == ("unsupported_feature", field)
    assert caught.value.hint


def test_sides_are_whole_patches(folders: dict[str, Path]) -> None:
    with pytest.raises(EngineError) as caught:
        require_supported(request(height=72), detect(folders["flux"]))
    assert (caught.value.code, caught.value.field) == ("invalid_request", "height")
    assert "64 and 80" in caught.value.hint


def test_flux_has_no_heun_and_fill_only_fills(folders: dict[str, Path]) -> None:
    for values, name, field in (({"sampler": "Heun"}, "flux", "sampler"), ({}, "fill", "image")):
        with pytest.raises(EngineError) as caught:
            require_supported(request(**values), detect(folders[name]))
        assert caught.value.field == field

"""The demo family's LoRAs do here what they do in diffusers' pipeline, at every strength."""

from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch

from generation.engine import checkpoints
from generation.engine.checkpoints.components import Checkpoint
from generation.engine.networks import NetworkUse, lora_load
from tests.engine.networks.conftest import denoised, merged

CLASSES: Any = diffusers  # which is not typed
DEMO = Path("models_hub/demo").resolve()
STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)


@pytest.fixture(scope="module")
def base() -> Checkpoint:
    return checkpoints.load(DEMO / "base", torch.float32)


@pytest.fixture(scope="module")
def unet() -> Any:
    return CLASSES.UNet2DConditionModel.from_pretrained(DEMO / "base/unet", local_files_only=True).eval()


class _Like:
    is_xl = False

    def __init__(self, unet: Any) -> None:
        self.unet = unet


@pytest.mark.parametrize("style", ["line-art", "sunset"])
def test_strengths_equal_diffusers(base: Checkpoint, unet: Any, style: str) -> None:
    path = DEMO / "loras" / f"{style}.safetensors"
    file = lora_load(path)
    state, alphas = CLASSES.StableDiffusionPipeline.lora_state_dict(path)
    CLASSES.StableDiffusionPipeline.load_lora_into_unet(state, alphas, unet, adapter_name=style)
    effects = []
    for strength in STRENGTHS:
        unet.set_adapters([style], [strength])
        expected = denoised(_Like(unet))  # type: ignore[arg-type]
        with merged(base, NetworkUse(file, style, strength)).applied("denoiser", base.unet):
            made = denoised(base)
        torch.testing.assert_close(made, expected, atol=1e-4, rtol=1e-4)
        effects.append((made - denoised(base)).abs().mean().item())
    unet.delete_adapters(style)
    assert effects[0] == 0.0
    assert effects == sorted(effects)
    assert effects[-1] > 0.02

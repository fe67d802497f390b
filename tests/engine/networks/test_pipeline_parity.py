"""LoRAs in every notation do to a checkpoint what diffusers' own pipeline does with them, unmerged."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
import transformers
from torch import nn

from generation.engine.checkpoints import ldm_layout
from generation.engine.checkpoints.components import Checkpoint
from generation.engine.networks import NetworkUse, lora_load
from tests.engine.networks.conftest import denoised, merged
from tests.engine.networks.files import Tensors, dotted, kohya, layers_of, lora_tensors, saved

CLASSES: Any = diffusers  # which is not typed
TOLERANCE = 1e-4


@pytest.fixture(scope="module", autouse=True)
def _quiet() -> Iterator[None]:
    # It reports adapters as weights that are missing in the file.
    level = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity_error()
    yield
    transformers.logging.set_verbosity(level)


@pytest.fixture(scope="module")
def pipe(tiny: Path) -> Any:
    return CLASSES.StableDiffusionPipeline.from_pretrained(tiny, local_files_only=True)


@pytest.fixture(scope="module")
def xl_pipe(tiny_xl: Path) -> Any:
    return CLASSES.StableDiffusionXLPipeline.from_pretrained(tiny_xl, local_files_only=True)


def encoded(encoder: nn.Module) -> torch.Tensor:
    with torch.inference_mode():
        made: torch.Tensor = encoder(torch.tensor([[5, 6, 7, 8]])).last_hidden_state
    return made


def outputs(checkpoint: Checkpoint) -> list[torch.Tensor]:
    """The U-Net's and each text encoder's."""
    return [denoised(checkpoint), *(encoded(encoder) for encoder, _ in checkpoint.text_towers)]


class _Like:
    """A pipeline with what ``outputs`` asks of a checkpoint."""

    def __init__(self, pipe: Any) -> None:
        self.unet = pipe.unet
        second = getattr(pipe, "text_encoder_2", None)
        self.is_xl = second is not None
        self.text_towers = [(each, None) for each in (pipe.text_encoder, second) if each is not None]


def by_diffusers(pipe: Any, files: dict[Path, float]) -> list[torch.Tensor]:
    for path in files:
        pipe.load_lora_weights(path, adapter_name=path.stem)
    pipe.set_adapters([path.stem for path in files], list(files.values()))
    try:
        return outputs(_Like(pipe))  # type: ignore[arg-type]
    finally:
        pipe.unload_lora_weights()


def by_merging(checkpoint: Checkpoint, files: dict[Path, float]) -> list[torch.Tensor]:
    made = merged(checkpoint, *(NetworkUse(lora_load(p), p.stem, s, s) for p, s in files.items()))
    second = checkpoint.text_encoder_2
    with made.applied("denoiser", checkpoint.unet), made.applied("text_encoder", checkpoint.text_encoder):
        if second is None:
            return outputs(checkpoint)
        with made.applied("text_encoder_2", second):
            return outputs(checkpoint)


def compare(checkpoint: Checkpoint, pipe: Any, files: dict[Path, float], *, texts: bool = True) -> None:
    plain = outputs(checkpoint)
    expected, ours = by_diffusers(pipe, files), by_merging(checkpoint, files)
    for number, (before, theirs, mine) in enumerate(zip(plain, expected, ours, strict=True)):
        if texts or not number:
            assert (theirs - before).abs().max() > 0.01
        torch.testing.assert_close(mine, theirs, atol=TOLERANCE, rtol=TOLERANCE)
    for before, after in zip(plain, outputs(checkpoint), strict=True):
        assert torch.equal(before, after)


def sd15_tensors(checkpoint: Checkpoint, seed: int = 0) -> Tensors:
    return lora_tensors(checkpoint.unet, kohya(), seed=seed) | lora_tensors(
        checkpoint.text_encoder, kohya("lora_te_text_model"), seed=seed + 1
    )


@pytest.mark.parametrize("strength", [0.35, -0.8])
def test_kohya(sd15: Checkpoint, pipe: Any, tmp_path: Path, strength: float) -> None:
    compare(sd15, pipe, {saved(sd15_tensors(sd15), tmp_path / "one.safetensors"): strength})


def test_seven_at_once(sd15: Checkpoint, pipe: Any, tmp_path: Path) -> None:
    files = {
        saved(
            lora_tensors(sd15.unet, kohya(), seed=seed, convolutions=False), tmp_path / f"{seed}.safetensors"
        ): 0.1 + 0.05 * seed
        for seed in range(7)
    }
    compare(sd15, pipe, files, texts=False)


def peft_tensors(root: nn.Module, name_of: Callable[[str], str]) -> Tensors:
    return lora_tensors(root, name_of, factors=("lora_A", "lora_B"), alpha=None)


def test_peft(sd15: Checkpoint, pipe: Any, tmp_path: Path) -> None:
    tensors = peft_tensors(sd15.unet, dotted()) | peft_tensors(sd15.text_encoder, dotted("text_encoder"))
    compare(sd15, pipe, {saved(tensors, tmp_path / "peft.safetensors"): 0.7})


def test_pefts_alpha_is_in_the_metadata(sd15: Checkpoint, pipe: Any, tmp_path: Path) -> None:
    """As diffusers saves what it trained."""
    pipe.unet.add_adapter(
        peft_config(r=4, lora_alpha=10, target_modules=["to_q", "to_v", "conv1"], init_lora_weights=False)
    )
    pipe.save_lora_weights(
        tmp_path,
        unet_lora_layers=adapter_state(pipe.unet),
        unet_lora_adapter_metadata=adapter_metadata(pipe.unet),
    )
    pipe.unload_lora_weights()
    compare(sd15, pipe, {tmp_path / "pytorch_lora_weights.safetensors": 0.5}, texts=False)


def peft_config(**options: Any) -> Any:
    import peft

    classes: Any = peft
    return classes.LoraConfig(**options)


def adapter_state(root: Any) -> Any:
    from peft import utils

    untyped: Any = utils
    return untyped.get_peft_model_state_dict(root)


def adapter_metadata(root: Any) -> Any:
    from diffusers.training_utils import _collate_lora_metadata

    untyped: Any = _collate_lora_metadata
    return untyped({"unet": root})["unet_lora_adapter_metadata"]


def test_old_diffusers(sd15: Checkpoint, pipe: Any, tmp_path: Path) -> None:
    """Attention processors: ``to_out_lora`` stands for ``to_out.0``."""
    tensors: Tensors = {}
    for name, tensor in lora_tensors(sd15.unet, dotted(), alpha=None, convolutions=False).items():
        layer, _, role = name.rpartition(".lora_")
        block, _, last = layer.removesuffix(".0").rpartition(".")
        if last in {"to_q", "to_k", "to_v", "to_out"}:
            tensors[f"{block}.processor.{last}_lora.{role}"] = tensor
    compare(sd15, pipe, {saved(tensors, tmp_path / "old.safetensors"): 1.0}, texts=False)


def test_dora(sd15: Checkpoint, pipe: Any, tmp_path: Path) -> None:
    """diffusers leaves the lengths of kohya's files out, so it is asked in peft's words."""
    ours = lora_tensors(sd15.unet, kohya(), alpha=None, convolutions=False)
    theirs = lora_tensors(sd15.unet, dotted(), alpha=None, convolutions=False, factors=("lora_A", "lora_B"))
    draw = torch.Generator().manual_seed(4)
    for name, module in layers_of(sd15.unet, convolutions=False):
        norms = module.weight.norm(dim=1) * (1 + 0.3 * torch.rand(len(module.weight), generator=draw))
        ours[f"{kohya()(name)}.dora_scale"] = norms[:, None]
        theirs[f"unet.{name}.lora_magnitude_vector"] = norms
    plain = denoised(sd15)
    expected, *_ = by_diffusers(pipe, {saved(theirs, tmp_path / "peft.safetensors"): 1.0})
    assert (expected - plain).abs().max() > 0.01
    for path in (saved(ours, tmp_path / "kohya.safetensors"), tmp_path / "peft.safetensors"):
        made, *_ = by_merging(sd15, {path: 1.0})
        torch.testing.assert_close(made, expected, atol=TOLERANCE, rtol=TOLERANCE)


def xl_text_tensors(checkpoint: Checkpoint) -> Tensors:
    assert checkpoint.text_encoder_2 is not None
    return lora_tensors(checkpoint.text_encoder, kohya("lora_te1_text_model"), seed=5) | lora_tensors(
        checkpoint.text_encoder_2, kohya("lora_te2"), seed=6
    )


def test_xl_kohya_with_the_original_names_of_blocks(sdxl: Checkpoint, xl_pipe: Any, tmp_path: Path) -> None:
    original = ldm_layout.translator(
        (ours, theirs) for theirs, ours in ldm_layout.unet_pairs(sdxl.unet.config)
    )

    def name_of(name: str) -> str:
        return kohya()(original(f"{name}.weight").removesuffix(".weight"))

    tensors = lora_tensors(sdxl.unet, name_of) | xl_text_tensors(sdxl)
    assert any(
        name.startswith("lora_unet_input_blocks_3_1_transformer_blocks_0_attn1_to_q") for name in tensors
    )
    ours = by_merging(sdxl, {saved(tensors, tmp_path / "original.safetensors"): 0.6})
    # diffusers translates these names for SDXL of full size alone: it reads the same in its own words.
    same = lora_tensors(sdxl.unet, kohya()) | xl_text_tensors(sdxl)
    expected = by_diffusers(xl_pipe, {saved(same, tmp_path / "same.safetensors"): 0.6})
    for mine, theirs in zip(ours, expected, strict=True):
        torch.testing.assert_close(mine, theirs, atol=TOLERANCE, rtol=TOLERANCE)


def test_xl_kohya(sdxl: Checkpoint, xl_pipe: Any, tmp_path: Path) -> None:
    tensors = lora_tensors(sdxl.unet, kohya()) | xl_text_tensors(sdxl)
    compare(sdxl, xl_pipe, {saved(tensors, tmp_path / "xl.safetensors"): 0.6})

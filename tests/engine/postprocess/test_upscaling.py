"""Upscaling by real networks: exact sizes, no seams, nothing lost, and clear errors for every other file."""

import contextlib
import io
import pickle
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from generation.engine.errors import EngineError
from generation.engine.postprocess.tiling import spans
from generation.engine.postprocess.upscaling import MIN_TILE, Upscaler, upscale, upscaler_load
from generation.engine.slices import run_through
from tests.engine.postprocess import networks
from tests.engine.postprocess.pictures import flat_art, furthest, psnr

DEMO = Path("models_hub/demo")


def demo(scale: int) -> Upscaler:
    return upscaler_load(DEMO / f"upscalers/x{scale}.safetensors", torch.float32)


def enlarged(image: Image.Image, model: Upscaler | None, scale: float, tile: int = 0) -> Image.Image:
    return run_through(upscale(image, model, scale, tile))


@pytest.mark.parametrize("name", networks.UPSCALERS)
def test_every_architecture_is_recognised_and_tiles_without_seams(name: str, tmp_path: Path) -> None:
    network = networks.UPSCALERS[name]()
    for suffix in (".safetensors", ".pth"):
        model = upscaler_load(networks.saved(network, tmp_path / f"network{suffix}"), torch.float32)
        assert model.network.architecture.name == name
    image = flat_art(90, 70)
    whole = enlarged(image, model, model.scale)
    assert whole.size == (90 * model.scale, 70 * model.scale)
    assert np.asarray(whole).std() > 10  # a constant picture would have no seams either
    assert furthest(enlarged(image, model, model.scale, tile=64), whole) <= 2


@pytest.mark.parametrize("scale", [2, 4])
def test_the_demo_upscalers_beat_lanczos(scale: int) -> None:
    model, gains = demo(scale), []
    for seed in range(6):
        original = flat_art(128, 128, seed)
        small = original.resize((128 // scale, 128 // scale), Image.Resampling.BICUBIC)
        by_network, by_lanczos = (enlarged(small, each, scale) for each in (model, None))
        gains.append(psnr(by_network, original) - psnr(by_lanczos, original))
    assert np.mean(gains) >= 0.5


@pytest.fixture
def reference(tmp_path: Path) -> Iterator[Any]:
    """Real-ESRGAN's own pipeline with the x2 network."""
    networks.basicsr()
    from realesrgan import RealESRGANer
    from realesrgan.archs.srvgg_arch import SRVGGNetCompact
    from safetensors.torch import load_file

    torch.save({"params": load_file(DEMO / "upscalers/x2.safetensors")}, tmp_path / "x2.pth")
    network = SRVGGNetCompact(num_feat=48, num_conv=8, upscale=2)
    with contextlib.redirect_stdout(io.StringIO()):
        yield RealESRGANer(2, str(tmp_path / "x2.pth"), model=network, pre_pad=0, device=torch.device("cpu"))


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_tiles_equal_real_esrgans_own_pipeline_without_tiles(reference: Any, mode: str) -> None:
    image = flat_art(150, 110, seed=9).convert(mode)
    theirs, _ = reference.enhance(np.asarray(image)[..., ::-1] if mode == "RGB" else np.asarray(image))
    theirs = Image.fromarray(np.ascontiguousarray(theirs[..., ::-1]) if mode == "RGB" else theirs)
    ours = enlarged(image, demo(2), 2, tile=64)
    # They turn grey to colour and back by luma weights, we take the mean; the network makes grey of grey.
    assert psnr(ours, theirs) > (60 if mode == "RGB" else 40)


@pytest.mark.parametrize(
    ("factor", "scale", "size"),
    [(2, 2, (74, 46)), (2, 3.3, (122, 76)), (4, 1.5, (56, 34)), (2, 8, (296, 184))],
)
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_any_factor_gives_the_exact_size_in_the_same_mode(
    factor: int, scale: float, size: tuple[int, int], mode: str
) -> None:
    image = flat_art(37, 23).convert(mode)
    for model in (demo(factor), None):
        result = enlarged(image, model, scale, tile=64)
        assert (result.size, result.mode) == (size, mode)
        assert psnr(result.resize(image.size, Image.Resampling.BOX).convert("RGB"), image.convert("RGB")) > 20


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_kept(mode: str) -> None:
    image = flat_art(40, 40).convert(mode)
    alpha = Image.fromarray(np.tile(np.linspace(0, 255, 40).astype(np.uint8), (40, 1)))
    image.putalpha(alpha)
    result = enlarged(image, demo(2), 2)
    assert furthest(result.getchannel("A"), alpha.resize((80, 80), Image.Resampling.LANCZOS)) == 0
    opaque = enlarged(image.convert("RGB" if mode == "RGBA" else "L"), demo(2), 2)
    assert furthest(result.convert(opaque.mode), opaque) == 0


def test_palettes_and_bits_are_enlarged_too() -> None:
    palette = flat_art(30, 30).quantize(16)
    palette.info["transparency"] = 0
    assert enlarged(palette, demo(2), 2).mode == "RGBA"
    assert enlarged(flat_art(30, 30).convert("1"), demo(2), 2).mode == "L"
    assert enlarged(flat_art(30, 30).convert("CMYK"), None, 2).mode == "RGB"


def test_a_network_for_grey_pictures_enlarges_colours_one_by_one(tmp_path: Path) -> None:
    file = networks.saved(networks.compact(channels=1), tmp_path / "grey.pth")
    model, image = upscaler_load(file, torch.float32), flat_art(40, 30)
    alone = [enlarged(band, model, 2) for band in image.split()]
    assert furthest(enlarged(image, model, 2), Image.merge("RGB", alone)) == 0


def test_size_requirements_are_met_by_padding(tmp_path: Path) -> None:
    model = upscaler_load(networks.saved(networks.swinir(), tmp_path / "swinir.pth"), torch.float32)
    assert model.network.size_requirements.minimum == 16
    assert enlarged(flat_art(9, 5), model, 2).size == (18, 10)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_half_precision_where_the_network_has_it(dtype: torch.dtype, tmp_path: Path) -> None:
    compact = upscaler_load(networks.saved(networks.compact(), tmp_path / "compact.pth"), dtype)
    swinir = upscaler_load(networks.saved(networks.swinir(), tmp_path / "swinir.pth"), dtype)
    assert compact.network.dtype == dtype
    assert swinir.network.dtype == (torch.float32 if dtype == torch.float16 else dtype)
    image = flat_art(40, 30)
    exact = upscaler_load(tmp_path / "compact.pth", torch.float32)
    assert furthest(enlarged(image, compact, 2), enlarged(image, exact, 2)) <= 8
    assert compact.to(torch.device("cpu")).nbytes == sum(
        each.numel() * dtype.itemsize for each in compact.network.model.parameters()
    )


def test_progress_counts_tiles_of_every_pass() -> None:
    reports = [portion.done / portion.total for portion in upscale(flat_art(100, 60), demo(2), 4, 64)]
    assert len(reports) == 2 * 1 + 4 * 3  # of 100 x 60 pixels, then of 200 x 120
    assert reports == sorted(reports)
    assert reports[0] == 0.0 < reports[-1] < 1.0


def test_abandoning_leaves_nothing_behind() -> None:
    slices = upscale(flat_art(100, 60), demo(2), 2, 64)
    next(slices)
    next(slices)
    slices.close()
    assert not torch.is_inference_mode_enabled()
    assert enlarged(flat_art(20, 20), demo(2), 2).size == (40, 40)


def _limited(model: Upscaler, side: int) -> list[int]:
    """Let memory run out in every tile that is larger than ``side``; the sides that were tried."""
    tried: list[int] = []

    def before(_: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        tried.append(max(inputs[0].shape[-2:]))
        if tried[-1] > side:
            raise torch.OutOfMemoryError("CUDA out of memory")

    model.network.model.register_forward_pre_hook(before)
    return tried


def test_tiles_are_halved_while_memory_runs_out() -> None:
    image, model = flat_art(200, 150), demo(2)
    whole = enlarged(image, model, 2)
    tried = _limited(model, 60)
    assert furthest(enlarged(image, model, 2), whole) <= 2
    assert (tried[:2], max(tried[2:])) == ([200, 100], 50)


def test_an_error_names_the_remedy_when_no_tile_is_small_enough() -> None:
    model = demo(2)
    tried = _limited(model, 0)
    with pytest.raises(EngineError, match="ran out of memory") as caught:
        enlarged(flat_art(200, 150), model, 2)
    assert caught.value.code == "out_of_memory"
    assert caught.value.hint
    assert min(tried) >= MIN_TILE


def test_other_faults_of_a_network_are_not_taken_for_a_lack_of_memory() -> None:
    model = demo(2)

    def broken(*_: object) -> None:
        raise RuntimeError("no such kernel")

    model.network.model.register_forward_pre_hook(broken)
    with pytest.raises(RuntimeError, match="no such kernel"):
        enlarged(flat_art(20, 20), model, 2)


def test_a_result_beyond_all_bounds_is_refused_before_any_work() -> None:
    with pytest.raises(EngineError) as caught:
        enlarged(Image.new("L", (9000, 10)), None, 2)
    assert (caught.value.code, caught.value.field) == ("invalid_request", "upscale.scale")


def _refusal(file: Path) -> EngineError:
    with pytest.raises(EngineError) as caught:
        upscaler_load(file, torch.float32)
    assert caught.value.hint
    assert file.name in caught.value.message
    return caught.value


def test_other_kinds_of_models_are_refused(tmp_path: Path) -> None:
    lora = _refusal(DEMO / "loras/sunset.safetensors")
    assert lora.code == "model_unsupported"
    assert "a LoRA" in lora.message
    assert _refusal(DEMO / "detectors/face.pt").code in {"model_unsafe", "model_unsupported"}
    four = networks.saved(networks.compact(channels=4), tmp_path / "four.pth")
    assert "channels" in _refusal(four).message


class Bomb:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


def test_damaged_and_hostile_files_are_refused(tmp_path: Path) -> None:
    for suffix in (".pth", ".safetensors"):
        file = networks.saved(networks.compact(), tmp_path / f"cut{suffix}")
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        assert _refusal(file).code == "model_corrupt"
    network = networks.compact()
    tensors = {name: tensor for name, tensor in network.state_dict().items() if name != "body.4.bias"}
    torch.save({"params": tensors}, tmp_path / "gap.pth")
    assert _refusal(tmp_path / "gap.pth").code == "model_corrupt"
    torch.save({"params": Bomb(tmp_path / "boom")}, tmp_path / "bomb.pth")
    (tmp_path / "bare.pth").write_bytes(pickle.dumps(Bomb(tmp_path / "boom"), protocol=2))
    assert _refusal(tmp_path / "bomb.pth").code == "model_unsafe"
    assert _refusal(tmp_path / "bare.pth").code == "model_unsafe"
    assert not (tmp_path / "boom").exists()
    assert _refusal(tmp_path / "nowhere.pth").code == "model_missing"


@given(
    length=st.integers(1, 3000), tile=st.integers(32, 600), share=st.integers(2, 8), scale=st.integers(1, 4)
)
@settings(max_examples=150, deadline=None)
def test_spans_cover_everything_with_weights_that_sum_to_one(
    length: int, tile: int, share: int, scale: int
) -> None:
    overlap = tile // share
    total = torch.zeros(length * scale)
    cut = spans(length, tile, overlap, scale)
    for span in cut:
        assert 0 <= span.start < span.stop <= length
        total[span.start * scale : span.stop * scale] += span.weights
    assert torch.allclose(total, torch.ones_like(total), atol=1e-5)
    assert all(before.stop - after.start >= overlap for before, after in pairwise(cut))

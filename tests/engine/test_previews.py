"""Previews: small JPEGs of the predicted picture, only for those who watch, and not too many."""

import json
import shutil
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from generation.engine import checkpoints, run
from generation.engine.preview import DecodedColours, latent_colours, preview_jpeg
from generation.engine.spec import Progress
from generation.engine.step_engine import StepEngine
from tests.engine.conftest import TIMEOUT, MakeEngine, MakeRequest


def previews(engine: StepEngine, request: Any, *, watched: bool = True) -> list[bytes]:
    reports: list[Progress] = []
    future = engine.submit(request, on_progress=reports.append, wants_preview=lambda: watched)
    future.result(TIMEOUT)
    return [report.preview for report in reports if report.preview]


def picture(jpeg: bytes) -> Image.Image:
    image = Image.open(BytesIO(jpeg))
    image.load()
    assert image.format == "JPEG"
    return image


def test_every_step_can_show_another_picture(make_engine: MakeEngine, make_request: MakeRequest) -> None:
    shown = previews(make_engine(preview_interval=0.0), make_request(steps=6))
    assert len(shown) == 6
    assert len(set(shown)) >= 3
    assert {picture(jpeg).size for jpeg in shown} == {(64, 64)}


def test_previews_are_throttled_but_the_first_comes_at_once(
    make_engine: MakeEngine, make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(run, "monotonic", lambda: now[0])
    shown: list[int] = []

    def a_tenth_of_a_second_passes(progress: Progress) -> None:
        now[0] += 0.1
        if progress.preview:
            shown.append(progress.step)

    engine = make_engine(preview_interval=0.25)
    future = engine.submit(
        make_request(steps=12), on_progress=a_tenth_of_a_second_passes, wants_preview=lambda: True
    )
    future.result(TIMEOUT)
    assert shown == [1, 4, 7, 10]


def test_nobody_watching_means_no_previews(make_engine: MakeEngine, make_request: MakeRequest) -> None:
    engine = make_engine(preview_interval=0.0)
    assert previews(engine, make_request(), watched=False) == []
    reports: list[Progress] = []
    engine.submit(make_request(), on_progress=reports.append).result(TIMEOUT)
    assert not any(report.preview for report in reports)


def test_a_batch_is_shown_as_a_grid(make_engine: MakeEngine, make_request: MakeRequest) -> None:
    engine = make_engine(preview_interval=0.0, preview_side=96)
    [jpeg, *_] = previews(engine, make_request(batch_size=3))
    assert picture(jpeg).size == (96, 96)


@pytest.mark.parametrize("sampler", ["Heun", "DPM++ SDE", "DDIM", "PLMS"])
def test_making_previews_does_not_change_the_picture(
    sampler: str, make_engine: MakeEngine, make_request: MakeRequest
) -> None:
    engine = make_engine(preview_interval=0.0)
    request = make_request(sampler=sampler, steps=5)
    plain = engine.submit(request).result(TIMEOUT)
    watched = engine.submit(request, on_progress=lambda _: None, wants_preview=lambda: True).result(TIMEOUT)
    assert plain.images[0].tobytes() == watched.images[0].tobytes()


def test_a_checkpoint_brings_its_own_colours(
    make_engine: MakeEngine, make_request: MakeRequest, tiny: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny, tmp_path / "coloured"))
    colours = {"latent_rgb_factors": [[0.0] * 3] * 4, "bias": [1.0, -1.0, -1.0]}
    (folder / "preview.json").write_text(json.dumps(colours))
    [jpeg, *_] = previews(make_engine(preview_interval=0.0), make_request(model=folder))
    red, green, blue = picture(jpeg).getpixel((30, 30))  # type: ignore[misc]
    assert red > 240
    assert green + blue < 30


def red_decoder(folder: Path, **config: Any) -> Path:
    """Write a decoder of TAESD's layout that paints everything red."""
    import diffusers

    classes: Any = diffusers  # which is not typed
    blocks = {"num_decoder_blocks": (1, 1, 1, 1), "decoder_block_out_channels": (8,) * 4}
    small = {"num_encoder_blocks": (0,) * 4, "encoder_block_out_channels": (8,) * 4}
    model = classes.AutoencoderTiny(**blocks | small | config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.decoder.layers[-1].bias[0] = 1.0
    model.save_pretrained(folder)
    return folder


def is_red(jpeg: bytes) -> bool:
    red, green, blue = picture(jpeg).getpixel((30, 30))  # type: ignore[misc]
    return bool(red > 240 and green + blue < 30)


def test_a_checkpoint_brings_its_own_decoder(
    make_engine: MakeEngine, make_request: MakeRequest, tiny: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny, tmp_path / "with_decoder"))
    red_decoder(folder / "preview_decoder")
    plain = make_engine().submit(make_request()).result(TIMEOUT)
    engine = make_engine(preview_interval=0.0, preview_side=96)
    [*shown, last] = previews(engine, make_request(model=folder, batch_size=3))
    assert picture(last).size == (96, 96)
    assert all(is_red(jpeg) for jpeg in [*shown, last])
    watched = engine.submit(make_request(model=folder)).result(TIMEOUT)
    assert watched.images[0].tobytes() == plain.images[0].tobytes()


def test_a_single_file_has_its_decoder_beside_it(
    make_engine: MakeEngine, make_request: MakeRequest, tiny_file: Path, tmp_path: Path
) -> None:
    file = Path(shutil.copy(tiny_file, tmp_path / "tiny.safetensors"))
    sidecar = shutil.copytree(tiny_file.with_suffix(".config"), file.with_suffix(".config"))
    red_decoder(Path(sidecar) / "preview_decoder")
    assert all(is_red(jpeg) for jpeg in previews(make_engine(preview_interval=0.0), make_request(model=file)))


def test_only_the_decoding_half_is_kept_and_counted(tiny: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny, tmp_path / "with_decoder"))
    red_decoder(folder / "preview_decoder")
    plain, with_decoder = (checkpoints.load(path, torch.float16) for path in (tiny, folder))
    added = sum(weight.nbytes for weight in with_decoder.preview_decoder.parameters())  # type: ignore[union-attr]
    assert 0 < added < (folder / "preview_decoder/diffusion_pytorch_model.safetensors").stat().st_size / 2
    assert with_decoder.nbytes == plain.nbytes + added


def _without_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def _cut_short(folder: Path) -> None:
    file = folder / "diffusion_pytorch_model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])


def _pickled(folder: Path) -> None:
    file = folder / "diffusion_pytorch_model.safetensors"
    file.rename(folder / "diffusion_pytorch_model.bin")


def _of_other_latents(folder: Path) -> None:
    red_decoder(folder, latent_channels=16)


def _with_other_shapes(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"decoder_block_out_channels": [16] * 4}))


def _enormous(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"upsampling_scaling_factor": 64}))


@pytest.mark.parametrize(
    "spoil", [_without_config, _cut_short, _pickled, _of_other_latents, _with_other_shapes, _enormous]
)
def test_a_decoder_of_no_use_costs_the_checkpoint_nothing(
    spoil: Callable[[Path], None], tiny: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = Path(shutil.copytree(tiny, tmp_path / "spoilt"))
    spoil(red_decoder(folder / "preview_decoder"))
    assert checkpoints.load(folder, torch.float32).preview_decoder is None
    assert "The preview decoder of spoilt is left out" in caplog.text


class _Overflowing(torch.nn.Module):
    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        return latents.new_full((1, 3, 16, 16), float("inf"))


class _Starving(torch.nn.Module):
    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError


@pytest.mark.parametrize("decoder", [_Overflowing(), _Starving()])
def test_what_the_decoder_cannot_do_the_linear_map_does(decoder: torch.nn.Module) -> None:
    latents, colours = torch.randn(1, 4, 2, 2), latent_colours(None)
    image = DecodedColours(decoder, torch.float32, colours).image(latents)
    assert image.tobytes() == colours.image(latents).tobytes()


def test_factors_map_scaled_latents_to_colours() -> None:
    colours = latent_colours({"latent_rgb_factors": [[1.0, 0, 0], [0, 1.0, 0], [0, 0, 0], [0, 0, 0]]})
    latents = torch.zeros(1, 4, 2, 3)
    latents[0, 0, 0, 1] = 1.0
    latents[0, 1, 1, 2] = -5.0
    image = colours.image(latents)
    assert image.size == (3, 2)
    assert [image.getpixel(place) for place in ((0, 0), (1, 0), (2, 1))] == [
        (128, 128, 128),
        (255, 128, 128),
        (128, 0, 128),
    ]


@pytest.mark.parametrize(
    "senseless", [None, {}, {"latent_rgb_factors": "red"}, {"latent_rgb_factors": [[1.0] * 3] * 16}]
)
def test_senseless_colours_fall_back_to_those_of_the_family(senseless: dict[str, Any] | None) -> None:
    assert latent_colours(senseless).factors.shape == (4, 3)


def test_latents_that_are_no_numbers_still_make_a_preview() -> None:
    image = latent_colours(None).image(torch.full((1, 4, 2, 2), float("nan")))
    assert image.size == (2, 2)


@pytest.mark.parametrize(
    ("count", "size", "side", "expected"),
    [
        (1, (512, 512), 384, (384, 384)),
        (1, (512, 768), 384, (256, 384)),
        (1, (128, 128), 384, (128, 128)),
        (2, (512, 512), 384, (384, 192)),
        (4, (512, 512), 384, (384, 384)),
        (8, (512, 256), 384, (384, 192)),
    ],
)
def test_previews_fit_their_side(
    count: int, size: tuple[int, int], side: int, expected: tuple[int, int]
) -> None:
    pictures = [Image.new("RGB", (8, 8), "red"), *[None] * (count - 1)]
    assert picture(preview_jpeg(pictures, size, side)).size == expected

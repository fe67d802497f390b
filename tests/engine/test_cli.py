"""The command line reaches every part of a request."""

from pathlib import Path

import pytest
from PIL import Image

from generation.engine.cli import main
from generation.engine.cli.arguments import parser
from generation.engine.cli.order import request_from
from generation.engine.spec import GenerationRequest, PreprocessRequest, ProcessRequest
from tests.engine.test_starting_pictures import drawing, half_mask


@pytest.fixture
def files(tmp_path: Path) -> Path:
    drawing().save(tmp_path / "fox.png")
    half_mask().save(tmp_path / "mask.png")
    return tmp_path


def asked(*arguments: object) -> GenerationRequest:
    request = request_from(parser().parse_args([str(argument) for argument in arguments]))
    assert isinstance(request, GenerationRequest)
    return request


def test_every_part_is_reached(files: Path, tiny: Path) -> None:
    fox = files / "fox.png"
    request = asked(
        "a fox", "-m", tiny, "--image", fox, "--mask", files / "mask.png", "--fill", "latent_noise",
        "--outpaint", "left=8",
        "--control", f"model=c image={fox} preprocessor=canny canny_low=80 weight=0.5",
        "--lora", "model=a denoiser=0.3", "--lora", "model=b", "--freeu", "b1=1.1", "--pag", "2",
        "--ip-adapter", f"model=i image_encoder=e images={fox}:{fox} scale=0.4",
        "--embedding", "model=x name=blob", "--variation", "seed=3 strength=0.1", "--tiling",
        "--detail", "detector=opencv_face prompt='a smile, red' top_k=2", "--upscale", "scale=2",
    )  # fmt: skip
    assert request.init is not None
    assert request.init.mask is not None
    assert request.init.outpaint is not None
    assert (request.init.mask.fill, request.init.outpaint.left) == ("latent_noise", 8)
    [control] = request.controls
    assert (control.parameters, control.weight) == ({"canny_low": 80}, 0.5)
    assert [(lora.model.path.name, lora.denoiser) for lora in request.loras] == [("a", 0.3), ("b", 1.0)]
    assert request.freeu is not None
    assert request.freeu.b1 == 1.1
    assert len(request.ip_adapters[0].images) == 2
    assert request.embeddings[0].name == "blob"
    assert request.variation is not None
    assert [type(step).__name__ for step in request.postprocess] == ["Detailing", "Upscale"]
    assert request.postprocess[0].prompt == "a smile, red"  # type: ignore[union-attr]


def test_a_picture_is_edited_and_mapped_without_a_prompt(files: Path) -> None:
    edit = request_from(parser().parse_args(["--edit", str(files / "fox.png"), "--upscale", "scale=2"]))
    assert isinstance(edit, ProcessRequest)
    drawn = request_from(parser().parse_args(["--map", str(files / "fox.png"), "--preprocessor", "canny"]))
    assert isinstance(drawn, PreprocessRequest)


def test_pictures_come_out(files: Path, tiny: Path) -> None:
    out = files / "out.png"
    arguments = ["a fox", "-m", str(tiny), "--steps", "2", "--image", str(files / "fox.png"), "-o", str(out)]
    assert main([*arguments, "--upscale", "scale=1.5", "--device", "cpu"]) == 0
    with Image.open(out) as image:
        assert image.size == (96, 96)
        assert image.info["parameters"].startswith("a fox")
    assert main(["--edit", str(out), "--upscale", "scale=2", "-o", str(out), "--device", "cpu"]) == 0
    with Image.open(out) as image:
        assert image.size == (192, 192)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--control", "model=a"], "image must be given"),
        (["--upscale", "scale=99"], "between"),
        (["--freeu", "b9=1"], "b9 is not one of"),
        (["--variation", "seed"], "not a list"),
        (["--image", "gone.png"], "cannot be read"),
        (["--tiling", "--hires", "scale=x"], "invalid"),
    ],
)
def test_what_makes_no_sense_is_explained(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["a fox", *arguments])
    assert left.value.code == 2
    assert said in capsys.readouterr().err


def test_nothing_to_do_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 1
    assert "prompt" in capsys.readouterr().err

"""The switches of ``python -m generation.engine``."""

import argparse
from pathlib import Path
from typing import Any, Final, get_args

from generation.engine.catalog import SAMPLERS, SCHEDULES
from generation.engine.cli.units import model, picture, unit
from generation.engine.spec import (
    MAX_BATCH_SIZE,
    ControlUnit,
    Detailing,
    Device,
    Embedding,
    FaceRestoration,
    FreeU,
    HiresFix,
    IpAdapterUnit,
    LoraUnit,
    Margins,
    Precision,
    Refiner,
    Upscale,
    Variation,
)
from generation.engine.spec.pictures import Fill, ResizeMode

DEMO_MODEL: Final = Path(__file__).resolve().parents[3] / "models_hub/demo/base"
"""The checkpoint that comes with the repository."""
_EPILOG: Final = """\
Arguments marked NAME=VALUE take several, parted by blanks, in one pair of quotes:
  --control "model=canny/ image=fox.png preprocessor=canny canny_low=80 weight=0.9"
  --upscale "model=x4.safetensors scale=2" --detail "detector=opencv_face prompt='a smile'"
Without a prompt, --edit enlarges or repairs a picture and --map draws its control map."""


def parser() -> argparse.ArgumentParser:
    """Every switch, grouped."""
    made = argparse.ArgumentParser(
        prog="python -m generation.engine",
        description="Pictures from text and from pictures, without the portal.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("prompt", nargs="?")
    made.add_argument(
        "-o", "--output", type=Path, default=Path("picture.png"), help="PNG file; a batch gets -2, -3, ..."
    )
    _painting(made.add_argument_group("painting"))
    _starting(made.add_argument_group("starting from a picture"))
    _steering(made.add_argument_group("steering"))
    _finishing(made.add_argument_group("afterwards, in the order given"))
    _running(made.add_argument_group("running"))
    return made


def _painting(group: "argparse._ArgumentGroup") -> None:
    add = group.add_argument
    add("-m", "--model", type=Path, default=DEMO_MODEL, help="diffusers folder or .safetensors file")
    add("-n", "--negative", default="", help="what should not be in the picture")
    add("--width", type=int, help="pixels; the model's own size if not given")
    add("--height", type=int, help="pixels; the model's own size if not given")
    add("--steps", type=int, default=20)
    add("--guidance", type=float, default=7.5)
    add("--sampler", default="Euler", help=", ".join(info.name for info in SAMPLERS))
    add("--schedule", default="Automatic", help=", ".join(info.label for info in SCHEDULES))
    add("--seed", type=int, default=-1, help="-1 for a random one")
    add("--batch", type=int, default=1, help=f"pictures, at most {MAX_BATCH_SIZE}")
    add("--clip-skip", type=int, default=0, help="layers of the text encoder to leave out")
    add("--vae", type=model, help="another VAE: a folder or a file")
    add("--tiling", action="store_true", help="opposite borders fit together")
    add("--variation", type=unit(Variation), metavar="NAME=VALUE", help="seed, strength")
    add("--hires", type=unit(HiresFix), metavar="NAME=VALUE", help="scale, strength, upscaler, steps, ...")
    add("--refiner", type=unit(Refiner), metavar="NAME=VALUE", help="checkpoint, switch_at")


def _starting(group: "argparse._ArgumentGroup") -> None:
    add = group.add_argument
    add("--image", type=picture, help="the picture to start from")
    add("--strength", type=float, default=0.75, help="how much is made anew, 0 to 1")
    add("--resize-mode", choices=get_args(ResizeMode), default="stretch")
    add("--mask", type=picture, help="white is painted anew")
    add("--mask-blur", type=int, default=4, help="pixels")
    add("--mask-invert", action="store_true")
    add("--fill", choices=get_args(Fill), default="original", help="what inpainting begins with")
    add("--only-masked", action="store_true", help="paint the mask's surroundings at full size")
    add("--padding", type=int, default=32, help="pixels around the mask with --only-masked")
    add("--outpaint", type=unit(Margins), metavar="NAME=VALUE", help="left, top, right, bottom")


def _steering(group: "argparse._ArgumentGroup") -> None:
    add = group.add_argument
    options: dict[str, Any] = {"action": "append", "default": [], "metavar": "NAME=VALUE"}
    add("--control", type=unit(ControlUnit), help="model, image, preprocessor, weight, ...", **options)
    add("--ip-adapter", type=unit(IpAdapterUnit), help="model, image_encoder, images=A:B, scale", **options)
    add("--lora", type=unit(LoraUnit), help="model, denoiser, text_encoder", **options)
    add("--embedding", type=unit(Embedding), help="model, name", **options)
    add("--freeu", type=unit(FreeU), metavar="NAME=VALUE", help="b1, b2, s1, s2")
    add("--pag", type=float, default=0.0, help="scale of perturbed-attention guidance")
    add("--cfg-rescale", type=float, default=0.0, help="0 to 1")


def _finishing(group: "argparse._ArgumentGroup") -> None:
    add = group.add_argument
    options: dict[str, Any] = {"dest": "then", "action": "append", "default": [], "metavar": "NAME=VALUE"}
    add("--upscale", type=unit(Upscale), help="scale, model, tile", **options)
    add("--faces", type=unit(FaceRestoration), help="model, visibility, fidelity", **options)
    add("--detail", type=unit(Detailing), help="detector, prompt, strength, ...", **options)


def _running(group: "argparse._ArgumentGroup") -> None:
    add = group.add_argument
    add("--edit", type=picture, help="do what is to be done afterwards to this picture")
    add("--map", type=picture, help="draw this picture's control map")
    add("--preprocessor", default="canny", help="for --map")
    add("--resolution", type=int, default=512, help="shorter side in pixels, for --map")
    add("--helpers", type=Path, help="folder with annotators/ and faces/")
    add("--device", choices=get_args(Device), default="auto")
    add("--precision", choices=get_args(Precision), default="auto")

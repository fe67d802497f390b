"""The networks of controlnet-aux, and what writes their files as they are released."""

import functools
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from generation.engine.preprocess.annotator import library, quiet
from generation.engine.preprocess.loading import FOLDER
from tests.engine.preprocess.weights import saved, state


@dataclass(frozen=True, slots=True)
class Released:
    """How a file looks, and the detector of the library that reads it too."""

    file: str
    construct: Callable[[], torch.nn.Module]
    detector: Callable[[Path], Any] | None
    """Made of the folder by the library's own loading code; None where it has none for the single file."""
    gain: float = 1.0
    wrapped: str = ""
    prefix: str = ""

    def write(self, helpers: Path, *, seed: int = 0) -> Path:
        weights = state(self._quietly, seed=seed, gain=self.gain)
        named = {self.prefix + name: weight for name, weight in weights.items()}
        return saved(helpers / FOLDER / self.file, {self.wrapped: named} if self.wrapped else named)

    def _quietly(self) -> torch.nn.Module:
        with quiet():
            return self.construct()


def _loaded(module: str, detector: str, **options: str) -> Callable[[Path], Any]:
    def load(helpers: Path) -> Any:
        with quiet():
            return getattr(library(module), detector).from_pretrained(str(helpers / FOLDER), **options)

    return load


def _lineart() -> Any:
    return library("lineart").Generator(3, 1, 3)


def _lineart_anime() -> Any:
    norm = functools.partial(torch.nn.InstanceNorm2d, affine=False, track_running_stats=False)
    return library("lineart_anime").UnetGenerator(3, 1, 8, 64, norm_layer=norm)


def _midas() -> Any:
    build = library("midas.midas.dpt_depth").DPTDepthModel
    return build(path=None, backbone="vitb_rn50_384", non_negative=True)


def _normal_bae() -> Any:
    options = types.SimpleNamespace(
        mode="client", architecture="BN", pretrained="scannet", sampling_ratio=0.4, importance_ratio=0.7
    )
    return library("normalbae").NNET(options)


HED = Released(
    "ControlNetHED.pth",
    lambda: library("hed").ControlNetHED_Apache2(),
    _loaded("hed", "HEDdetector"),
    gain=0.5,
)
PIDINET = Released(
    "table5_pidinet.pth",
    lambda: library("pidi").pidinet(),
    _loaded("pidi", "PidiNetDetector"),
    wrapped="state_dict",
    prefix="module.",
)
MLSD = Released(
    "mlsd_large_512_fp32.pth",
    lambda: library("mlsd.models.mbv2_mlsd_large").MobileV2_MLSD_Large(),
    _loaded("mlsd", "MLSDdetector"),
    gain=1.5,
)
TEED = Released(
    "5_model.pth",
    lambda: library("teed").TED(),
    _loaded("teed", "TEEDdetector", filename="5_model.pth"),
)
ANYLINE = Released(
    "MTEED.pth",
    lambda: library("anyline").TED(),
    _loaded("anyline", "AnylineDetector", filename="MTEED.pth"),
)
LINEART = Released("sk_model.pth", _lineart, _loaded("lineart", "LineartDetector"))
LINEART_COARSE = Released(
    "sk_model2.pth", _lineart, _loaded("lineart", "LineartDetector", filename="sk_model2.pth"), gain=0.5
)
LINEART_ANIME = Released(
    "netG.pth", _lineart_anime, _loaded("lineart_anime", "LineartAnimeDetector"), prefix="module."
)
MIDAS = Released("dpt_hybrid-midas-501f0c75.pt", _midas, _loaded("midas", "MidasDetector"), gain=0.5)
NORMAL_BAE = Released(
    "scannet.pt",
    _normal_bae,
    _loaded("normalbae", "NormalBaeDetector"),
    gain=1.2,
    wrapped="model",
    prefix="module.",
)
LERES = Released(
    "res101.pth",
    lambda: library("leres").RelDepthModel(backbone="resnext101"),
    None,
    wrapped="depth_model",
    prefix="module.",
)
RELEASED = (
    HED, PIDINET, MLSD, TEED, ANYLINE, LINEART, LINEART_COARSE, LINEART_ANIME, MIDAS, NORMAL_BAE, LERES,
)  # fmt: skip

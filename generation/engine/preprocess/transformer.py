"""Models that transformers defines: Depth Anything, ZoeDepth, and segmentation by the 150 kinds of ADE20K."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch.nn import functional

from generation.engine.checkpoints.header import corrupt
from generation.engine.checkpoints.info import json_read
from generation.engine.checkpoints.tensors import weights_read
from generation.engine.preprocess.annotator import Annotator, library
from generation.engine.preprocess.subject import Pixels, Subject

ZOE_PERCENTILES: Final = (2, 85)
"""The depths that become white and black; what is nearer or farther is cut (as controlnet-aux does it)."""


@dataclass(frozen=True, slots=True)
class Normalisation:
    """What a model subtracts from and divides colours of 0 to 1 by."""

    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    """ImageNet's, likewise ``deviation``."""
    deviation: tuple[float, float, float] = (0.229, 0.224, 0.225)

    def __call__(self, pixels: Pixels, device: torch.device) -> torch.Tensor:
        """(1, 3, height, width) float32 on ``device``."""
        mean, deviation = (np.array(each, dtype=np.float32) for each in (self.mean, self.deviation))
        colours = (pixels.astype(np.float32) / 255.0 - mean) / deviation
        return torch.from_numpy(colours).permute(2, 0, 1)[None].to(device)


def _depth_anything(paths: tuple[Path, ...]) -> Annotator:
    model = _model(paths, "MODEL_FOR_DEPTH_ESTIMATION_MAPPING", kinds=("depth_anything",))
    return Annotator((model,), functools.partial(_near_is_light, model))


def _zoe(paths: tuple[Path, ...]) -> Annotator:
    model = _model(paths, "MODEL_FOR_DEPTH_ESTIMATION_MAPPING", kinds=("zoedepth",))
    return Annotator((model,), functools.partial(_metric_depth, model))


def _segmentation(paths: tuple[Path, ...]) -> Annotator:
    model = _model(paths, "MODEL_FOR_SEMANTIC_SEGMENTATION_MAPPING")
    palette = np.array(library("util").ade_palette(), dtype=np.uint8)
    if model.config.num_labels > len(palette):
        raise corrupt(
            paths[0], f"it tells {model.config.num_labels} kinds apart; ADE20K has {len(palette)} colours"
        )
    return Annotator((model,), functools.partial(_kinds, model, palette))


@torch.no_grad()
def _near_is_light(model: Any, subject: Subject) -> Pixels:
    """Inverse depth, stretched over all greys."""
    height, width = subject.pixels.shape[:2]
    patch = int(model.config.patch_size)
    picture = Normalisation()(subject.pixels, model.device)
    whole = [max(1, round(side / patch)) * patch for side in (height, width)]
    picture = functional.interpolate(picture, whole, mode="bicubic", antialias=True)
    depth = _grid(model(pixel_values=picture).predicted_depth, height, width)
    return _greys((depth - depth.min()) / max(float(depth.max() - depth.min()), 1e-6))


@torch.no_grad()
def _metric_depth(model: Any, subject: Subject) -> Pixels:
    """Depth averaged with that of the mirrored picture, and with a reflected margin that is cut off again:
    the model's depth is wrong near borders (Bhat et al. 2023, arXiv:2302.12288, and its released code).
    """
    height, width = subject.pixels.shape[:2]
    top, left = (_multiple_of_16(int((side / 2) ** 0.5 * 3)) for side in (height, width))
    picture = Normalisation((0.5,) * 3, (0.5,) * 3)(subject.pixels, model.device)
    picture = functional.pad(picture, (left, left, top, top), mode="reflect")
    there, mirrored = (model(pixel_values=each).predicted_depth for each in (picture, picture.flip(-1)))
    size = height + 2 * top, width + 2 * left
    depth = _grid((there + mirrored.flip(-1)) / 2, *size)[top : top + height, left : left + width]
    nearest, farthest = np.percentile(depth, ZOE_PERCENTILES)
    return _greys(1.0 - (depth - nearest) / max(float(farthest - nearest), 1e-6))


@torch.no_grad()
def _kinds(model: Any, palette: Pixels, subject: Subject) -> Pixels:
    """Each pixel in the colour of the likeliest kind."""
    height, width = subject.pixels.shape[:2]
    logits = model(pixel_values=Normalisation()(subject.pixels, model.device)).logits
    scores = functional.interpolate(logits.float(), (height, width), mode="bilinear", align_corners=False)
    return np.asarray(palette[scores[0].argmax(dim=0).cpu().numpy()], dtype=np.uint8)


def _grid(depth: torch.Tensor, height: int, width: int) -> "np.ndarray[Any, np.dtype[np.float32]]":
    """(height, width) of a prediction (1, any, any)."""
    scaled = functional.interpolate(depth[None].float(), (height, width), mode="bicubic", align_corners=False)
    return np.asarray(scaled[0, 0].cpu().numpy(), dtype=np.float32)


def _greys(shares: "np.ndarray[Any, np.dtype[np.float32]]") -> Pixels:
    return np.asarray((shares * 255.0).clip(0, 255), dtype=np.uint8)


def _multiple_of_16(margin: int) -> int:
    return -(-margin // 16) * 16


def _model(paths: tuple[Path, ...], mapping: str, kinds: tuple[str, ...] = ()) -> Any:
    """A model of one of ``kinds`` (any that ``mapping`` knows, if none are given) in float32.

    ``paths`` are its ``config.json`` and its weights. Raises ``EngineError("model_corrupt")``.
    """
    from transformers import AutoConfig
    from transformers.models.auto import modeling_auto

    described = json_read(paths[0])
    if described.get("use_pretrained_backbone") or described.get("backbone"):
        raise corrupt(paths[0], "it wants parts from elsewhere, and everything has to be in its folder")
    try:
        config = AutoConfig.from_pretrained(paths[0].parent, local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise corrupt(paths[0], "it describes no model that transformers knows") from error
    known = getattr(modeling_auto, mapping)
    if (kinds and config.model_type not in kinds) or type(config) not in known:
        raise corrupt(paths[0], f"it describes a model of the kind {config.model_type}, which is another one")
    return _filled(known[type(config)], config, paths)


def _filled(model_class: Any, config: Any, paths: tuple[Path, ...]) -> Any:
    weights = dict(weights_read(paths[1]))
    try:
        with torch.random.fork_rng(devices=[]), _silence():
            # This way, and not by load_state_dict, because names of older releases are translated on it.
            model, report = model_class.from_pretrained(
                None, config=config, state_dict=weights, dtype=torch.float32, output_loading_info=True
            )
    except (RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise corrupt(paths[1], "its weights do not fit the config.json beside it") from error
    if report["missing_keys"]:
        missing = min(report["missing_keys"])
        raise corrupt(paths[1], f"it holds no {missing}, so it belongs to another model")
    return model.requires_grad_(requires_grad=False).eval()


@contextmanager
def _silence() -> Iterator[None]:
    """No progress bar, and no table of what is missing: that becomes an error."""
    from transformers.utils import logging

    shown, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if shown:
            logging.enable_progress_bar()


TRANSFORMERS: Final[dict[str, Callable[[tuple[Path, ...]], Annotator]]] = {
    "depth_anything": _depth_anything,
    "depth_anything_v2": _depth_anything,
    "depth_zoe": _zoe,
    "seg_ofade20k": _segmentation,
}

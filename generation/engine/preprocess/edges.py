"""Edges and lines by networks of controlnet-aux."""

import functools
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import torch

from generation.engine.preprocess.annotator import Annotator, library, network
from generation.engine.preprocess.subject import Pixels, Subject


def _hed(paths: tuple[Path, ...], **options: bool) -> Annotator:
    hed = library("hed")
    net = network(hed.ControlNetHED_Apache2, paths[0])
    return Annotator((net,), functools.partial(_detect, functools.partial(hed.HEDdetector(net), **options)))


def _pidinet(paths: tuple[Path, ...], **options: bool) -> Annotator:
    pidi = library("pidi")
    net = network(pidi.pidinet, paths[0])
    return Annotator(
        (net,), functools.partial(_detect, functools.partial(pidi.PidiNetDetector(net), **options))
    )


def _lineart(paths: tuple[Path, ...]) -> Annotator:
    """The fine and the coarse drawing are one architecture with two files."""
    lineart = library("lineart")
    net = network(lambda: lineart.Generator(3, 1, 3), paths[0])
    return Annotator((net,), functools.partial(_detect, lineart.LineartDetector(net, net)))


def _lineart_anime(paths: tuple[Path, ...]) -> Annotator:
    anime = library("lineart_anime")
    norm = functools.partial(torch.nn.InstanceNorm2d, affine=False, track_running_stats=False)
    net = network(lambda: anime.UnetGenerator(3, 1, 8, 64, norm_layer=norm, use_dropout=False), paths[0])
    return Annotator((net,), functools.partial(_detect, anime.LineartAnimeDetector(net)))


def _teed(paths: tuple[Path, ...]) -> Annotator:
    teed = library("teed")
    net = network(teed.TED, paths[0])
    detector = teed.TEEDdetector(net)

    def look(subject: Subject) -> Pixels:
        steps = int(subject.number("safe_steps"))
        return _uint8(
            detector(subject.pixels, detect_resolution=subject.side, safe_steps=steps, output_type="np")
        )

    return Annotator((net,), look)


def _anyline(paths: tuple[Path, ...]) -> Annotator:
    anyline = library("anyline")
    net = network(anyline.TED, paths[0])
    detector = anyline.AnylineDetector(net)

    def look(subject: Subject) -> Pixels:
        with warnings.catch_warnings():  # of an option of scikit-image that is about to be renamed
            warnings.simplefilter("ignore")
            return _uint8(detector(subject.pixels, detect_resolution=subject.side, output_type="np"))

    return Annotator((net,), look)


def _mlsd(paths: tuple[Path, ...]) -> Annotator:
    library("mlsd")
    net = network(library("mlsd.models.mbv2_mlsd_large").MobileV2_MLSD_Large, paths[0])
    return Annotator((net,), functools.partial(_straight_lines, net))


def _straight_lines(net: torch.nn.Module, subject: Subject) -> Pixels:
    """White lines of one pixel. Not by the library's detector, which takes every error for "no lines"."""
    height, width = subject.pixels.shape[:2]
    canvas = np.zeros((height, width), dtype=np.uint8)
    thresholds = subject.number("mlsd_value"), subject.number("mlsd_distance")
    try:
        with torch.no_grad():
            lines = library("mlsd.utils").pred_lines(subject.pixels, net, [height, width], *thresholds)
    except IndexError:  # how it says that there are none
        return canvas
    for line in lines:
        x1, y1, x2, y2 = (int(value) for value in np.clip(line, -32_000, 32_000))  # OpenCV's coordinates
        cv2.line(canvas, (x1, y1), (x2, y2), 255, 1)
    return canvas


def _detect(detector: Callable[..., Pixels], subject: Subject) -> Pixels:
    """Whatever the library's detectors make of it at the size that it has already."""
    side = subject.side
    return _uint8(detector(subject.pixels, detect_resolution=side, image_resolution=side, output_type="np"))


def _uint8(made: object) -> Pixels:
    return np.asarray(made, dtype=np.uint8)


EDGE_NETWORKS: Final[dict[str, Callable[[tuple[Path, ...]], Annotator]]] = {
    "softedge_hed": _hed,
    "softedge_hedsafe": functools.partial(_hed, safe=True),
    "scribble_hed": functools.partial(_hed, scribble=True),
    "softedge_pidinet": _pidinet,
    "softedge_pidisafe": functools.partial(_pidinet, safe=True),
    "scribble_pidinet": functools.partial(_pidinet, scribble=True),
    "t2ia_sketch_pidi": functools.partial(_pidinet, apply_filter=True),
    "softedge_teed": _teed,
    "softedge_anyline": _anyline,
    "mlsd": _mlsd,
    "lineart_realistic": _lineart,
    "lineart_coarse": _lineart,
    "lineart_anime": _lineart_anime,
}

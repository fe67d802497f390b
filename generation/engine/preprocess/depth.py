"""Depth and surface normals by networks of controlnet-aux."""

import functools
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from generation.engine.preprocess.annotator import Annotator, library, network
from generation.engine.preprocess.subject import Pixels, Subject

NORMAL_STRENGTH: Final = 2 * np.pi
"""How far a surface that does not face the viewer is turned; larger is flatter (ControlNet 1.0's choice)."""


def _midas_network(path: Path) -> tuple[Any, torch.nn.Module]:
    """The detector and its network, DPT-Hybrid (Ranftl et al. 2021, arXiv:2103.13413)."""
    midas = library("midas")
    build = library("midas.midas.dpt_depth").DPTDepthModel
    net = network(lambda: build(path=None, backbone="vitb_rn50_384", non_negative=True), path)
    return midas.MidasDetector(net), net


def _depth_midas(paths: tuple[Path, ...]) -> Annotator:
    detector, net = _midas_network(paths[0])

    def look(subject: Subject) -> Pixels:
        side = subject.side
        with np.errstate(invalid="ignore"):  # a flat picture has no depth: zero by zero
            return np.asarray(detector(subject.pixels, detect_resolution=side, image_resolution=side))

    return Annotator((net,), look)


def _normal_midas(paths: tuple[Path, ...]) -> Annotator:
    detector, net = _midas_network(paths[0])

    def look(subject: Subject) -> Pixels:
        side = subject.side
        with np.errstate(invalid="ignore"):
            _, normals = detector(
                subject.pixels,
                a=NORMAL_STRENGTH,
                bg_th=subject.number("background_threshold"),
                depth_and_normal=True,
                detect_resolution=side,
                image_resolution=side,
            )
        return np.asarray(normals)

    return Annotator((net,), look)


def _depth_leres(paths: tuple[Path, ...]) -> Annotator:
    """Yin et al. 2021 (arXiv:2012.09365), without the second network that merges several sizes."""
    leres = library("leres")
    net = network(lambda: leres.RelDepthModel(backbone="resnext101"), paths[0])
    detector = leres.LeresDetector(net, None)

    def look(subject: Subject) -> Pixels:
        side = subject.side
        made = detector(
            subject.pixels,
            thr_a=subject.number("remove_near"),
            thr_b=subject.number("remove_background"),
            detect_resolution=side,
            image_resolution=side,
            output_type="np",
        )
        return np.asarray(made)

    return Annotator((net,), look)


def _normal_bae(paths: tuple[Path, ...]) -> Annotator:
    """Bae et al. 2021 (arXiv:2109.09881)."""
    normalbae = library("normalbae")
    options = types.SimpleNamespace(
        mode="client", architecture="BN", pretrained="scannet", sampling_ratio=0.4, importance_ratio=0.7
    )
    net = network(lambda: normalbae.NNET(options), paths[0])
    return Annotator((net,), functools.partial(_normals, normalbae.NormalBaeDetector(net)))


def _normals(detector: Callable[..., Any], subject: Subject) -> Pixels:
    side = subject.side
    made = detector(subject.pixels, detect_resolution=side, image_resolution=side, output_type="np")
    return np.asarray(made)


DEPTH_NETWORKS: Final[dict[str, Callable[[tuple[Path, ...]], Annotator]]] = {
    "depth_midas": _depth_midas,
    "depth_leres": _depth_leres,
    "normal_midas": _normal_midas,
    "normal_bae": _normal_bae,
}

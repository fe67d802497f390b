"""People as stick figures: OpenPose by networks of controlnet-aux."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from generation.engine.preprocess.annotator import Annotator, library, network
from generation.engine.preprocess.subject import Pixels, Subject


def _openpose(
    paths: tuple[Path, ...], *, body: bool = True, hand: bool = False, face: bool = False
) -> Annotator:
    """Cao et al. 2018 (arXiv:1812.08008).

    ``paths`` are the body's network, then the hand's and the face's if used. ``body`` says whether bodies are
    drawn; they are looked for in any case, because hands and faces are found by them.
    """
    open_pose, models = library("open_pose"), library("open_pose.model")
    rest = list(paths[1:])
    body_net = network(models.bodypose_model, paths[0], rename=_without_stage)
    hand_net = network(models.handpose_model, rest.pop(0), rename=_without_stage) if hand else None
    face_net = network(library("open_pose.face").FaceNet, rest.pop(0)) if face else None
    detector = open_pose.OpenposeDetector(
        _estimation(open_pose.Body, body_net),
        _estimation(open_pose.Hand, hand_net),
        _estimation(open_pose.Face, face_net),
    )
    options = {"include_body": body, "include_hand": hand, "include_face": face}
    modules = tuple(net for net in (body_net, hand_net, face_net) if net is not None)
    return Annotator(modules, functools.partial(_figures, detector, options))


def _figures(detector: Callable[..., Any], options: dict[str, bool], subject: Subject) -> Pixels:
    side = subject.side
    made = detector(
        subject.pixels, detect_resolution=side, image_resolution=side, output_type="np", **options
    )
    return np.asarray(made)


def _without_stage(name: str) -> str:
    """``model1_1.conv5_1.weight`` is ``conv5_1.weight`` in the released files."""
    return name.partition(".")[2]


def _estimation(kind: Any, net: Any) -> Any:
    """The library's estimator around a network that is loaded already: its constructor unpickles a file."""
    if net is None:
        return None
    estimator = kind.__new__(kind)
    estimator.model = net
    return estimator


POSE_NETWORKS: Final[dict[str, Callable[[tuple[Path, ...]], Annotator]]] = {
    "openpose": _openpose,
    "openpose_hand": functools.partial(_openpose, hand=True),
    "openpose_face": functools.partial(_openpose, face=True),
    "openpose_faceonly": functools.partial(_openpose, body=False, face=True),
    "openpose_full": functools.partial(_openpose, hand=True, face=True),
}

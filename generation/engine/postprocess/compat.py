"""How ultralytics is imported: it works at import time, and reads its settings from the environment then."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import ModuleType

import cv2
import torch


@cache
def ultralytics_tasks() -> ModuleType:
    """The module ``ultralytics.nn.tasks``, imported without network, output or files outside of a temporary
    folder. What the import changes for the whole process (the environment, OpenCV's threads, ``torch.save``)
    is put back.
    """
    save, threads = torch.save, cv2.getNumThreads()
    try:
        with tempfile.TemporaryDirectory(prefix="ultralytics-") as folder, _environment(folder):
            from ultralytics.nn import tasks
    finally:
        torch.save = save
        cv2.setNumThreads(threads)
    return tasks


@contextmanager
def _environment(folder: str) -> Iterator[None]:
    before = dict(os.environ)
    os.environ |= {
        "YOLO_OFFLINE": "true",
        "YOLO_AUTOINSTALL": "false",
        "YOLO_VERBOSE": "false",
        "YOLO_CONFIG_DIR": folder,
        "ULTRALYTICS_SAFE_LOAD": "true",  # layouts name known layers alone, and no text is evaluated
    }
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)

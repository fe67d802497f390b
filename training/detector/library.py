"""How ultralytics is loaded: without network, with its settings in a folder of ours."""

import os
from pathlib import Path
from typing import Any


def yolo(settings: Path) -> Any:
    """The class `ultralytics.YOLO`; the library reads its environment when it is first imported."""
    settings.mkdir(parents=True, exist_ok=True)
    os.environ["YOLO_OFFLINE"] = "true"
    os.environ["YOLO_AUTOINSTALL"] = "false"
    os.environ["YOLO_VERBOSE"] = "false"
    os.environ["YOLO_CONFIG_DIR"] = str(settings)
    from ultralytics import YOLO  # type: ignore[attr-defined]

    return YOLO

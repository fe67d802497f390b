"""What a file or a folder is, from its names and shapes alone. Needs no torch and runs nothing."""

from models_hub.inspection.findings import (
    NATIVE_SIZES,
    PICKLE_SUFFIXES,
    TORCH_SUFFIXES,
    Inspection,
    pickle_refused,
)
from models_hub.inspection.folders import folder_inspect, is_model_folder
from models_hub.inspection.single_files import file_inspect

__all__ = [
    "NATIVE_SIZES",
    "PICKLE_SUFFIXES",
    "TORCH_SUFFIXES",
    "Inspection",
    "file_inspect",
    "folder_inspect",
    "is_model_folder",
    "pickle_refused",
]

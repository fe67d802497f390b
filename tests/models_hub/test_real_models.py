"""Files written by diffusers itself, not by these tests' own writer."""

from pathlib import Path

from models_hub.inspection import Inspection, file_inspect, folder_inspect
from models_hub.models import ModelFile
from tests.engine.tiny import tiny_folder, tiny_single_file


def test_what_diffusers_saved_is_recognised_in_both_layouts(tmp_path: Path) -> None:
    folder = tiny_folder(tmp_path / "tiny")
    assert folder_inspect(folder) == Inspection(
        kind=ModelFile.Kind.CHECKPOINT,
        family=ModelFile.Family.SD15,
        format=ModelFile.Format.DIFFUSERS,
        native_size=64,
    )
    assert file_inspect(tiny_single_file(folder, tmp_path / "single.safetensors")) == Inspection(
        kind=ModelFile.Kind.CHECKPOINT,
        family=ModelFile.Family.SD15,
        format=ModelFile.Format.SAFETENSORS,
        native_size=512,
    )

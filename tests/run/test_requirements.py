"""What ``requirements/`` leaves out on purpose, in the environment that the tests run in."""

import re
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

import pytest

from sdweb.launcher.paths import REQUIREMENTS, ROOT
from sdweb.launcher.python_env import BARE_FLAGS

# What the packages of gpu-bare.txt ask for and do without, and its module (None: another one brings that).
LEFT_OUT = {
    "addict": "addict",
    "filterpy": "filterpy",
    "future": "future",
    "lmdb": "lmdb",
    "numba": "numba",
    "opencv-python": None,
    "tb-nightly": "tensorboard",
    "yapf": "yapf",
}
BARE = re.findall(r"^([a-z]+)==", (REQUIREMENTS / "gpu-bare.txt").read_text(), re.MULTILINE)
IMPORTS = """
import sys, types
from torchvision.transforms.functional import rgb_to_grayscale
sys.modules.update(dict.fromkeys(sys.argv[1:]))  # None: importing it fails, even where it is installed
gone = sys.modules["torchvision.transforms.functional_tensor"] = types.ModuleType("gone")
gone.rgb_to_grayscale = rgb_to_grayscale
import controlnet_aux, cv2, facexlib.detection, facexlib.parsing, spandrel_extra_arches, ultralytics
from basicsr.archs.rrdbnet_arch import RRDBNet
from facexlib.utils.face_restoration_helper import FaceRestoreHelper
from gfpgan import GFPGANer
from realesrgan import RealESRGANer
from spandrel import ModelLoader
"""


def test_pip_misses_what_was_left_out_and_nothing_else() -> None:
    done = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True, check=False)
    for line in done.stdout.splitlines():
        if line != "No broken requirements found.":
            found = re.fullmatch(r"(\S+) \S+ requires (\S+), which is not installed\.", line)
            assert found is not None, line
            assert found[1] in BARE, line
            assert found[2] in LEFT_OUT, line


def test_whatever_was_left_out_had_been_asked_for() -> None:
    asked = {re.split(r"[^\w-]", one)[0] for name in BARE for one in requires(name) or ()}
    assert set(LEFT_OUT) <= asked


def test_the_libraries_do_without_it_and_load_in_one_process(tmp_path: Path) -> None:
    blocked = [module for module in LEFT_OUT.values() if module]
    env = {"YOLO_OFFLINE": "true", "YOLO_CONFIG_DIR": str(tmp_path), "HOME": str(tmp_path)}
    command = [sys.executable, "-W", "ignore", "-c", IMPORTS, *blocked]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("file", ["requirements/gpu-bare.txt", "deploy/Dockerfile", "docs/running.md"])
def test_everybody_installs_them_as_run_does(file: str) -> None:
    assert f"pip install {' '.join(BARE_FLAGS)} -r requirements/gpu-bare.txt" in (ROOT / file).read_text()

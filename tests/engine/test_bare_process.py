"""What the engine imports, seen from a fresh interpreter."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from generation.engine.cli import main

ROOT = Path(__file__).resolve().parents[2]


def python(*arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = {key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_engine_is_a_library() -> None:
    script = (
        "import sys, generation.engine\n"
        "from generation.engine.spec import EngineConfig\n"
        "from generation.engine.step_engine import StepEngine\n"
        "StepEngine(EngineConfig(device='cpu')).close()\n"
        "print([name for name in ('django', 'celery', 'redis', 'sdweb') if name in sys.modules])\n"
    )
    done = python("-c", script)
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr


@pytest.mark.parametrize(
    "module",
    [
        *("spec", "errors", "catalog", "infotext", "prompts", "enhancer", "checkpoints", "cli"),
        "preprocess.catalog",
    ],
)
def test_the_web_tiers_modules_need_no_torch(module: str) -> None:
    script = (
        f"import sys, generation.engine.{module}\n"
        "heavy = ('torch', 'diffusers', 'transformers', 'numpy', 'cv2')\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    done = python("-c", script)
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr


def test_detecting_needs_no_torch(tiny: Path, tiny_file: Path, tiny_xl: Path, tiny_xl_file: Path) -> None:
    paths = [str(path) for path in (tiny, tiny_file, tiny_xl, tiny_xl_file)]
    script = (
        "import sys, pathlib\n"
        "from generation.engine.checkpoints import detect\n"
        f"print([detect(pathlib.Path(path)).family for path in {paths!r}])\n"
        "print('torch' in sys.modules)\n"
    )
    assert python("-c", script).stdout.split("\n")[:2] == ["['sd15', 'sd15', 'sdxl', 'sdxl']", "False"]


def test_the_command_line_paints(tiny: Path, tmp_path: Path) -> None:
    picture = tmp_path / "fox.png"
    options = ["--model", str(tiny), "--steps", "2", "--seed", "5", "--batch", "2", "--device", "cpu"]
    done = python("-m", "generation.engine", "a red fox", "-o", str(picture), *options)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(picture), str(tmp_path / "fox-2.png")]
    with Image.open(tmp_path / "fox-2.png") as second:
        assert second.size == (64, 64)
        assert second.info["parameters"].startswith("a red fox\nSteps: 2, Sampler: Euler")
        assert "Seed: 6," in second.info["parameters"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--sampler", "Eulre"], "Eulre"),
        (["--steps", "0"], "steps"),
        (["--model", "/nowhere/at/all"], "There is no model"),
        (["--width", "65"], "multiple of 8"),
    ],
)
def test_the_command_line_explains_what_is_wrong(
    options: list[str], said: str, tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(["a fox", "--model", str(tiny), "-o", str(tmp_path / "x.png"), *options])
    assert status == 1
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())

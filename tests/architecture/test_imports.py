"""Who may import whom, checked in bare processes and by the contracts of pyproject.toml."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run_bare(code: str, tmp_path: Path) -> str:
    """Run ``code`` in an interpreter of its own, with the settings of an installation."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "DJANGO_SETTINGS_MODULE": "sdweb.settings",
        "SDWEB_DATA_DIR": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_web_process_is_free_of_torch(tmp_path: Path) -> None:
    code = (
        "import sys, sdweb.asgi, sdweb.urls, sdweb.celery; sdweb.celery.app.loader.import_default_modules();"
        "print([m for m in ('torch', 'diffusers', 'transformers') if m in sys.modules])"
    )
    assert run_bare(code, tmp_path) == "[]"


def test_the_engine_is_free_of_django(tmp_path: Path) -> None:
    code = (
        "import sys, generation.engine.step_engine;"
        "print([m for m in ('django', 'celery', 'channels', 'ninja', 'sdweb') if m in sys.modules])"
    )
    assert run_bare(code, tmp_path) == "[]"


def test_the_engines_contracts_need_no_torch(tmp_path: Path) -> None:
    code = (
        "import sys, generation.engine.spec, generation.engine.errors, generation.engine.catalog,"
        "generation.engine.infotext, generation.engine.prompts, generation.engine.enhancer;"
        "print('torch' in sys.modules)"
    )
    assert run_bare(code, tmp_path) == "False"


def test_the_contracts_are_kept() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [linter], cwd=ROOT, env={**os.environ}, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_only_env_py_reads_the_environment() -> None:
    readers = [
        str(path.relative_to(ROOT))
        for package in ("sdweb", "generation", "gallery", "models_hub")
        for path in (ROOT / package).rglob("*.py")
        if any(
            word in path.read_text(encoding="utf-8") for word in ("os.environ.get", "os.environ[", "getenv(")
        )
    ]
    # The launcher starts processes and runs before the portal's dependencies are installed.
    allowed = ("sdweb/settings/env.py", "sdweb/launcher/", "sdweb/supervisor.py")
    assert [name for name in readers if not name.startswith(allowed)] == []

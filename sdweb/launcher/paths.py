"""Where things are in a checkout."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
CACHE = ROOT / ".cache"
REQUIREMENTS = ROOT / "requirements"
FRONTEND = ROOT / "frontend"


def venv_bin(name: str) -> Path:
    """An executable of the virtual environment, whether it is there yet or not."""
    return VENV / "bin" / name

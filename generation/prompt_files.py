"""Styles and wildcards that an administrator puts beside the models, in A1111's files.

    MODELS_PATH/styles.csv            name, prompt, negative_prompt
    MODELS_PATH/wildcards/**/*.txt    one value per line; ``animals/birds.txt`` is ``__animals/birds__``

Names that people write are only ever compared with those of files that are there.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

from django.conf import settings

from generation.engine.prompts import Style, styles_read, wildcard_values

MAX_FILE_BYTES: Final = 4 * 2**20
MAX_FILES: Final = 5_000


class WildcardFiles(Mapping[str, Sequence[str]]):
    """The wildcards of a folder; a file is read when it is first drawn from."""

    def __init__(self, folder: Path) -> None:
        self._files = _wildcard_files(folder)

    def __getitem__(self, name: str) -> Sequence[str]:
        return _values(*_state(self._files[name]))

    def count(self, name: str) -> int:
        """How many values it has; many files are counted without keeping them all in memory."""
        return _count(*_state(self._files[name]))

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


def wildcards() -> WildcardFiles:
    """All of them, by name."""
    return WildcardFiles(Path(settings.MODELS_PATH) / "wildcards")


def styles() -> tuple[Style, ...]:
    """In the order of the file; none without one. Raises ``EngineError`` for a file that is no CSV."""
    file = Path(settings.MODELS_PATH) / "styles.csv"
    return _styles(*_state(file)) if _is_readable(file) else ()


def _wildcard_files(folder: Path) -> dict[str, Path]:
    root = folder.resolve()
    files: dict[str, Path] = {}
    for file in sorted(folder.rglob("*.txt")) if folder.is_dir() else ():
        # A link may not lead out of the folder.
        if _is_readable(file) and file.resolve().is_relative_to(root):
            files[file.relative_to(folder).with_suffix("").as_posix()] = file
        if len(files) == MAX_FILES:
            break
    return files


def _is_readable(file: Path) -> bool:
    return file.is_file() and file.stat().st_size <= MAX_FILE_BYTES


def _state(file: Path) -> tuple[Path, int]:
    return file, file.stat().st_mtime_ns


@lru_cache(maxsize=256)
def _values(file: Path, _changed: int) -> tuple[str, ...]:
    return wildcard_values(file.read_text(encoding="utf-8", errors="replace"))


@lru_cache(maxsize=MAX_FILES)
def _count(file: Path, _changed: int) -> int:
    return len(wildcard_values(file.read_text(encoding="utf-8", errors="replace")))


@lru_cache(maxsize=4)
def _styles(file: Path, _changed: int) -> tuple[Style, ...]:
    return styles_read(file.read_text(encoding="utf-8", errors="replace"))

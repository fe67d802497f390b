"""Hashes of files and folders, and the cheap sign that one has to be computed again."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

LOADED_SUFFIXES: Final = frozenset({".safetensors", ".json", ".txt", ".model", ".jinja"})
"""What a loader reads from a diffusers folder; the rest (pictures, readmes, other formats) is no part of the
model.
"""


def file_sha256(path: Path) -> str:
    """In hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_sha256(hashes: Mapping[str, str]) -> str:
    """One hash for many files, given their relative names (forward slashes) and hashes."""
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(hashes.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def folder_files(path: Path) -> dict[str, Path]:
    """The files of a diffusers folder that make up the model, by relative name."""
    return {
        file.relative_to(path).as_posix(): file
        for file in sorted(path.rglob("*"))
        if file.suffix.lower() in LOADED_SUFFIXES and file.is_file()
    }


def total_size(files: Iterable[Path]) -> int:
    """Bytes."""
    return sum(file.stat().st_size for file in files)


def fingerprint(files: Mapping[str, Path], *, salt: str) -> str:
    """Changes when a file is added, removed, renamed or written, or the salt changes: names, sizes, times,
    hashed.
    """
    hashed = hashlib.sha256(f"{salt}\n".encode())
    for name, file in sorted(files.items()):
        stat = file.stat()
        hashed.update(f"{name}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
    return hashed.hexdigest()

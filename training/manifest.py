"""`models_hub/demo/manifest.json`: every shipped model with the SHA-256 of each of its files."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from training.family import Entry

MANIFEST = "manifest.json"


def _files(path: Path) -> dict[str, str]:
    """Names relative to a folder (of a single file: its name) and their SHA-256."""
    found = sorted(path.rglob("*")) if path.is_dir() else [path]
    root = path if path.is_dir() else path.parent
    return {
        file.relative_to(root).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in found
        if file.is_file()
    }


def write_manifest(demo: Path, entries: Iterable[Entry]) -> None:
    """Describe the models that lie in `demo`; entries that are not there yet are left out.

    So is what lies inside another model's folder (a preview decoder): its files are that model's.
    """
    there = [entry for entry in entries if (demo / entry.path).exists()]
    folders = {Path(entry.path) for entry in there}
    models = [
        {**asdict(entry), "files": _files(demo / entry.path)}
        for entry in there
        if folders.isdisjoint(Path(entry.path).parents)
    ]
    text = json.dumps({"version": 1, "models": models}, indent=2, ensure_ascii=False) + "\n"
    (demo / MANIFEST).write_text(text, encoding="utf-8")

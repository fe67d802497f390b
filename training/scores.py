"""`models_hub/demo/scores.json`: what was measured of each part, and how it was trained."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from training.family import Facts, Figure

SCORES = "scores.json"


@dataclass
class Score:
    """What is known of one part."""

    facts: Facts = field(default_factory=dict)
    figures: list[Figure] = field(default_factory=list)
    measured: str = ""  # date and hardware


def read_scores(demo: Path) -> dict[str, Score]:
    """The stored scores by part; none when the file is not there."""
    path = demo / SCORES
    if not path.exists():
        return {}
    stored: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return {
        name: Score(one["facts"], [Figure(**row) for row in one["figures"]], one["measured"])
        for name, one in stored.items()
    }


def write_scores(demo: Path, scores: dict[str, Score]) -> None:
    """Store the scores of all parts."""
    text = json.dumps({name: asdict(one) for name, one in scores.items()}, indent=1, ensure_ascii=False)
    (demo / SCORES).write_text(text + "\n", encoding="utf-8")

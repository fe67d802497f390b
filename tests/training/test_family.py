"""What ships of the demo family: complete, described, measured, small enough."""

import json
import shutil
from pathlib import Path

import pytest

from training.__main__ import DEMO, main
from training.cards import card_path, number, render, table
from training.family import Figure, Part, family
from training.manifest import MANIFEST, write_manifest
from training.scores import Score, read_scores, write_scores

PARTS = family()
SCORES = read_scores(DEMO)
LARGEST_FAMILY = 60_000_000
"""Bytes of all weights together: what a repository can carry and a first start can hash at once."""


def test_the_whole_family_is_small() -> None:
    weights = [path for path in DEMO.rglob("*") if path.suffix in {".safetensors", ".pt"}]
    assert len(weights) >= len(PARTS)
    assert sum(path.stat().st_size for path in weights) <= LARGEST_FAMILY


def test_only_the_detector_is_a_pickle() -> None:
    formats = {path.suffix for path in DEMO.rglob("*") if path.is_file()}
    assert formats <= {"", ".json", ".md", ".txt", ".safetensors", ".pt"}
    assert [path.parent.name for path in DEMO.rglob("*.pt")] == ["detectors"]


@pytest.mark.parametrize("part", PARTS.values(), ids=list(PARTS))
def test_every_part_ships_with_its_current_card(part: Part) -> None:
    score = SCORES[part.name]
    facts = {**score.facts, "measured": score.measured}
    assert card_path(DEMO, part.entry).read_text(encoding="utf-8") == render(
        part.card, part.entry, score.figures, facts
    )


@pytest.mark.parametrize("part", PARTS.values(), ids=list(PARTS))
def test_every_part_was_measured_and_reached_its_goals(part: Part) -> None:
    figures = SCORES[part.name].figures
    assert figures
    assert [one.measure for one in figures if not one.reached] == []


def test_the_manifest_holds_the_hashes_of_what_lies_there(tmp_path: Path) -> None:
    shipped = json.loads((DEMO / MANIFEST).read_text(encoding="utf-8"))
    # What lies inside another model's folder is listed as that model's files.
    apart = [part for part in PARTS.values() if not part.entry.path.startswith("base/")]
    assert {model["name"] for model in shipped["models"]} == {part.entry.name for part in apart}
    shutil.copytree(DEMO, tmp_path / "demo")
    write_manifest(tmp_path / "demo", [part.entry for part in PARTS.values()])
    assert json.loads((tmp_path / "demo" / MANIFEST).read_text(encoding="utf-8")) == shipped


def test_a_manifest_leaves_out_what_is_not_there(tmp_path: Path) -> None:
    write_manifest(tmp_path, [part.entry for part in PARTS.values()])
    assert json.loads((tmp_path / MANIFEST).read_text(encoding="utf-8"))["models"] == []


def test_cards_are_written_for_what_is_there(tmp_path: Path) -> None:
    main(["cards", "--demo", str(tmp_path), "--state-dir", str(tmp_path / "state")])
    assert {path.name for path in tmp_path.iterdir()} == {"LICENSE", MANIFEST}


def test_an_unknown_part_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="there is no part 'nonsense'"):
        main(["nonsense", "--demo", str(tmp_path), "--state-dir", str(tmp_path / "state")])


def test_a_figure_says_what_it_is_compared_with() -> None:
    rows = table(
        [
            Figure("PSNR", 31.234, "dB", 28.1, "Lanczos", "1 dB more", reached=False),
            Figure("F1", 0.5),
        ]
    )
    assert rows[2] == "| PSNR | 31.23 dB | 28.10 dB Lanczos | 1 dB more (missed) |"
    assert rows[3] == "| F1 | 0.500 |  |  |"
    assert number(97.4, "%") == "97 %"


def test_scores_survive_their_file(tmp_path: Path) -> None:
    scores = {"x": Score({"steps": 3}, [Figure("F1", 0.5, "", 0.1, "without")], "2026-11-23")}
    write_scores(tmp_path, scores)
    assert read_scores(tmp_path) == scores
    assert read_scores(tmp_path / "nowhere") == {}

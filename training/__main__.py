"""Train, export and measure the demo family.

`python -m training all` trains every part that is not trained yet, `python -m training clip` one part,
`python -m training base.unet` one stage of it; each goes on from what the state folder holds.
`python -m training measure` prints the table of measured effects of the shipped files;
`python -m training cards` writes the cards and the manifest again.
"""

import argparse
import logging
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

from training.cards import table, write_card
from training.family import Figure, Part, Run, family
from training.manifest import write_manifest
from training.scores import Score, read_scores, write_scores

DEMO = Path(__file__).parents[1] / "models_hub" / "demo"
DOCS = Path(__file__).parents[1] / "docs" / "images"
LICENCE = Path(__file__).with_name("OFL-1.1.txt")


def hardware() -> str:
    """The processor, for the cards: "2 cores, AMD EPYC"."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "CPU")
    return f"{os.cpu_count()} cores, {model}"


def train(run: Run, part: Part, stage: str = "") -> None:
    """Run one stage, or all of a part, and write down how it was trained."""
    for name, work in part.stages.items():
        if stage in {"", name}:
            work(run)
    if not (run.demo / part.entry.path).exists():
        return
    scores = read_scores(run.demo)
    score = scores.setdefault(part.name, Score())
    score.facts = {**part.facts(run), "hardware": hardware()}
    write_scores(run.demo, scores)


def measure(run: Run, parts: list[Part]) -> None:
    """Measure the shipped files, print the tables and store the figures."""
    for part in parts:
        figures = part.measure(run)
        scores = read_scores(run.demo)  # read late: another process may measure another part
        score = scores.setdefault(part.name, Score())
        score.figures = figures
        score.measured = f"{datetime.now(tz=UTC).date().isoformat()}, {hardware()}"
        write_scores(run.demo, scores)
        show(part, figures)


def show(part: Part, figures: list[Figure]) -> None:
    """Print one part's table."""
    print(f"\n{part.entry.name} ({part.name})\n", *table(figures), sep="\n", flush=True)  # noqa: T201


def cards(run: Run, parts: dict[str, Part]) -> None:
    """Write the cards of everything that ships, the licence, and the manifest."""
    scores = read_scores(run.demo)
    for name, part in parts.items():
        if (run.demo / part.entry.path).exists():
            score = scores.get(name, Score())
            facts = {**score.facts, "measured": score.measured} if score.measured else score.facts
            write_card(run.demo, part.card, part.entry, score.figures, facts)
    run.demo.mkdir(parents=True, exist_ok=True)
    licence = LICENCE.read_text(encoding="utf-8")
    (run.demo / "LICENSE").write_text(licence, encoding="utf-8")
    write_manifest(run.demo, [part.entry for part in parts.values()])


def _budgets(given: list[str]) -> dict[str, float]:
    pairs = (one.partition("=") for one in given)
    return {name: float(value) for name, _, value in pairs}


def _part(parts: dict[str, Part], what: str) -> tuple[Part, str]:
    """The part, and perhaps its stage, called "part.stage". Raises SystemExit for any other word."""
    name, _, stage = what.partition(".")
    if name not in parts:
        raise SystemExit(f"there is no part {name!r}; there are: {', '.join(parts)}")
    if stage and stage not in parts[name].stages:
        raise SystemExit(f"{name} has no stage {stage!r}; there are: {', '.join(parts[name].stages)}")
    return parts[name], stage


def parse(arguments: list[str] | None = None) -> tuple[list[str], Run]:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("what", nargs="+", help="all, measure [PART ...], cards, PART or PART.STAGE")
    parser.add_argument("--state-dir", type=Path, default=Path("data/training"))
    parser.add_argument("--demo", type=Path, default=DEMO, help="where the finished models go")
    parser.add_argument("--docs", type=Path, default=DOCS, help="where the contact sheets go")
    parser.add_argument("--emoji-data", type=Path, help="en/data.json of the npm package emojibase-data")
    parser.add_argument("--workers", type=int, default=2, help="one-thread training processes")
    parser.add_argument(
        "--minutes", action="append", default=[], metavar="PART.STAGE=N", help="another budget for a stage"
    )
    parser.add_argument("--fresh", action="store_true", help="forget the state folder first")
    given = parser.parse_args(arguments)
    if given.fresh:
        shutil.rmtree(given.state_dir, ignore_errors=True)
    run = Run(
        given.state_dir, given.demo, given.docs, given.emoji_data, given.workers, _budgets(given.minutes)
    )
    return given.what, run


def main(arguments: list[str] | None = None) -> None:
    """Do what the command line says."""
    (what, *names), run = parse(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    parts = family()
    if what == "measure":
        measure(run, [_part(parts, name)[0] for name in names] or list(parts.values()))
    elif what == "all":
        for part in parts.values():
            train(run, part)
    elif what != "cards":
        train(run, *_part(parts, what))
    cards(run, parts)


if __name__ == "__main__":
    main()

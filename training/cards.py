"""Model cards: front matter, what the model is, its measured figures, how it was trained, its licence."""

from pathlib import Path

from training.family import Card, Entry, Facts, Figure

_ART = (
    "The art is Noto Color Emoji, Copyright 2013-2017 Google Inc., under the SIL Open Font License 1.1; "
    "the weights are given under the same licence."
)


def number(value: float, unit: str) -> str:
    """A value with its unit, at a sensible precision: "97 %", "2.31 dB", "0.672"."""
    if unit == "%":
        return f"{value:.0f} %"
    shown = f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"
    return f"{shown} {unit}".rstrip()


def table(figures: list[Figure]) -> list[str]:
    """The rows of a Markdown table."""
    rows = ["| Measure | Value | Compared with | Wanted |", "| --- | --- | --- | --- |"]
    for one in figures:
        beside = "" if one.against is None else f"{number(one.against, one.unit)} {one.against_label}"
        goal = "" if not one.wanted else f"{one.wanted} ({'reached' if one.reached else 'missed'})"
        rows.append(f"| {one.measure} | {number(one.value, one.unit)} | {beside.strip()} | {goal} |")
    return rows


def _front(card: Card, entry: Entry) -> list[str]:
    lines = ["---", f"license: {entry.license.lower()}", "language: [en, uk]"]
    if card.pipeline_tag:
        lines.append(f"pipeline_tag: {card.pipeline_tag}")
    if card.tags:
        lines.append(f"tags: [{', '.join(card.tags)}]")
    return [*lines, "---", f"# {card.title}", ""]


def _section(title: str, text: str) -> list[str]:
    return [f"## {title}", "", text.strip(), ""] if text.strip() else []


def render(card: Card, entry: Entry, figures: list[Figure], facts: Facts) -> str:
    """The whole card as Markdown."""
    trained = "\n".join(f"- {name}: {value}" for name, value in facts.items())
    lines = [
        *_front(card, entry),
        card.summary.strip(),
        "",
        *_section("Use", card.usage),
        *_section("Details", card.extra),
        *_section("Scores", "\n".join(table(figures)) if figures else ""),
        *_section("Training", f"{card.data.strip()}\n\n{trained}"),
        *_section("Limits", card.limits),
        *_section(
            "Licence",
            _ART
            if entry.license == "OFL-1.1"
            else f"{_ART} The file format and its library are under {entry.license}.",
        ),
    ]
    return "\n".join(lines).rstrip() + "\n"


def card_path(demo: Path, entry: Entry) -> Path:
    """`README.md` inside a folder, `<stem>.md` beside a single file."""
    path = demo / entry.path
    return path.with_suffix(".md") if path.suffix else path / "README.md"


def write_card(demo: Path, card: Card, entry: Entry, figures: list[Figure], facts: Facts) -> None:
    """Write the card where the model lies."""
    card_path(demo, entry).write_text(render(card, entry, figures, facts), encoding="utf-8")

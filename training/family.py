"""What the demo family is made of, and what each part tells about itself.

A part is one model that ships: how it is trained, what the manifest says of it, how its effect is
measured on the shipped files, and what its card explains. `python -m training` drives them all.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

Facts = Mapping[str, str | int | float]


@dataclass(frozen=True)
class Run:
    """Where a run reads and writes, and how long its stages may take.

    `budgets` holds minutes that differ from the parts' own, by "part.stage".
    """

    state: Path
    demo: Path
    docs: Path
    emoji_data: Path | None = None
    workers: int = 2
    budgets: Mapping[str, float] = field(default_factory=dict)

    def folder(self, part: str) -> Path:
        """The state folder of a part, made when it is not there."""
        path = self.state / part
        path.mkdir(parents=True, exist_ok=True)
        return path

    def minutes(self, name: str, usual: float) -> float:
        """The budget of the stage called "part.stage"."""
        return self.budgets.get(name, usual)

    def emoji(self) -> Path:
        """emojibase-data's `en/data.json`. Raises SystemExit when the command line did not name it."""
        if self.emoji_data is None:
            raise SystemExit("this part draws further emoji: say --emoji-data PATH (see training/README.md)")
        return self.emoji_data


@dataclass(frozen=True)
class Figure:
    """One measured number: a row of the table and of the card.

    `measure` says what was counted on how many samples. `against` is the same measure without the
    part, or of the usual method, which `against_label` names. `wanted` states the goal in words
    and `reached` whether the value meets it; a figure without a goal is told for information.
    """

    measure: str
    value: float
    unit: str = ""
    against: float | None = None
    against_label: str = ""
    wanted: str = ""
    reached: bool = True


@dataclass(frozen=True)
class Entry:
    """What the manifest says of a part; `path` is a folder or a file inside `models_hub/demo`."""

    name: str
    kind: str
    family: str
    format: str
    path: str
    description: str
    native_size: int = 128
    license: str = "OFL-1.1"


@dataclass(frozen=True)
class Card:
    """The words of a model card; figures, training facts and the licence are added to them."""

    title: str
    summary: str
    usage: str
    data: str
    limits: str
    extra: str = ""
    pipeline_tag: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Part:
    """One model of the family.

    `stages` run in order, each resumes from the state folder; the last one exports into
    `run.demo`. `facts` tells how the exported weights were trained (steps, samples, minutes, seeds).
    `measure` looks only at what ships.
    """

    name: str
    entry: Entry
    stages: Mapping[str, Callable[[Run], None]]
    facts: Callable[[Run], Facts]
    measure: Callable[[Run], list[Figure]]
    card: Card


MODULES = (
    "training.base.part",
    "training.clip.part",
    "training.controlnet.part",
    "training.lora.part",
    "training.ip_adapter.part",
    "training.upscaler.part",
    "training.detector.part",
    "training.tiny_decoder.part",
    "training.xl.part",
)


def family() -> dict[str, Part]:
    """All parts by name, in the order in which they are trained."""
    parts: tuple[Part, ...] = tuple(part for module in MODULES for part in import_module(module).PARTS)
    return {part.name: part for part in parts}

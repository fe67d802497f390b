"""Who asks for what, and when: the same for every policy, by the seed."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

from generation.scheduling import Waiting

TFLOPS: Final = 100.0
"""Work that a GPU does in a second."""


@dataclass(frozen=True, slots=True)
class Model:
    """A checkpoint."""

    name: str
    tflop: float
    """Of a typical job."""
    load_seconds: float
    popularity: float


MODELS: Final = (
    Model("sd15-a", 60, 3, 5),
    Model("sd15-b", 60, 3, 3),
    Model("sdxl-a", 450, 8, 6),
    Model("sdxl-b", 450, 8, 3),
    Model("sdxl-c", 450, 8, 2),
    Model("sd3", 700, 12, 1),
    Model("flux", 2100, 20, 1),
)
"""Sizes and families as ``generation.cost`` predicts them for one picture, the popularity assumed."""
LOADS: Final = {model.name: model.load_seconds for model in MODELS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """How much is going on."""

    people: int = 1000
    heavy: int = 100
    """Those of them who queue whole batches."""
    gpus: int = 16
    slots: int = 4
    """Jobs that a GPU works on at once; they share its time."""
    room: int = 2
    """Models that a GPU keeps loaded."""
    hours: float = 2.0
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Jobs by the time they are submitted at."""

    jobs: list[Waiting]
    heavy: frozenset[int]


def arrivals(scenario: Scenario) -> Arrivals:
    """Most people come once or twice and ask for a handful of pictures, one after another. Heavy users come
    with a list of a hundred; half of them in the first half hour.
    """
    random = Random(scenario.seed)  # noqa: S311 - a simulation
    heavy = frozenset(range(scenario.heavy))
    asked: list[tuple[float, int, Model, float]] = []
    for user in range(scenario.people):
        favourite = random.choices(MODELS, [model.popularity for model in MODELS])[0]
        times = _heavy(random, scenario) if user in heavy else _light(random, scenario)
        for at in times:
            other = random.random() < 0.2
            model = random.choices(MODELS, [one.popularity for one in MODELS])[0] if other else favourite
            asked.append((at, user, model, model.tflop * random.uniform(0.6, 1.8)))
    asked.sort(key=lambda one: (one[0], one[1]))
    jobs = [
        Waiting(
            job_id=uuid.UUID(int=number),
            user_id=user,
            cost=cost,
            since=at,
            turn=float(number),
            model=model.name,
            batch_key=model.name,
            seconds=cost / TFLOPS,
            load_seconds=model.load_seconds,
        )
        for number, (at, user, model, cost) in enumerate(asked, start=1)
    ]
    return Arrivals(jobs, heavy)


def _light(random: Random, scenario: Scenario) -> Iterator[float]:
    for _ in range(random.choice((1, 1, 2))):
        at = random.uniform(0, scenario.hours * 3600)
        for _ in range(random.randint(2, 8)):
            yield at
            at += random.expovariate(1 / 40)


def _heavy(random: Random, scenario: Scenario) -> Iterator[float]:
    early = random.random() < 0.5
    begin = random.uniform(0, 1800 if early else scenario.hours * 3600)
    for number in range(random.randint(50, 150)):
        yield begin + number * 0.05

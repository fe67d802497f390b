"""Events leave the process in order, the newest of a kind first come, and never hurt anybody."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from generation import publisher
from generation.slots import NewestWins


class Layer:
    """A channel layer that remembers, and can be slow or broken."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.gate = threading.Event()
        self.gate.set()
        self.broken = False

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        """What Channels calls it."""
        await asyncio.to_thread(self.gate.wait)
        if self.broken:
            raise ConnectionError("refused")
        self.sent.append((group, message["n"]))


@pytest.fixture
def layer(monkeypatch: pytest.MonkeyPatch) -> Layer:
    """In the place of Redis."""
    found = Layer()
    monkeypatch.setattr(publisher, "get_channel_layer", lambda: found)
    return found


@pytest.fixture
def background() -> Iterator[publisher.BackgroundPublisher]:
    """As in the GPU worker."""
    started = publisher.background_start()
    yield started
    publisher.background_stop()


def test_sends_everything_in_order(layer: Layer, background: publisher.BackgroundPublisher) -> None:
    for n in range(5):
        publisher.publish("g", {"n": n})
    background.close()
    assert [n for _, n in layer.sent] == [0, 1, 2, 3, 4]


def test_of_a_kind_only_the_newest_waits(layer: Layer, background: publisher.BackgroundPublisher) -> None:
    layer.gate.clear()
    publisher.publish("g", {"n": "first"})
    for n in range(100):
        publisher.publish("g", {"n": n}, key="progress")
    publisher.publish("g", {"n": "last"})
    layer.gate.set()
    background.close()
    numbers = [n for _, n in layer.sent]
    assert numbers[0] == "first"
    assert numbers[-2:] == [99, "last"]
    assert len(numbers) <= 4


def test_what_is_forgotten_is_not_sent(layer: Layer, background: publisher.BackgroundPublisher) -> None:
    layer.gate.clear()
    publisher.publish("g", {"n": 1})
    publisher.publish("g", {"n": 2}, key="k")
    publisher.publish_forget("k")
    layer.gate.set()
    background.close()
    assert [n for _, n in layer.sent] == [1]


def test_a_broken_layer_hurts_nobody(
    layer: Layer, background: publisher.BackgroundPublisher, caplog: pytest.LogCaptureFixture
) -> None:
    layer.broken = True
    for n in range(3):
        publisher.publish("g", {"n": n})
    background.close()
    assert layer.sent == []
    assert sum("dropped" in record.message for record in caplog.records) == 1


def test_without_the_background_it_is_sent_at_once(layer: Layer) -> None:
    publisher.publish("g", {"n": 1})
    assert layer.sent == [("g", 1)]
    layer.broken = True
    publisher.publish("g", {"n": 2})


def test_a_slot_keeps_its_turn() -> None:
    slots: NewestWins[int] = NewestWins()
    slots.put(1, key="a")
    slots.put(2)
    slots.put(3, key="a")
    assert [slots.take(), slots.take(), slots.take()] == [3, 2, None]

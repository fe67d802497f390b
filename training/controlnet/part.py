"""Not trained yet."""

from training.family import Part

PARTS: tuple[Part, ...] = ()

"""The prompt enhancer that needs no model: `enhance("a cat", seed=1)`. Torch-free."""

from generation.engine.enhancer.compose import Enhancement, enhance, language_of

__all__ = ["Enhancement", "enhance", "language_of"]

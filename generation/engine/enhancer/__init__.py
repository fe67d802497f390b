"""The prompt enhancer that needs no model: ``enhance("a cat", seed=1)``. Torch-free.

``phrases_of`` makes a language model's answer fit to stand behind a prompt.
"""

from generation.engine.enhancer.compose import Enhancement, enhance, kept_words, language_of
from generation.engine.enhancer.phrases import phrases_of, with_phrases

__all__ = ["Enhancement", "enhance", "kept_words", "language_of", "phrases_of", "with_phrases"]

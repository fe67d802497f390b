"""What a form may offer, in the form of the wire; put together by ``generation.api.options``."""

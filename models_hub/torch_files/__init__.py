"""What is in a ``.pt`` or ``.pth`` file of PyTorch, told from its pickle's instructions. None of them is ever
carried out. Needs no torch.

PyTorch's own restricted unpickler (``torch.load(weights_only=True)``) loads the file later, in a worker; what
is taken in here is a part of what that one takes.
"""

from models_hub.torch_files.reading import is_detector, tensors_read

__all__ = ["is_detector", "tensors_read"]

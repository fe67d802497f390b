"""ControlNet's preprocessors: from a picture to the map that steers the denoiser.

``catalog`` says what there is and needs no torch; ``loading`` reads the networks' files, ``running`` makes
maps and ``maps`` brings them to the size of the picture that is painted.
"""

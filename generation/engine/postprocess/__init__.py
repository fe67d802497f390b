"""What is done to finished pictures: upscaling, face restoration, and finding the regions to repaint.

Plain functions and generators (``slices.Slices``) over models that the cache keeps (``resident.Resident``).
``catalog`` needs no torch; import the other modules from the GPU worker alone.
"""

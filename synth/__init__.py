"""New pictures from recorded ones: image augmentation with labels that follow.

Start with `photometric.py`. Importing this package imports nothing heavy.
"""

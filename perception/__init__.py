"""The words everything else speaks: frames, drives, models and their metrics.

Start with `frame.py` (one labelled picture) and `drive.py` (a folder of them); `model.py` turns pictures into
boxes and lanes, `train.py` fits it, `metrics.py` scores it. Importing this package imports nothing heavy.
"""

"""The published figures of COCO, TuSimple and CULane, by their own rules: on files and on frames.

`table.py` lists them. They differ from `perception.metrics`, where hidden and tiny things count neither way.
"""

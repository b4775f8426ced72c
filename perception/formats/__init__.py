"""Other people's formats, read and written: COCO, TuSimple, CULane, BDD100K, nuScenes, KITTI, image folders, shards.

Start in `convert.py`. `table.py` lists the formats, one module each; what passes between them is an `Item`.
"""

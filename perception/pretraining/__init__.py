"""What a backbone can learn before it sees a label, and pictures searched by words.

`mae.py` and `simmim.py` hide parts of pictures and have them painted again; `clip.py` brings pictures and descriptions
together. `fit.py` is the loop that trains all of them; `pretrain.py` is the way through from drives to weights.
"""

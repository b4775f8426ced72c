"""Our models in the forms in which cars run them: ONNX, INT8, OpenVINO, TensorRT; and what that costs.

Start with `build.py` (a model becomes a file that was held against it) and `compressed.py` (such a file answers like
the model it came from); `int8.py` quantises, `compare.py` measures. Importing this package imports nothing heavy.
"""

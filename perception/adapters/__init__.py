"""Models that others made, brought to the words of this package.

Start with `spec.py` (a text such as `onnx:yolox.onnx` names a model) and `candidate.py` (the model under test);
`description.py` is the YAML beside an ONNX file, `boxes.py` and `lines.py` read its outputs. Importing this package
imports nothing heavy.
"""

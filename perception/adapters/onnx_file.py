"""Opening ONNX files of strangers: whole, inside their folder, and without code.

An ONNX file is data (a graph of known operators); what can go wrong is that it points to files elsewhere ("external
data"), that parts are missing, or that it needs operators that nobody has.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from perception.compress.optional import need
from perception.errors import WhiteoutError


def read_onnx(path: Path) -> Any:
    """The file's `onnx.ModelProto` with its external data.

    Raises:
        WhiteoutError: a package is missing, the file is no ONNX, or its external data is missing or lies elsewhere.
    """
    onnx = need("onnx", "models")
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(str(path), load_external_data=False)
    except (OSError, DecodeError) as error:
        raise WhiteoutError(f"{path}: this is no whole ONNX file ({error}); export the model again") from error
    if not model.graph.node:
        raise WhiteoutError(f"{path}: this is no whole ONNX file (its graph is empty); export the model again")
    external_files(path, model)
    try:
        onnx.load_external_data_for_model(model, str(path.parent))
    except (OSError, ValueError, onnx.checker.ValidationError) as error:
        raise WhiteoutError(f"{path}: its external data cannot be read ({error}); export the model again") from error
    return model


def external_files(path: Path, model: Any) -> tuple[Path, ...]:
    """The files that an ONNX file keeps tensors in, checked to lie in its folder.

    Raises:
        WhiteoutError: one is missing, too short, or lies elsewhere.
    """
    folder = path.parent.resolve()
    found: dict[Path, None] = {}
    for tensor in _external_tensors(model.graph):
        entries = {entry.key: entry.value for entry in tensor.external_data}
        location = entries.get("location", "")
        target = (folder / location).resolve()
        if not location or Path(location).is_absolute() or not target.is_relative_to(folder):
            raise WhiteoutError(
                f"{path}: tensor {tensor.name!r} points to {location!r}, outside the file's own folder; this is"
                " refused: put the data beside the file and export it again"
            )
        if not target.is_file():
            raise WhiteoutError(
                f"{path}: its external data {location!r} (tensor {tensor.name!r}) is missing; copy that file beside it"
            )
        try:
            end = int(entries.get("offset", 0)) + int(entries.get("length", 0))
        except ValueError as error:
            raise WhiteoutError(f"{path}: tensor {tensor.name!r} has no readable offset; export it again") from error
        if end > target.stat().st_size:
            raise WhiteoutError(
                f"{path}: its external data {location!r} ends before tensor {tensor.name!r} does; copy the file again"
            )
        found[target] = None
    return tuple(found)


def onnx_hash(path: Path, model: Any) -> str:
    """SHA-256 over the file and its external data."""
    digest = hashlib.sha256()
    for file in (path, *external_files(path, model)):
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def open_session(path: Path) -> Any:
    """An onnxruntime session on one thread, so that the same picture gives the same answer on every run.

    Raises:
        WhiteoutError: onnxruntime is missing or refuses the file.
    """
    onnxruntime = need("onnxruntime", "models")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise WhiteoutError(f"{path}: onnxruntime refuses the file ({first_line(error)}); export it again") from error


def first_line(error: BaseException) -> str:
    """The first line of what an exception says."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _external_tensors(graph: Any) -> Iterator[Any]:
    """Every tensor with external data: weights, constants in nodes, and those of inner graphs."""
    import onnx

    def attributes() -> Iterator[Any]:
        for node in graph.node:
            for attribute in node.attribute:
                yield from (attribute.t, *attribute.tensors)
                for inner in (attribute.g, *attribute.graphs):
                    yield from _external_tensors(inner)

    sparse = (part for tensor in graph.sparse_initializer for part in (tensor.values, tensor.indices))
    for tensor in (*graph.initializer, *sparse, *attributes()):
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            yield tensor

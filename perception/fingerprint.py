"""One hash for all weights of a network."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from torch import Tensor


def weights_hash(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over the names, shapes and bytes of weights and statistics, as they are in memory."""
    digest = hashlib.sha256()
    for name, value in sorted(tensors.items()):
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}\n".encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()

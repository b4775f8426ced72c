"""A drive as a film."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import imageio.v2 as imageio
import numpy as np

from perception.errors import WhiteoutError
from perception.frame import Frame


def write_video(path: Path, frames: Iterable[Frame], rate: float) -> None:
    """Write the frames' pictures to an mp4 at `rate` pictures a second; nothing is left at `path` if it fails.

    Raises:
        WhiteoutError: there is no frame, or the film cannot be written.
    """
    partial = path.with_name(f".{path.name}.partial.mp4")
    writer = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for frame in frames:
            if writer is None:
                writer = imageio.get_writer(partial, format="FFMPEG", fps=rate, quality=8, macro_block_size=1)
            writer.append_data(np.ascontiguousarray(frame.image))
        if writer is None:
            raise WhiteoutError(f"{path}: a film needs at least one frame; give a drive that has some")
        writer.close()
        writer = None
        partial.replace(path)
    except OSError as error:
        raise WhiteoutError(
            f"{path}: the film could not be written ({error}); check the folder and free room"
        ) from error
    finally:
        if writer is not None:
            writer.close()
        partial.unlink(missing_ok=True)

"""Kills processes that replace a file, and looks at what they leave.

``python killed_while_saving.py FOLDER N`` prints, as JSON, how often the old and how
often the new file was there after a kill; it fails where neither was.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import torch

from skccem._model_file import read_model, write_model

# Bytes; enough for a kill to hit the writing.
SIZE = 2_000_000


def save(path, number):
    """A file in which everything is this number."""
    tensors = {
        name: torch.full((SIZE // 16,), number, dtype=torch.int64) for name in "ab"
    }
    write_model(path, {"number": number}, tensors)


def number_in(path):
    document, tensors = read_model(path)
    number = document["number"]
    for tensor in tensors.values():
        assert (tensor == number).all(), "a file is of two fits"
    return number


def main(folder, n_kills):
    path = Path(folder) / "model.safetensors"
    save(path, 0)
    started = time.perf_counter()
    save(path, 0)
    duration = time.perf_counter() - started
    rng = np.random.default_rng(0)
    counts = {"old": 0, "new": 0, "left behind": 0}
    current = 0
    for number in range(1, n_kills + 1):
        child = os.fork()
        if not child:
            save(path, number)
            # Killed in any case, so that all end alike.
            time.sleep(60)
        time.sleep(rng.uniform(0, 1.5 * duration))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        found = number_in(path)
        assert found in (current, number), f"{found} after {current} and {number}"
        counts["new" if found == number else "old"] += 1
        current = found
    left = [file for file in Path(folder).iterdir() if file != path]
    assert all(file.name.startswith(".") for file in left)
    counts["left behind"] = len(left)
    print(json.dumps(counts))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(sys.argv[1], int(sys.argv[2]))

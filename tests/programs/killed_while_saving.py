"""Kills processes that replace a file, and looks at what they leave.

``python killed_while_saving.py FOLDER N`` kills N processes at random moments, and some
at the steps of saving; it fails where neither the old nor the new file is there.
"""

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

# Functions of `os` before which a process is killed: the file is the old one.
STEPS = ("chmod", "fsync", "replace")


def save(path, number):
    """Write a file in which everything is this number."""
    tensors = {
        name: torch.full((SIZE // 16,), number, dtype=torch.int64) for name in "ab"
    }
    write_model(path, {"number": number}, tensors)


def number_in(path):
    """The number of a file."""
    document, tensors = read_model(path)
    number = document["number"]
    for tensor in tensors.values():
        assert (tensor == number).all(), "a file is of two fits"
    return number


def kill_one(path, number, step, delay):
    """Kill a process that saves: so many seconds after it gets to a step."""
    reader, writer = os.pipe()

    def arrive(*args, **kwargs):
        os.write(writer, b"x")
        # Far longer than it takes to be killed.
        time.sleep(600)

    child = os.fork()
    if not child:
        if step == "begin":
            os.write(writer, b"x")
        elif step != "end":
            setattr(os, step, arrive)
        save(path, number)
        arrive()
    if step == "begin":
        os.read(reader, 1)
        time.sleep(delay)
    else:
        assert os.read(reader, 1), f"{step} is no step of saving"
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(reader)
    os.close(writer)


def main(folder, n_kills):
    path = Path(folder) / "model.safetensors"
    save(path, 0)
    started = time.perf_counter()
    save(path, 0)
    duration = time.perf_counter() - started
    delays = np.random.default_rng(0).uniform(0, 1.5 * duration, size=n_kills)
    kills = [("begin", delay) for delay in delays]
    kills += [(step, 0) for step in (*STEPS, "end")]
    current = 0
    for number, (step, delay) in enumerate(kills, 1):
        kill_one(path, number, step, delay)
        found = number_in(path)
        if step == "begin":
            assert found in (current, number), f"{found} after {current} and {number}"
        else:
            assert found == (number if step == "end" else current), f"{found} at {step}"
        current = found
    left = [file.name for file in Path(folder).iterdir() if file != path]
    assert len(left) >= len(STEPS)
    assert all(name.startswith((".model-", ".tmp")) for name in left), left


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(sys.argv[1], int(sys.argv[2]))

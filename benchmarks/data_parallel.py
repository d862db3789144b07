"""One network trained in several processes, each with its own part of the items.

    torchrun --nproc-per-node 2 benchmarks/data_parallel.py
    accelerate launch --multi_gpu benchmarks/data_parallel.py   # where there are GPUs

Digits, labelled by simulated annotators. `--batch-size` is of all processes, so
that the result depends on their number only by what is random: order and dropout. The
first process prints the losses and saves the classifier.
"""

import argparse
import time
from pathlib import Path

import joblib
import numpy as np
import torch
from accelerate import Accelerator
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skccem import CrowdClassifier
from skccem.simulation import make_confusion_matrices, make_crowd_labels


def digits(seed=0):
    """Items, a crowd's labels of them, and items with their truth to test on."""
    X, truth = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    X, X_test, truth, truth_test = train_test_split(X, truth, random_state=seed)
    matrices = make_confusion_matrices(10, 10, kind="mixed", random_state=seed)
    labels = make_crowd_labels(truth, matrices, labels_per_item=3, random_state=seed)
    return X, labels, X_test, truth_test


def main(argv=None):
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--epochs", type=int, default=100)
    arguments.add_argument("--batch-size", type=int, default=100)
    arguments.add_argument("--cpu", action="store_true", help="also where a GPU is")
    arguments.add_argument("--out", type=Path, help="file for the classifier")
    options = arguments.parse_args(argv)
    torch.set_num_threads(1)
    accelerator = Accelerator(cpu=options.cpu)
    index, count = accelerator.process_index, accelerator.num_processes
    X, labels, X_test, truth_test = digits()
    clf = CrowdClassifier(
        accelerator=accelerator,
        batch_size=max(options.batch_size // count, 1),
        max_epochs=options.epochs,
        random_state=0,
    )
    start = time.perf_counter()
    clf.fit(X[index::count], labels[index::count])
    seconds = time.perf_counter() - start
    if not accelerator.is_main_process:
        return
    for epoch in range(0, options.epochs, max(options.epochs // 10, 1)):
        print(f"epoch {epoch + 1}: loss {clf.history_[epoch]['train_loss']:.4f}")
    print(
        f"{count} processes, {seconds:.1f} s, accuracy "
        f"{clf.score(X_test, truth_test):.4f}"
    )
    if options.out:
        joblib.dump(clf, options.out)


if __name__ == "__main__":
    main()

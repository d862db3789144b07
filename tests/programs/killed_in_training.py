"""Fits a classifier with checkpoints, and perhaps kills itself on the way.

``python killed_in_training.py FOLDER OUT EPOCH`` is killed when that many epochs have
ended, of all the networks that it trains; 0 is never. OUT gets what was learned.
"""

import os
import signal
import sys

import numpy as np

from skccem import CrowdClassifier
from skccem._training import CrowdNet
from skccem.simulation import make_confusion_matrices, make_crowd_labels


def problem():
    """Features and labels of a small crowd."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 4))
    truth = (X[:, 0] > 0) + (X[:, 1] > 0)
    matrices = make_confusion_matrices(6, 3, random_state=0)
    return X, make_crowd_labels(truth, matrices, labels_per_item=3, random_state=0)


class DeadlyNet(CrowdNet):
    """A net that is the last one of its process."""

    deadline, n_ended = 0, 0

    def notify(self, method_name, **kwargs):
        super().notify(method_name, **kwargs)
        if method_name == "on_epoch_end":
            type(self).n_ended += 1
            if self.n_ended == self.deadline:
                os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    folder, out, deadline = sys.argv[1:]
    DeadlyNet.deadline = int(deadline)
    import skccem._net_settings

    skccem._net_settings.CrowdNet = DeadlyNet
    clf = CrowdClassifier(
        hidden_layer_sizes=(8,),
        dropout=0.2,
        max_epochs=100,
        random_state=0,
        checkpoint_dir=folder,
    )
    clf.fit(*problem())
    np.savez(
        out,
        proba=clf.predict_proba(problem()[0]),
        confusion=clf.confusion_matrices_,
        aggregated=clf.aggregated_proba_,
        loss=[epoch["train_loss"] for epoch in clf.history_],
        n_ended=DeadlyNet.n_ended,
    )

"""The net that is trained on labels, from what is known at its start."""

from ._fitting import new_backbone, new_network
from ._net_settings import new_net
from ._outliers import start_log_weight


def coupled_net(estimator, X, log_confusion, crowd, continued, seed, device, callbacks):
    """A classifier coupled with confusion matrices, not yet trained.

    Parameters
    ----------
    estimator : CrowdClassifier
        Its settings are used.
    X : ndarray, CSR, dict of arrays, or torch Dataset
    log_confusion : ndarray of shape (n_annotators, n_classes, n_classes)
        Of the annotators with labels to train on, at the start.
    crowd : bool
        Whether the matrices are learned.
    continued : bool
        Whether the backbone, and the share of outliers, go on from the last fit.
    seed : int
    device : str
    callbacks : sequence of skorch callbacks
        The estimator's own.

    Returns
    -------
    CrowdNet
    """
    network = new_network(
        new_backbone(estimator, X, log_confusion.shape[1], continued),
        log_confusion,
        crowd,
        start_log_weight(estimator, crowd, continued),
        estimator.outlier_share == "auto",
    )
    return new_net(estimator, network, X, seed, device, callbacks)

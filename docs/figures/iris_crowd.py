"""The iris flowers with simulated annotators, which the figures of the guide show."""

from sklearn.datasets import load_iris
from sklearn.preprocessing import StandardScaler

from skccem.simulation import make_confusion_matrices, make_crowd_labels


def iris_crowd(n_annotators=5, labels_per_item=3, kind="symmetric"):
    """Features, classes, matrices and labels.

    Parameters
    ----------
    n_annotators, labels_per_item : int
    kind : str
        Of annotators, as of `skccem.simulation.make_confusion_matrices`.

    Returns
    -------
    X : ndarray of shape (150, 4)
    truth : ndarray of shape (150,)
    matrices : ndarray of shape (n_annotators, 3, 3)
    Y : CrowdLabels
    """
    X, truth = load_iris(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    matrices = make_confusion_matrices(n_annotators, 3, kind=kind, random_state=0)
    Y = make_crowd_labels(
        truth, matrices, labels_per_item=labels_per_item, random_state=0
    )
    return X, truth, matrices, Y

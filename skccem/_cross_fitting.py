"""Classes of items and matrices, by networks that did not see the item's labels.

The coupled network is trained on the labels of all items, for as many epochs as the
matrices take, and meanwhile learns mistakes in them by heart. So the items are cut into
parts and, as in double machine learning, a network is trained for each part on all the
others, with the matrices as they are, until it predicts the labels of the part best.
What it says about its part is then evidence of its own, which tells the annotators'
mistakes from the network's.
"""

import numpy as np

from ._batches import CrowdDataset, annotator_shares
from ._calibration import HeldOutLabels, sharpen
from ._callbacks import HeldOutScore, stop_early
from ._counts import confusion_from_counts, counts_from_indicator, pooled_confusion
from ._crowd_loss import REGULARIZERS
from ._em import e_step
from ._features import number_type
from ._fitting import new_backbone, new_network
from ._learned_annotators import Annotators
from ._net_settings import new_net
from ._outliers import answered_proba
from ._random_state import reproducible
from ._start import START_SMOOTHING
from ._trained_items import network_weight

# Parts that the items are cut into.
_N_PARTS = 5

# Epochs without a better likelihood of a part's labels after which its network stops,
# as a share of the most epochs that it may have.
_PATIENCE = 0.2

# Pseudo-labels in each row of a matrix, which follow the annotators' common one.
_SMOOTHING = 0.5

_N_EM_STEPS = 20


def make_parts(items, rng):
    """Items cut at random into parts of even size, none of them empty.

    Parameters
    ----------
    items : int ndarray
    rng : RandomState

    Returns
    -------
    list of int ndarrays
        Five, or of fewer items one for each; increasing.
    """
    n_parts = min(_N_PARTS, len(items))
    return [np.sort(part) for part in np.array_split(rng.permutation(items), n_parts)]


def predict_part(
    estimator, data, annotators, part, max_epochs, seed, device, checkpoint=None
):
    """What a network says about a part of the items, of which it saw no label.

    Parameters
    ----------
    estimator : CrowdClassifier
        Its settings are used.
    data : LabelledItems
    annotators : Annotators
        They stay as they are.
    part : int ndarray
        Some of the items that are used.
    max_epochs : int
    seed : int
    device : str
    checkpoint : NetCheckpoint, optional

    Returns
    -------
    ndarray of shape (len(part), n_classes)
        Log class probabilities, calibrated on the labels of the part.
    """
    X, labels = data.X, data.labels
    others = np.setdiff1d(data.used, part)
    held_out = HeldOutLabels(
        labels[part],
        annotators.log_confusion,
        data.weight_of(part),
        annotators.log_weight,
        data.gold_of(part),
    )

    def score(net):
        log_likelihood, _ = held_out.calibrate(net.predict_log_posterior(X, part))
        return log_likelihood

    patience = int(np.ceil(_PATIENCE * max_epochs))
    callbacks = [
        ("held_out_score", HeldOutScore(score)),
        ("early_stopping", stop_early("held_out_score", patience)),
    ]
    changes = {"max_epochs": max_epochs}
    name = estimator.regularizer
    if name is not None and REGULARIZERS[name].of_matrices:
        # Which are not trained.
        changes["criterion__regularizer"] = None
    with reproducible(estimator.module, seed, device):
        network = new_network(
            new_backbone(estimator, X, labels.n_classes),
            annotators.log_confusion,
            False,
            annotators.log_weight,
        )
        net = new_net(estimator, network, X, seed, device, callbacks, **changes)
        weight = network_weight(data.weight, X)
        shares = annotator_shares(labels, others, estimator.batch_size, number_type(X))
        train_set = CrowdDataset(X, labels, weight, others, shares, gold=data.gold)
        net.train(train_set, checkpoint=checkpoint)
        log_posterior = net.predict_log_posterior(X, part).astype(np.float64)
    _, power = held_out.calibrate(log_posterior)
    return sharpen(log_posterior, power)


def update_annotators(data, log_posterior, annotators):
    """Matrices under which the labels are most likely, given posteriors of the items.

    Expectation maximisation in which the posteriors stay as they are.

    Parameters
    ----------
    data : LabelledItems
    log_posterior : ndarray of shape (n_used, n_classes)
        Of the used items, by networks that did not see their labels; certain where
        there are gold labels.
    annotators : Annotators
        Where it starts.

    Returns
    -------
    Annotators
        Each row of a matrix has half a pseudo-label, most of which follows the pooled
        counts. An annotator without labels has the mean of the others' matrices, each
        row weighted by how many labels they gave to items of the class.
    """
    labels, weight = data.labels[data.used], data.weight_of(data.used)
    if weight is not None:
        # Next to pseudo-labels the scale matters, and must not.
        weight = weight / weight.mean()
    indicator = labels.label_indicator()
    log_confusion, log_weight = annotators.log_confusion, annotators.log_weight
    for _ in range(_N_EM_STEPS):
        if log_weight is None:
            answered, _ = e_step(indicator, log_confusion, log_posterior)
        else:
            answered = answered_proba(labels, log_posterior, log_confusion, log_weight)
        if weight is not None:
            answered = answered * weight[:, np.newaxis]
        counts = counts_from_indicator(indicator, answered)
        # A label that nobody gave yet is not impossible.
        target = (1 - START_SMOOTHING) * pooled_confusion(counts)
        target += START_SMOOTHING / labels.n_classes
        confusion = confusion_from_counts(counts, smoothing=_SMOOTHING, target=target)
        log_confusion = np.log(confusion)
    n_answers = counts.sum(axis=2, keepdims=True)
    idle = n_answers.sum(axis=(1, 2)) == 0
    log_confusion[idle] = np.log(pooled_confusion(n_answers * confusion))
    return Annotators(log_confusion, log_weight)

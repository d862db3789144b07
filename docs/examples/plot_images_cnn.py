"""
Images: a convolutional network of your own
===========================================

Your items are images, and you have a network for images that you trust more than a
perceptron. After this page you can give it to the classifier as ``module``, and find
out with and without truth whether it pays.
"""

# %%
# Images, and labels of mixed quality
# -----------------------------------
# The digits of scikit-learn as what they are, images of eight by eight pixels: the
# first axis has the items, the second the one channel of grey. Each was labelled by two
# of ten annotators of very different skill, who are simulated
# (:func:`~skccem.simulation.make_confusion_matrices`). The true digits are here to
# check against; no fit sees them. The 500 images to train on are few, which is where a
# network that knows what an image is should help.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import KFold, train_test_split
from torch import nn

from skccem import CrowdClassifier, CrowdClassifierCV
from skccem.simulation import make_confusion_matrices, make_crowd_labels

pixels, digits = load_digits(return_X_y=True)
images = np.float32(pixels / 16).reshape(-1, 1, 8, 8)


def ask_crowd(seed):
    matrices = make_confusion_matrices(10, 10, kind="mixed", random_state=seed)
    labels = make_crowd_labels(digits, matrices, labels_per_item=2, random_state=seed)
    return train_test_split(
        images, labels, digits, train_size=500, stratify=digits, random_state=seed
    )


X, X_new, Y, Y_new, truth, truth_new = ask_crowd(0)
print(X.shape, Y)

# %%
# A network with as many outputs as there are classes
# ---------------------------------------------------
# ``module`` may be a function that makes the network. It is called with the number of
# features, which is None for images, and the number of classes, which the classifier
# finds in the labels. The network returns logits, so there is no softmax at its end.


def small_cnn(n_features, n_classes):
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(16 * 4 * 4, n_classes),
    )


cnn = CrowdClassifier(module=small_cnn, lr=3e-3, n_init=1, random_state=0)
cnn.fit(X, Y)
print("the first new digits:", cnn.predict(X_new)[:10])
print("what they are:       ", truth_new[:10])

# %%
# All else is as with the perceptron: matrices, reports, ``aggregated_proba_``.
# ``n_init=1`` keeps this page short; the default averages four networks
# (:ref:`cross-fitting`), which are made by the same function.
#
# Against the perceptron
# ----------------------
# The default network takes rows of numbers, so the images are flattened for it. Here
# are new digits that it reads wrong and the CNN reads right; above each is what the
# perceptron says, and what it is.


def rows(X):
    return X.reshape(len(X), -1)


perceptron = CrowdClassifier(n_init=1, random_state=0)
perceptron.fit(rows(X), Y)
by_perceptron, by_cnn = perceptron.predict(rows(X_new)), cnn.predict(X_new)
gained = np.flatnonzero((by_perceptron != truth_new) & (by_cnn == truth_new))
lost = np.flatnonzero((by_perceptron == truth_new) & (by_cnn != truth_new))
print(f"of {len(X_new)} new digits, right by the CNN alone: {len(gained)}")
print(f"right by the perceptron alone: {len(lost)}")

fig, axes = plt.subplots(2, 5, figsize=(7, 3.4), layout="constrained")
for ax, item in zip(axes.flat, gained[:10], strict=True):
    ax.imshow(X_new[item, 0], cmap="gray_r")
    ax.set_title(f"{by_perceptron[item]}, is {truth_new[item]}")
    ax.axis("off")
plt.show()

# %%
# Ten digits prove little, and nobody has the truth to pick them by.
#
# Without truth
# -------------
# What there is are labels that were held out: the better network makes them more
# likely. There are two such scores. ``score`` takes the labels one by one and the
# network as it is. :class:`~skccem.CrowdClassifierCV` takes the labels of an item
# together, and first makes each network as confident as the labels support; with one
# strength to choose from it is a way to have that score.

networks = {"perceptron": (perceptron, rows), "CNN": (cnn, lambda X: X)}
folds = KFold(3, shuffle=True, random_state=0)
print("log-likelihood per held-out label    calibrated   score")
for name, (network, shaped) in networks.items():
    search = CrowdClassifierCV(network, reg_strengths=[0.02], cv=folds, refit=False)
    calibrated = search.fit(shaped(X), Y).cv_results_["mean_test_score"][0]
    print(f"{name:36} {calibrated:.3f}       {network.score(shaped(X_new), Y_new):.3f}")

# %%
# The two disagree. By ``score`` the perceptron is better, since a network that is surer
# of its digits pays for that where it is wrong; calibrated, the CNN is. Go by the
# calibrated one to choose between networks that differ in confidence:
# :doc:`/guide/choosing` says more.
#
# With truth, to check
# --------------------
# Here is how it really is, over three crowds, and on new digits that are moved to one
# side, which neither network has seen in training.

shifts = [-2, -1, 0, 1, 2]
accuracy = {name: [] for name in networks}
for seed in range(3):
    X, X_new, Y, _, truth, truth_new = ask_crowd(seed)
    for name, (network, shaped) in networks.items():
        network.set_params(random_state=seed).fit(shaped(X), Y)
        found = network.aggregated_proba_.argmax(axis=1)
        moved = [np.roll(X_new, shift, axis=-1) for shift in shifts]
        accuracy[name].append(
            [np.mean(found == truth)]
            + [network.score(shaped(each), truth_new) for each in moved]
        )

styles = {"perceptron": ("#E69F00", "s", "--"), "CNN": ("#0072B2", "o", "-")}
_, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for name, (color, marker, line) in styles.items():
    mean, std = np.mean(accuracy[name], axis=0), np.std(accuracy[name], axis=0, ddof=1)
    print(f"{name:10} labelled {mean[0]:.3f} ± {std[0]:.3f}", end=", ")
    print(f"new {mean[3]:.3f} ± {std[3]:.3f}")
    style = {"color": color, "marker": marker, "linestyle": line, "label": name}
    ax.errorbar(shifts, mean[1:], std[1:], capsize=3, **style)
ax.set(xlabel="pixels that new digits are moved to the right", ylabel="accuracy")
ax.set_title("Accuracy on new digits that are moved")
ax.set(xticks=shifts, ylim=(0, 1))
ax.legend()
plt.show()

# %%
# The calibrated score was right. The perceptron has some nineteen of twenty new digits
# right already, so the CNN gains no more than a point or two, and less on the labelled
# digits, of which the labels tell most. Moved by a pixel the digits show more: the CNN
# reads two in three and more, the perceptron less than half. Moved by two, both are
# lost. Bars are standard deviations.
#
# With your own images
# --------------------
# - An instance of a network works as ``module`` too, so its weights may be pretrained;
#   so does a class, with ``module_params``.
# - A large pretrained network costs less where its features are computed once and given
#   to the perceptron.
# - Images in files are read by a torch ``Dataset``; with a GPU, ``device="auto"`` takes
#   it.
#
# :doc:`/guide/items` has all three.

"""
Choosing the regulariser's strength without truth
=================================================

The strength of the regulariser changes what a fit learns, and there are no true classes
to choose it by. After this page you can choose it by labels that were held out, with
``GridSearchCV`` or ``CrowdClassifierCV``, and see how sure the choice is.
"""

# %%
# Five readers of biopsies
# ------------------------
# 300 samples of the breast cancer data, thirty measurements each. Three of five readers
# have said of each whether it is malignant. The readers are simulated, and right about
# seven times in ten. What the samples really are is kept for a check at the end.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import GridSearchCV, KFold, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skccem import CrowdClassifier, CrowdClassifierCV
from skccem.plotting import RegularizationPathDisplay
from skccem.simulation import make_confusion_matrices, make_crowd_labels

X, truth = load_breast_cancer(return_X_y=True)
X, X_new, truth, truth_new = train_test_split(
    X, truth, train_size=300, stratify=truth, random_state=0
)
readers = make_confusion_matrices(5, 2, kind="symmetric", random_state=0)
Y = make_crowd_labels(truth, readers, labels_per_item=3, random_state=0)
print("how often each reader is right:", readers[:, 0, 0].round(2))
print(Y)

# %%
# With GridSearchCV
# -----------------
# ``score`` of a :class:`~skccem.CrowdClassifier` is the log-likelihood of labels, so
# scikit-learn's search needs nothing else: ``Y`` stands where the truth would. The
# strength is a parameter of the last step, and the scaler is fitted anew in each fold.
# ``n_init=1``, one network instead of four, takes a sixth of the time or less.

strengths = [0, 0.005, 0.02, 0.08, 0.3]
folds = KFold(3, shuffle=True, random_state=0)
pipeline = make_pipeline(StandardScaler(), CrowdClassifier(n_init=1, random_state=0))
grid = GridSearchCV(pipeline, {"crowdclassifier__reg_strength": strengths}, cv=folds)
grid.fit(X, Y)
print("strengths:", strengths)
print("scores:   ", grid.cv_results_["mean_test_score"].round(4))
print("chosen:   ", grid.best_params_)

# %%
# Any other setting is searched in the same way, such as ``crowdclassifier__dropout``.
#
# With CrowdClassifierCV
# ----------------------
# :class:`~skccem.CrowdClassifierCV` chooses the strength, and the likelihood if several
# are given. It stands in the pipeline in place of the classifier. Three things differ:
#
# - In each fold all candidates go on from one burn-in, which saves time.
# - Its score takes the labels of an item together, and first makes the classifier as
#   confident as they support. A regulariser changes confidence before all else.
# - Of the strengths that are not worse than the best by more than one standard error it
#   takes the one nearest to that of its estimator, here the default of 0.02.

search = make_pipeline(
    StandardScaler(),
    CrowdClassifierCV(
        CrowdClassifier(n_init=1, random_state=0), reg_strengths=strengths, cv=folds
    ),
).fit(X, Y)
chosen = search[-1]
scores = chosen.cv_results_["mean_test_score"]
errors = chosen.cv_results_["standard_error_of_difference"]
print("strengths:         ", strengths)
print("behind the best by:", (scores.max() - scores).round(4))
print("standard errors:   ", errors.round(4))
print("chosen:            ", chosen.best_params_)

# %%
# Both searches choose the same here. The default is behind by hardly more than its
# standard error: with other folds it could as well have stayed.
#
# The path
# --------
# :class:`~skccem.plotting.RegularizationPathDisplay` draws the scores. Given the truth,
# it adds the accuracy of each candidate in the folds: what you would like to see, and
# do not have. The display wants the ``X`` that the search was fitted to, after the
# scaler.

RegularizationPathDisplay.from_estimator(chosen, search[0].transform(X), Y, truth=truth)
plt.show()

# %%
# The likelihood of the labels rises and falls with the accuracy that it does not know.
# Its bars, one standard error of the difference to the best, are wide: 300 samples and
# three folds tell little more than that 0.08 and 0.3 are the better ones.
#
# What the choice is worth
# ------------------------
# With truth, for a check: fits without the regulariser, with the default, and with the
# choice.

print("share that is right   labelled samples   new samples")
for strength in (0, 0.02, chosen.reg_strength_):
    fitted = pipeline.set_params(crowdclassifier__reg_strength=strength).fit(X, Y)
    labelled = np.mean(fitted[-1].aggregated_proba_.argmax(axis=1) == truth)
    new = fitted.score(X_new, truth_new)
    print(f"strength {strength:<12} {labelled:.3f}              {new:.3f}")
print("one new sample is", round(1 / len(X_new), 3))

# %%
# For the classes of the labelled samples the regulariser and its choice are worth some
# points each. On new samples most of the gain is that of the default over none, and the
# rest is a sample more.
#
# This is one crowd, and one on which both scores find that regularising pays. Over 29
# crowds (:ref:`table <table-selection>`, strengths up to 0.05, measured before the last
# change to the search, see :doc:`/results`) the choice by ``CrowdClassifierCV`` is on
# average 0.20 points of accuracy below the best of its candidates, and 2.0 at worst.
# The score of ``GridSearchCV`` takes no regulariser at all in 26 of them, and is 0.69
# points below, 5.3 at worst. Without any search the default of 0.02 is 0.40 below, and
# a fixed 0.05 only 0.12, less than any search; but that it is good there only the truth
# could tell.
#
# What to do with your own labels
# -------------------------------
# - Start with the default strength. To search, prefer ``CrowdClassifierCV`` for the
#   strength, and ``GridSearchCV`` for settings that it does not know. Take five folds
#   or more where time allows.
# - Leave out ``n_init=1`` in the last fit. ``CrowdClassifierCV`` has one network in the
#   search whatever its estimator says, so there you need not set it.
# - Let ``likelihoods=["marginal", "joint"]`` take part if you wonder about these.
#   :doc:`/guide/choosing` has the rules and scores, and :doc:`/guide/defaults` what
#   speaks for the default.

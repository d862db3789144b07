"""
Quickstart: ten annotators, no truth
====================================

Ten people wrote down which digits they saw, and nobody knows whom to trust. After this
page you can fit a classifier to such labels, read the digits with it, and see how each
annotator errs.
"""

# %%
# A table of who said what
# ------------------------
# A thousand small pictures of digits were each shown to two of ten annotators. Some are
# experts, some prefer one digit, one guesses and one gets nearly everything wrong. They
# are simulated here (:func:`~skccem.simulation.make_confusion_matrices`), so that there
# is a truth to check against. No fit on this page sees it.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skccem import CrowdClassifier, MajorityVote, TwoStageClassifier
from skccem.plotting import ConfusionMatricesDisplay
from skccem.reports import annotator_report
from skccem.simulation import make_confusion_matrices, make_crowd_labels

pixels, digits = load_digits(return_X_y=True)
X, X_new, truth, truth_new = train_test_split(
    pixels / 16, digits, train_size=1000, stratify=digits, random_state=0
)
matrices = make_confusion_matrices(10, 10, kind="mixed", random_state=0)
Y = make_crowd_labels(truth, matrices, labels_per_item=2, random_state=0)
print(Y)

# %%
# ``Y`` has a row an item and a column an annotator, and -1 where there is no label. An
# array of your own looks the same; :doc:`/guide/labels` has the other forms.

print(np.asarray(Y)[:5])

# %%
# Fit and predict
# ---------------
# :class:`~skccem.CrowdClassifier` trains a network that reads digits together with one
# confusion matrix for each annotator, so that all the labels become likely. The rest is
# scikit-learn as usual: ``predict`` needs the pixels alone. ``n_init=1`` is one
# network, which is quick; the default averages four, for six to eight times the time
# (:ref:`cross-fitting`).

clf = CrowdClassifier(n_init=1, random_state=0).fit(X, Y)
print("the first new digits:", clf.predict(X_new)[:10])
print("what they are:       ", truth_new[:10])

# %%
# For the digits that were labelled there is more to go by, the labels themselves.
# ``aggregated_proba_`` puts both together.

proba = clf.aggregated_proba_
found = clf.classes_[proba.argmax(axis=1)]
print("the first labelled digits:", found[:5])
print("how probably they are so: ", proba.max(axis=1)[:5].round(3))

# %%
# Is it better than a vote?
# -------------------------
# The usual way is to take the label that most annotators gave, and to train on it. Of
# two labels that differ neither has the majority, and the vote picks one at random.
# Here is the same network after a vote, by :class:`~skccem.TwoStageClassifier`.

network = CrowdClassifier(n_init=1, random_state=0)
vote = TwoStageClassifier(MajorityVote(random_state=0), network).fit(X, Y)
voted = vote.aggregator_.predict(Y)

by_vote, by_ours = np.mean(voted == truth), np.mean(found == truth)
print("share that is right     vote   CrowdClassifier")
print(f"labelled digits        {by_vote:.3f}   {by_ours:.3f}")
by_vote, by_ours = vote.score(X_new, truth_new), clf.score(X_new, truth_new)
print(f"new digits             {by_vote:.3f}   {by_ours:.3f}")

# %%
# Of the labelled digits the vote has more than a third wrong, and the coupled fit
# hardly any. On new digits the two are closer, since a network that is trained on wrong
# labels evens some of them out. This is one crowd, and an easy one to gain from: its
# annotators are very unlike each other. :doc:`plot_against_baselines` has several, and
# better methods than a vote to compare with.
#
# How each annotator errs
# -----------------------
# Rows of a confusion matrix are what a digit is, columns what the annotator says. Above
# are the matrices that the fit found in the labels, below the true ones.

plt.rc("font", size=11)
_, ax = plt.subplots(figsize=(7, 3.8), layout="constrained")
display = ConfusionMatricesDisplay.from_estimator(
    clf, true=matrices, annotators=[0, 2, 4, 9], ax=ax
)
for cell in display.axes_.flat:
    cell.set(xticks=[0, 3, 6, 9], yticks=[0, 3, 6, 9])
    cell.tick_params(labelsize="medium")
plt.show()

# %%
# Annotator 0 is an expert. Annotator 2 often says 6, whatever the digit is, annotator 4
# guesses, and annotator 9 takes nearly every digit for another one, but mostly for the
# same. The spots in the estimate of annotator 4 are chance: there are some twenty
# labels to a row.
#
# Whom to trust
# -------------
# :func:`~skccem.reports.annotator_report` puts it into numbers and words.

report = annotator_report(clf, X, Y).sort_values("accuracy", ascending=False)
columns = ["labels", "accuracy", "accuracy_low", "accuracy_high", "information"]
print(report[[*columns, "verdict"]].round(2).to_string())

# %%
# Accuracy is not all. Annotators 9 and 4 are both nearly always wrong, but
# ``information``, the bits that a label tells about the class, is high for the one and
# next to nothing for the other: mistakes that are always the same can be undone, and
# guesses cannot. So ask annotator 4 no more, and keep annotator 9, or explain the task
# to them once again.
#
# With your own labels
# --------------------
# - Put them into any of the forms of :doc:`/guide/labels`, and leave out ``n_init=1``
#   for the last fit.
# - Texts are the same in a pipeline: :doc:`plot_text`. Images may have a network of
#   their own: :doc:`plot_images_cnn`.
# - Settings are chosen without truth: :doc:`plot_grid_search`.
# - Intervals, labels to doubt and whom to ask next are in :doc:`/guide/annotators`, and
#   whether labels such as yours can tell anything in :doc:`/guide/identifiability`.

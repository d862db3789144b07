"""
When labels identify nothing, and what to do
============================================

A fit always returns confusion matrices, also where the labels cannot say anything about
the annotators. This page shows how to notice that before you act on the numbers, and
two ways out: some more labels of the right kind, or a look at the items themselves.

Twelve volunteers have read handwritten digits, threes, eights and nines. To save
labels, each got a pile of their own. Now you want to know how good they are.
"""

# %%
# A pile for each
# ---------------
#
# The digits are scikit-learn's; the volunteers are simulated, right on 60% to 95% of
# each digit. ``answers`` has what each of them would say about every digit. Only the
# labels in ``Y`` have been collected so far; the truth is there to check against.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_digits

from skccem import CrowdClassifier, DawidSkene
from skccem.diagnostics import identifiability_report
from skccem.simulation import make_confusion_matrices, make_crowd_labels

images, digit = load_digits(return_X_y=True)
chosen = np.isin(digit, [3, 8, 9])
X = (images[chosen] / 16).astype(np.float32)
truth = np.searchsorted([3, 8, 9], digit[chosen])

matrices = make_confusion_matrices(
    12, 3, kind="diagonally_dominant", accuracy=(0.6, 0.95), random_state=0
)
answers = np.asarray(make_crowd_labels(truth, matrices, p=1.0, random_state=0))

items = np.arange(len(X))
Y = np.full(answers.shape, -1)
Y[items, items % 12] = answers[items, items % 12]
print(f"{len(X)} digits, {np.sum(Y >= 0)} labels")

model = DawidSkene(random_state=0).fit(Y)
accuracy = np.diagonal(model.confusion_matrices_, axis1=1, axis2=2).mean(axis=1)
print(f"Accuracies of the volunteers: {accuracy.min():.2f} to {accuracy.max():.2f}")

# %%
# Everyone is perfect, says :class:`~skccem.DawidSkene`: nobody has ever been
# contradicted. In truth they are right on 60% to 95% of each digit.
#
# Ask before you believe
# ----------------------
#
# :func:`~skccem.diagnostics.identifiability_report` needs no truth.

report = identifiability_report(model, None, Y)
print(f"Verdict: {report.verdict}")
report.checks[["value", "threshold", "passed", "decides"]].round(2)

# %%
# ``print(report)`` says what each check means. The verdict hangs on those that decide;
# where one fails, there is something to do:

for check in report.checks.query("decides and not passed").itertuples():
    print(f"{check.Index}: {check.what_to_do}")

# %%
# Not one label is on a digit that somebody else has labelled too. More labels of the
# same kind would not help, however many.
#
# First way out: shared items
# ---------------------------
#
# So the next labels go to digits that have one already. In each round sixty digits,
# drawn at random, are shown to two further volunteers, also drawn at random, so that
# everybody meets everybody. Then we fit and ask again. The last two columns are known
# to us alone: how far the matrices are from the true ones, measured like the expected
# error, and the share of digits that are named right.

rng = np.random.default_rng(0)
waiting = rng.permutation(len(X))
rounds = []
for _ in range(6):
    model = DawidSkene(random_state=0).fit(Y)
    report = identifiability_report(model, None, Y)
    error = np.abs(model.confusion_matrices_ - matrices).sum(axis=2).mean() / 2
    rounds.append(
        {
            "labels": np.sum(Y >= 0),
            "verdict": report.verdict,
            "probability": report.checks.loc["recovery probability", "value"],
            "expected error": report.checks.loc["expected matrix error", "value"],
            "true error": error,
            "right": np.mean(model.predict(Y) == truth),
        }
    )
    shared, waiting = waiting[:60], waiting[60:]
    for item in shared:
        asked = rng.choice(np.flatnonzero(Y[item] < 0), 2, replace=False)
        Y[item, asked] = answers[item, asked]
rounds = pd.DataFrame(rounds)
rounds.round(2)

# %%
fig, ax = plt.subplots(figsize=(6.5, 4), layout="constrained")
ax.plot("labels", "expected error", "o-", data=rounds, color="#0072B2")
ax.plot("labels", "true error", "s--", data=rounds, color="#D55E00")
ax.axhline(0.15, color="grey", linewidth=1)
ax.annotate("recovered: at most this", (rounds["labels"].max(), 0.155), ha="right")
enough = rounds["labels"][rounds["verdict"] == "identified"].min()
ax.axvspan(enough, rounds["labels"].max(), color="0.93", label="identified")
ax.set(xlabel="labels", ylabel="error of the confusion matrices", ylim=(0, None))
legend = ax.legend(frameon=False)

# %%
# At first the report expects an even larger error than there is, then the two come
# together, and the verdict goes from not identified by doubtful to identified. The
# share of digits named right falls at first, while a model that knows little about the
# volunteers weighs them against each other, and then it rises.
#
# Draw such labels at random, so that everybody shares items with several others.
# :func:`~skccem.collecting.suggest_labels` builds on what a fit says about annotators,
# which here was wrong: it is for the rounds after these.
#
# Second way out: look at the items
# ---------------------------------
#
# The checks offer something else: a classifier of features. Two digits that look alike
# are nearly a digit with two labels. Here are the first labels again, one a digit, and
# :class:`~skccem.CrowdClassifier`, which sees the images. One network (``n_init=1``) is
# enough for this page.

first = np.full(answers.shape, -1)
first[items, items % 12] = answers[items, items % 12]
clf = CrowdClassifier(max_epochs=40, n_init=1, random_state=0).fit(X, first)
report = identifiability_report(clf, X, first)
error = np.abs(clf.confusion_matrices_ - matrices).sum(axis=2).mean() / 2
named = clf.aggregated_proba_.argmax(axis=1)
print(f"Verdict: {report.verdict}")
print(f"Expected error: {report.checks.loc['expected matrix error', 'value']:.2f}")
print(f"True error: {error:.2f}")
print(f"Digits named right: {np.mean(named == truth):.3f}")

# %%
# The same labels that told nothing by themselves identify classes and volunteers
# together with the images. The features must tell the classes apart for that, as they
# do here, and the report fits three clones to parts of the items to see whether they
# do.
#
# What the report cannot see
# --------------------------
#
# It is a judgement, not a proof. It errs more often by saying "identified" than by
# denying it, and where the verdict decides about much, do not stop at the first round
# that passes. Where most annotators guess, or most make the same mistake, its word
# counts for less: then give some digits gold labels (:ref:`gold-labels`) and compare.
# :doc:`/guide/identifiability` says how often it is right, and has a table of what
# helps where.

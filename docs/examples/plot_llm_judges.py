"""
LLM judges as annotators of short texts
=======================================

You let several language models label your texts and want to know which topics to
believe, which models are worth their price, and what to ask next. This page does it
for customers' messages, and needs the true topics for nothing but a check.

Customers write in, and each message belongs to one of four topics. Eight LLM judges are
at hand, three of which see each message, as more would cost too much. Nobody knows the
topics, but for forty messages that an expert reads.
"""

# %%
# The messages
# ------------
#
# They are simulated, so that the page runs anywhere and the truth is known to check
# against. Every third message also touches on another topic.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from skccem import CrowdClassifier, CrowdLabels, DawidSkene, MajorityVote
from skccem.collecting import suggest_labels
from skccem.plotting import AnnotatorRankingDisplay, ConfusionMatricesDisplay
from skccem.report import report
from skccem.reports import annotator_report, consensus, gold_audit

n_messages = 600

PHRASES = {
    "account": [
        "I cannot log in any more",
        "my password is not accepted",
        "how do I change my email address",
        "please delete my profile",
        "the code to sign in never arrives",
    ],
    "billing": [
        "I was charged twice",
        "the invoice shows the wrong amount",
        "I want my money back",
        "my card was declined",
        "why does the subscription cost more",
    ],
    "delivery": [
        "the parcel has not arrived",
        "the box came damaged",
        "where is my order",
        "tracking has not moved for a week",
        "you sent it to my old address",
    ],
    "praise": [
        "I love what you built",
        "the new version is great",
        "thank you for the quick help",
        "best service I ever had",
        "keep up the good work",
    ],
}
OPENINGS = [
    "Hello,",
    "Hi there,",
    "Good morning,",
    "Dear team,",
    "To whom it concerns:",
]
ENDINGS = [
    "Thanks.",
    "Please advise.",
    "Regards, a customer",
    "I wait for an answer.",
    "",
]
TOPICS = sorted(PHRASES)


def write_messages(n_messages, rng):
    """Messages and their topics."""
    texts, topics = [], []
    for _ in range(n_messages):
        topic, other = rng.choice(TOPICS, 2, replace=False)
        parts = list(rng.choice(PHRASES[topic], 2, replace=False))
        if rng.uniform() < 1 / 3:
            parts.insert(int(rng.integers(3)), rng.choice(PHRASES[other]))
        body = ", and ".join(parts)
        texts.append(f"{rng.choice(OPENINGS)} {body}. {rng.choice(ENDINGS)}".strip())
        topics.append(topic)
    return texts, np.array(topics)


rng = np.random.default_rng(0)
texts, truth = write_messages(n_messages, rng)
for text in texts[:3]:
    print(text)

# %%
# The judges
# ----------
#
# ``ask`` reads a message as a model might that misses words, prefers a topic, listens
# to what comes last, or mixes up two options of its prompt. In its place call your
# models; all that follows stays the same.

# How each judge reads: the chance to take in a phrase, how much more the last phrase
# counts than the others, a topic that it prefers, and topics that its prompt mixes up.
JUDGES = {
    "large": (0.97, 0.9, None, {}),
    "large, hot": (0.93, 1.0, None, {}),
    "medium": (0.85, 1.0, None, {}),
    "medium, terse prompt": (0.80, 1.5, None, {}),
    "small": (0.65, 1.0, None, {}),
    "small, eager": (0.55, 1.0, "billing", {}),
    "mixed-up prompt": (
        0.90,
        1.0,
        None,
        {"account": "delivery", "delivery": "account"},
    ),
    "broken parser": (0.0, 1.0, None, {}),
}


def ask(judge, text, rng):
    """What a judge says about a message. Call a model here."""
    attention, last_counts, favourite, mixed_up = JUDGES[judge]
    scores = dict.fromkeys(TOPICS, 0.0)
    if favourite:
        scores[favourite] += 0.8
    found = [
        (text.index(phrase), topic)
        for topic in TOPICS
        for phrase in PHRASES[topic]
        if phrase in text
    ]
    for place, (_, topic) in enumerate(sorted(found)):
        if rng.uniform() < attention:
            is_last = place == len(found) - 1
            scores[topic] += last_counts if is_last else 1.0
    best = max(scores.values())
    answer = str(rng.choice([topic for topic in TOPICS if scores[topic] == best]))
    return mixed_up.get(answer, answer)


# %%
# The answers go into a table with a row a label, which :class:`~skccem.CrowdLabels`
# reads; :doc:`/guide/labels` has its other forms.


def collect(pairs):
    """The answers to pairs of a message and a judge, as a table with a row a label."""
    pairs = list(pairs)
    return {
        "task": [item for item, _ in pairs],
        "worker": [judge for _, judge in pairs],
        "label": [ask(judge, texts[item], rng) for item, judge in pairs],
    }


def labels_of(table):
    return CrowdLabels.from_long(
        table, items=range(n_messages), annotators=list(JUDGES), classes=TOPICS
    )


judges = list(JUDGES)
table = collect(
    (item, judges[m])
    for item in range(n_messages)
    for m in rng.choice(len(judges), 3, replace=False)
)
Y = labels_of(table)
print(Y)

# %%
# 1. Who is right?
# ----------------
#
# :class:`~skccem.CrowdClassifier` reads the texts, and learns how each judge errs.
# :class:`~skccem.MajorityVote` and :class:`~skccem.DawidSkene` know the answers alone.

X = TfidfVectorizer(ngram_range=(1, 2), dtype=np.float32).fit_transform(texts)
clf = CrowdClassifier(max_epochs=30, random_state=0).fit(X, Y)
named = {
    "majority vote": MajorityVote(random_state=0).fit_predict(Y),
    "Dawid-Skene": DawidSkene(random_state=0).fit_predict(Y),
    "CrowdClassifier": clf.classes_[clf.aggregated_proba_.argmax(axis=1)],
}
shares = {name: np.mean(topics == truth) for name, topics in named.items()}
print("Messages whose topic is right (the truth is for this check alone):")
for name, share in shares.items():
    print(f"  {name:16} {share:.3f}")

# %%
# In a vote two weak judges beat a good one. Dawid-Skene finds out whom to believe, and
# the texts settle much of the rest.
#
# 2. Which judges are worth their price?
# --------------------------------------
#
# :func:`~skccem.reports.annotator_report` says how often each judge is right, how sure
# that is, and a verdict in words. No truth goes in.

judged = annotator_report(clf, X, Y).sort_values("accuracy", ascending=False)
columns = ["labels", "accuracy", "accuracy_low", "accuracy_high", "verdict"]
judged[columns].round(2)

# %%
_, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
ranking = AnnotatorRankingDisplay.from_report(judged, ax=ax)

# %%
# The intervals of the two large judges overlap, and so do those of the two medium ones:
# there the price may decide. "broken parser" answers as dice do, and can go. "mixed-up
# prompt" is right on half of the messages only, but look at how it errs, beside one
# that prefers a topic:

shown = ConfusionMatricesDisplay.from_estimator(
    clf, annotators=["small, eager", "mixed-up prompt"]
)

# %%
# "small, eager" says billing too often. "mixed-up prompt" says delivery for account and
# account for delivery, nearly always. Such answers tell as much as right ones once the
# habit is known: the classifier reads them the other way round. Mend the prompt, and
# keep the answers that you have paid for.
#
# 3. Is that so?
# --------------
#
# All of this rests on the judges' agreement and on the texts. So an expert reads forty
# messages drawn at random, and :func:`~skccem.reports.gold_audit` compares: the
# classifier alone, the classifier with the answers ("model"), and the vote.

gold = np.full(n_messages, None)
read = rng.choice(n_messages, 40, replace=False)
gold[read] = truth[read]
gold_audit(clf, X, Y, gold).round(2)

# %%
# 4. What to look at, and whom to ask what next?
# ----------------------------------------------
#
# :func:`~skccem.reports.consensus` has the least certain messages on top.

first = consensus(clf, X, Y, proba=clf.aggregated_proba_).head(3)
for item, row in first.iterrows():
    print(f"{row['label']} ({row['probability']:.2f}): {texts[item]}")

# %%
# :func:`~skccem.collecting.suggest_labels` says which judge to show which message, by
# what the answer is expected to tell; it also takes the price of each judge.

more = suggest_labels(clf, X, Y, n=n_messages // 6, random_state=0)
print(more["annotator"].value_counts().to_string())

# %%
# Nobody asks the broken parser again. The mixed-up prompt is asked as often as the best
# judge.
#
# We ask, and fit again to all the answers and, as ``gold``, to what the expert read
# (:ref:`gold-labels`).

answers = collect(zip(more["item"], more["annotator"], strict=True))
Y = labels_of({name: table[name] + answers[name] for name in table})
clf = CrowdClassifier(max_epochs=30, random_state=0).fit(X, Y, gold=gold)
topics = clf.classes_[clf.aggregated_proba_.argmax(axis=1)]
others = np.setdiff1d(np.arange(n_messages), read)
print("Messages whose topic is right, of those that the expert did not read:")
for name, found in {"before": named["CrowdClassifier"], "after": topics}.items():
    print(f"  {name:6} {np.mean(found[others] == truth[others]):.3f}")

# %%
# 5. For those who decide, one page
# ---------------------------------
#
# :func:`~skccem.report.report` writes judges, messages and labels to one HTML file,
# which needs no network. Write it where you like; here it goes to a temporary folder.

with tempfile.TemporaryDirectory() as folder:
    page = report(
        clf,
        X,
        Y,
        Path(folder) / "report.html",
        proba=clf.aggregated_proba_,
        texts=texts,
        title="Eight judges of customers' messages",
    )
    html = page.read_text("utf-8")
print(f"{page.name}: {len(html) // 1000} kB")

# %%
# What is next
# ------------
#
# Simulated judges err independently of each other. Real models may share their training
# data and so their mistakes, which no method sees from the answers alone: let an expert
# read some messages in any case. :doc:`/guide/annotators` says more about the tables,
# :doc:`/guide/identifiability` about what such labels can tell at all, and
# :doc:`/guide/machines` how to go on when there are many more of them.

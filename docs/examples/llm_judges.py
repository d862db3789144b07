"""
LLM judges as annotators of short texts
=======================================

Whom to trust, and what to do next::

    python docs/examples/llm_judges.py [--out DIR]       # a minute

Customers write in, and each message belongs to one of four topics. Eight LLM judges are
at hand, three of which see each message, as more would cost too much. Nobody knows the
topics, but for forty messages that an expert read.

The judges here are simulated, so that the script runs anywhere and the truth is known
to check against: `ask` reads a message as a model might that misses words, prefers a
topic, listens to what comes last, or mixes up two options of its prompt. In its place
call your models; all that follows stays the same.
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from skccem import CrowdClassifier, CrowdLabels, DawidSkene, MajorityVote
from skccem.collecting import suggest_labels
from skccem.report import report
from skccem.reports import annotator_report, consensus, gold_audit

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
    "Waiting for an answer.",
    "",
]
TOPICS = sorted(PHRASES)

# How each judge reads: the chance to take in a phrase, how much more the last phrase
# counts than the first, a topic that it prefers, and topics that its prompt mixes up.
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


def write_messages(n_messages, rng):
    """Messages and their topics; every third one also touches on another topic."""
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


def collect(texts, pairs, rng):
    """The answers to pairs of a message and a judge, as a table with a row a label."""
    pairs = list(pairs)
    return {
        "task": [item for item, _ in pairs],
        "worker": [judge for _, judge in pairs],
        "label": [ask(judge, texts[item], rng) for item, judge in pairs],
    }


def labels_of(table, n_messages):
    return CrowdLabels.from_long(
        table, items=range(n_messages), annotators=list(JUDGES), classes=TOPICS
    )


def main(argv=None):
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[1])
    arguments.add_argument("--out", type=Path, default=Path("llm_judges"))
    arguments.add_argument("--messages", type=int, default=600)
    arguments.add_argument("--epochs", type=int, default=50)
    options = arguments.parse_args(argv)
    n, rng = options.messages, np.random.default_rng(0)
    texts, truth = write_messages(n, rng)
    judges = list(JUDGES)
    pairs = [
        (item, judges[m])
        for item in range(n)
        for m in rng.choice(len(judges), 3, replace=False)
    ]
    table = collect(texts, pairs, rng)
    Y = labels_of(table, n)
    print(Y)

    # 1. Who is right? The classifier reads the texts, and learns how each judge errs.
    X = TfidfVectorizer(ngram_range=(1, 2), dtype=np.float32).fit_transform(texts)
    clf = CrowdClassifier(max_epochs=options.epochs, random_state=0).fit(X, Y)
    ours = clf.classes_[clf.aggregated_proba_.argmax(axis=1)]
    found = {
        "majority vote": MajorityVote(random_state=0).fit_predict(Y),
        "Dawid-Skene": DawidSkene(random_state=0).fit_predict(Y),
        "CrowdClassifier": ours,
    }
    print("\nMessages whose topic is right (known here, as they are simulated):")
    for name, topics in found.items():
        print(f"  {name:16} {np.mean(topics == truth):.3f}")

    # 2. Which judges are worth their price?
    columns = ["labels", "accuracy", "accuracy_low", "accuracy_high", "verdict"]
    judged = annotator_report(clf, X, Y).sort_values("accuracy", ascending=False)
    print(f"\n{judged[columns].round(2).to_string()}")

    # 3. Is that so? An expert reads forty messages drawn at random.
    gold = np.full(n, None)
    read = rng.choice(n, 40, replace=False)
    gold[read] = truth[read]
    print(f"\n{gold_audit(clf, X, Y, gold).round(2).to_string()}")

    # 4. What to look at, and whom to ask what next?
    proba = clf.aggregated_proba_
    print("\nTo review first:")
    for item, row in consensus(clf, X, Y, proba=proba).head(3).iterrows():
        print(f"  {row['label']} ({row['probability']:.2f}): {texts[item]}")
    more = suggest_labels(clf, X, Y, n=n // 6)
    asked = more["annotator"].value_counts()
    print(f"\nNext {len(more)} questions, by judge: {asked.to_dict()}")
    answers = collect(texts, zip(more["item"], more["annotator"], strict=True), rng)
    both = {name: table[name] + answers[name] for name in table}
    Y = labels_of(both, n)
    clf = CrowdClassifier(max_epochs=options.epochs, random_state=0)
    clf.fit(X, Y, gold=gold)
    ours = clf.classes_[clf.aggregated_proba_.argmax(axis=1)]
    others = np.setdiff1d(np.arange(n), read)
    right = np.mean(ours[others] == truth[others])
    print(f"With them and the expert's forty, of the other messages: {right:.3f}")

    # 5. For those who decide, one page.
    options.out.mkdir(parents=True, exist_ok=True)
    page = report(
        clf,
        X,
        Y,
        options.out / "report.html",
        proba=clf.aggregated_proba_,
        texts=texts,
        title="Eight judges of customers' messages",
    )
    print(f"\nThe report: {page}")


if __name__ == "__main__":
    main()

"""Settings of all tests, also of the examples in docstrings and in the guide."""

import torch

# Test processes run side by side, and small matrices gain nothing from threads.
torch.set_num_threads(1)

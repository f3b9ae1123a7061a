"""LeNet's first epoch on MNIST: python3 epoch_with_torch.py THREADS. Prints JSON, as players/epoch.ts."""

import gzip
import json
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F
from models import lenet

BATCH = 64


def idx(name):
    with gzip.open(os.path.join(os.environ["BRICKWORK_DATA"], "mnist", name)) as file:
        content = file.read()
    rank = content[3]
    shape = np.frombuffer(content, ">i4", rank, 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape)


def part(name, mean, std):
    images = torch.from_numpy(idx(f"{name}-images-idx3-ubyte.gz").copy())
    labels = torch.from_numpy(idx(f"{name}-labels-idx1-ubyte.gz").astype(np.int64))

    def batch(chosen):
        pixels = images[chosen].unsqueeze(1).to(torch.float32)
        return (pixels / 255 - mean) / std, labels[chosen]

    return batch, len(labels)


torch.set_num_threads(int(sys.argv[1]))
torch.manual_seed(0)
training, count = part("train", 0.1307, 0.3081)
testing, test_count = part("t10k", 0.1307, 0.3081)
model = lenet()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for chosen in torch.randperm(count).split(BATCH):
    x, y = training(chosen)
    optimizer.zero_grad()
    F.cross_entropy(model(x), y).backward()
    optimizer.step()
model.eval()
right = 0
with torch.inference_mode():
    for chosen in torch.arange(test_count).split(4 * BATCH):
        x, y = testing(chosen)
        right += int((model(x).argmax(1) == y).sum())
print(json.dumps({"accuracy": right / test_count}))

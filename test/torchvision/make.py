"""What torchvision says of its models: python3 test/torchvision/make.py, run at the repository's root.

For each: the number of parameters, a SHA-256 of the sorted lines "name shape" of its states, and for
some the scores of two images in evaluation, with weights and images of bench/inputs.ts, running
variances of 2 and 7 classes.
"""

import hashlib
import json
import sys

sys.path.insert(0, "bench/peers/python")
import protocol  # noqa: E402

import torch  # noqa: E402
import torchvision  # noqa: E402

names = ["alexnet", *[f"vgg{n}{b}" for b in ("", "_bn") for n in (11, 13, 16, 19)]]
names += [f"resnet{n}" for n in (18, 34, 50, 101, 152)]
names += ["squeezenet1_0", "squeezenet1_1", "mobilenet_v2", "googlenet"]
scored = ["alexnet", "vgg11_bn", "resnet18", "resnet50", "squeezenet1_0", "squeezenet1_1"]
scored += ["mobilenet_v2", "googlenet"]


def build(name, classes):
    options = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}
    return getattr(torchvision.models, name)(weights=None, num_classes=classes, **options)


def scores(name):
    model = build(name, 7).eval()
    with torch.no_grad():
        for i, (key, parameter) in enumerate(model.named_parameters()):
            values = protocol.parameter_values(key, list(parameter.shape), i)
            parameter.copy_(torch.from_numpy(values))
        for key, buffer in model.named_buffers():
            if key.endswith("running_var"):
                buffer.fill_(2)
        out = model(torch.from_numpy(protocol.noise([2, 3, 96, 96], 1, 0)))
    return [float(f"{v:.6g}") for v in out.flatten()]


found = {}
for name in names:
    with torch.device("meta"):
        model = build(name, 1000)
    lines = sorted(f"{k} {','.join(map(str, v.shape))}" for k, v in model.state_dict().items())
    found[name] = {
        "parameters": sum(p.numel() for p in model.parameters()),
        "states": hashlib.sha256("\n".join(lines).encode()).hexdigest(),
        **({"scores": scores(name)} if name in scored else {}),
    }
with open("test/torchvision/models.json", "w") as file:
    json.dump(found, file, indent=1)

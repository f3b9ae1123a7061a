"""Names and shapes of timm's states: python3 make.py in this folder, with timm."""

import json
import pathlib

import timm

names = ["resnet18", "resnet50", "vgg16", "vgg11_bn", "mobilenetv2_100"]
states = {
    name: {k: list(v.shape) for k, v in timm.create_model(name).state_dict().items()}
    for name in names
}
lines = [
    f" {json.dumps(name)}: {{\n"
    + ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in state.items())
    + "\n }"
    for name, state in states.items()
]
pathlib.Path("states.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")

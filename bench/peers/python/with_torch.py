"""PyTorch as a player: eager, as most of its users run it on a processor."""

import torch
import torch.nn.functional as F
from models import build_model
from protocol import Skip, classes, forget_peak, noise, parameter_values, serve, tokens


def tensor(shape, scale=1.0, seed=0):
    return torch.from_numpy(noise(shape, scale, seed))


def gemm(spec):
    a, b = tensor([spec["m"], spec["k"]]), tensor([spec["k"], spec["n"]], 1, 1)
    return lambda: a @ b


def convolution(spec):
    x, w = tensor(spec["input"]), tensor(spec["weight"], 0.1, 1)
    options = {name: spec[name] for name in ("stride", "padding", "groups")}
    if not spec["backward"]:
        return lambda: F.conv2d(x, w, **options)
    g = tensor(list(F.conv2d(x, w, **options).shape), 1, 2)
    x.requires_grad_()
    w.requires_grad_()

    def both():
        y = F.conv2d(x, w, **options)
        return [y, *torch.autograd.grad(y, [x, w], g)]

    return both


def softmax(spec):
    x = tensor(spec["shape"])
    return lambda: torch.softmax(x, -1)


def layer_norm(spec):
    x, shape = tensor(spec["shape"]), spec["shape"][1:]
    weight, bias = tensor(shape, 1, 1), tensor(shape, 1, 2)
    return lambda: F.layer_norm(x, shape, weight, bias)


def batch_norm(spec):
    x = tensor(spec["shape"])
    layer = initialize(torch.nn.BatchNorm2d(x.shape[1]))
    return lambda: layer(x)


def chain(spec):
    x = tensor(spec["shape"])

    def run():
        y = torch.relu(x * 1.1 + 0.3)
        y = torch.sqrt(torch.abs(torch.square(y) - 0.5)) * x + x
        return -torch.clamp_max(torch.clamp_min(y, -1), 1)

    return run


def total(spec):
    x, axis = tensor(spec["shape"]), spec["axis"]
    return lambda: x.sum(axis)


def initialize(model):
    with torch.no_grad():
        for i, (name, parameter) in enumerate(model.named_parameters()):
            values = parameter_values(name, list(parameter.shape), i)
            parameter.copy_(torch.from_numpy(values))
    return model


def optimizer_of(spec, model):
    if spec["name"] == "adam":
        return torch.optim.Adam(model.parameters(), lr=spec["lr"])
    return torch.optim.SGD(model.parameters(), lr=spec["lr"], momentum=spec["momentum"])


def batch_of(spec):
    shape, count = spec["input"], spec["classes"]
    if spec["model"]["name"] != "charlstm":
        return tensor(shape), torch.from_numpy(classes(shape[0], count))
    n = shape[0] * shape[1]
    return torch.from_numpy(tokens(n, count)).reshape(shape), torch.from_numpy(classes(n, count))


def training(spec, first):
    with first:
        model = build_model(spec["model"])
        optimizer = optimizer_of(spec["optimizer"], model)
    initialize(model)
    x, y = batch_of(spec)

    def step():
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def inference(spec, first):
    with first:
        model = build_model(spec["model"])
    initialize(model).eval()
    x = tensor(spec["input"])

    def run():
        with torch.inference_mode():
            return model(x)

    return run


operations = {
    "gemm": gemm,
    "convolution": convolution,
    "softmax": softmax,
    "layerNorm": layer_norm,
    "batchNorm": batch_norm,
    "chain": chain,
    "sum": total,
}
networks = {"training": training, "inference": inference}


def prepare(spec, threads, first):
    torch.set_num_threads(threads)
    kind = spec["kind"]
    if kind in networks:
        call = networks[kind](spec, first)
    elif kind in operations:
        call = operations[kind](spec)
    else:
        raise Skip(f"with_torch.py has no {kind}")
    forget_peak()
    with first:
        kept = [call()]
    while len(kept) < spec.get("steps", 0):
        kept.append(call())
    kept = kept if "steps" in spec else []

    def results():
        outputs = kept or [call()]
        flat = [t for out in outputs for t in (out if isinstance(out, list) else [out])]
        return [t.detach().numpy() for t in flat]

    return call, results


serve(f"PyTorch {torch.__version__}", prepare)

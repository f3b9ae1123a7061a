"""Small checkpoints as PyTorch writes them, and what they hold: run in this folder with PyTorch 2.

expected.json says of each file the tensors' shapes and values by dotted name.
"""

import collections
import io
import json
import os
import pathlib
import zipfile

import torch

torch.manual_seed(7)


def of(dtype, *values):
    return torch.tensor(values, dtype=dtype)


plain = collections.OrderedDict(
    double=of(torch.float64, 1.5, -2.25),
    float=of(torch.float32, 0.1, float("inf"), -3.0),
    half=of(torch.float16, 0.333251953125, -65504.0),
    bfloat=of(torch.bfloat16, 1.0, -0.00390625),
    long=of(torch.int64, -1, 2**31 - 1),
    int=of(torch.int32, -(2**31), 7),
    short=of(torch.int16, -5, 6),
    char=of(torch.int8, -128, 127),
    byte=of(torch.uint8, 0, 255),
    bool=of(torch.bool, True, False),
    word=of(torch.uint16, 0, 65535),
    scalar=torch.tensor(2.5),
    empty=torch.zeros(0, 3),
)

base = torch.arange(24, dtype=torch.float32)
views = {
    "whole": base,
    "matrix": base.view(4, 6),
    "transposed": base.view(4, 6).t(),
    "part": base[5:11],
    "window": base.view(2, 3, 4)[:, 1:, ::2],
    "expanded": base[3:5].view(2, 1).expand(2, 5),
    "channels_last": base.view(1, 2, 3, 4).contiguous(memory_format=torch.channels_last),
    "one": base.view(4, 6)[2:3, 4:5],
}

model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.Flatten())
model.append(torch.nn.Linear(8, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
model(torch.randn(4, 1, 4, 4)).sum().backward()
optimizer.step()
training = {
    "epoch": 3,
    "best": 0.5,
    "arch": "tiny",
    "done": False,
    "nothing": None,
    "large": 2**70,
    "history": [{"loss": 1.5}, (1, 2)],
    "model_state_dict": model.state_dict(),
    "optimizer": optimizer.state_dict(),
    "ema": {"shadow": [torch.ones(2), torch.nn.Parameter(torch.zeros(1, 2))]},
}


class Evil:
    def __reduce__(self):
        return (os.system, ("touch pwned",))


def saved(value, **options):
    buffer = io.BytesIO()
    torch.save(value, buffer, **options)
    return buffer.getvalue()


def repacked(content, change=lambda name, data: data, method=zipfile.ZIP_STORED):
    """The same entries, changed, in another zip."""
    buffer = io.BytesIO()
    source = zipfile.ZipFile(io.BytesIO(content))
    with zipfile.ZipFile(buffer, "w", method) as target:
        for name in source.namelist():
            target.writestr(zipfile.ZipInfo(name), change(name, source.read(name)), method)
    return buffer.getvalue()


def big_endian(name, data):
    if name.endswith("/byteorder"):
        return b"big"
    if "/data/" not in name:
        return data
    return b"".join(data[i : i + 4][::-1] for i in range(0, len(data), 4))


floats = {"w": torch.arange(6, dtype=torch.float32).view(2, 3), "b": of(torch.int32, 1, -1)}
torch.serialization.set_crc32_options(False)
no_crc = saved(floats)
torch.serialization.set_crc32_options(True)

files = {
    "plain.pt": saved(plain),
    "protocol5.pt": saved(plain, pickle_protocol=5),
    "legacy.pt": saved({k: v for k, v in plain.items()}, _use_new_zipfile_serialization=False),
    "views.pt": saved(views),
    "legacy-views.pt": saved(views, _use_new_zipfile_serialization=False),
    "training.pt": saved(training),
    "big-endian.pt": repacked(saved(floats), big_endian),
    "deflated.pt": repacked(saved(floats), method=zipfile.ZIP_DEFLATED),
    "no-crc.pt": no_crc,
    "parameter.pt": saved([torch.nn.Parameter(torch.ones(2)), torch.Size([1, 2]), torch.float16]),
    "tensor.pt": saved(of(torch.float32, 1.0, 2.0)),
    "evil.pt": saved({"w": torch.ones(1), "x": Evil()}),
    "legacy-evil.pt": saved({"x": Evil()}, _use_new_zipfile_serialization=False),
    "module.pt": saved(torch.nn.Linear(1, 1)),
}

held = {
    "plain.pt": plain,
    "protocol5.pt": plain,
    "legacy.pt": plain,
    "views.pt": views,
    "legacy-views.pt": views,
    "training.pt": training["model_state_dict"],
    "big-endian.pt": floats,
    "deflated.pt": floats,
    "no-crc.pt": floats,
    "parameter.pt": {"0": torch.ones(2)},
    "tensor.pt": {"tensor": of(torch.float32, 1.0, 2.0)},
}


def described(tensor):
    values = tensor.to(torch.float64).flatten().tolist()
    return {"shape": list(tensor.shape), "values": ["inf" if v == float("inf") else v for v in values]}


for name, content in files.items():
    pathlib.Path(name).write_bytes(content)
expected = {name: {k: described(v) for k, v in tensors.items()} for name, tensors in held.items()}
pathlib.Path("expected.json").write_text(json.dumps(expected, indent=1) + "\n")

with zipfile.ZipFile("script.pt", "w") as script:
    script.writestr("script/data.pkl", b"\x80\x02N.")
    script.writestr("script/constants.pkl", b"\x80\x02).")
    script.writestr("script/code/__torch__.py", b"")
